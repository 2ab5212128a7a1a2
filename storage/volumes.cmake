# Volumes and secrets.
