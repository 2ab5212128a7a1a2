# Terminals, attach and exec.
wolffia_library(wolffia_terminal
  SOURCES detach_keys.cc raw_terminal.cc stream_relay.cc stream_pump.cc terminal_client.cc
  LINK wolffia_control)
