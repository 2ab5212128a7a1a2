# The control socket of a monitor and its clients.
wolffia_library(wolffia_control
  SOURCES control_client.cc control_protocol.cc control_server.cc control_socket.cc input_pump.cc process_identity.cc
    restart_policy.cc stop_signal.cc
  LINK wolffia_storage)
