# The control socket of a monitor and its clients.
