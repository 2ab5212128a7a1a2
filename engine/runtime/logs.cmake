# Output, logs and events of containers.
