# Terminals, attach and exec.
wolffia_library(wolffia_terminal
  SOURCES detach_keys.cc raw_terminal.cc stream_relay.cc stream_pump.cc terminal_client.cc
  LINK wolffia_control)
# wolffia_exec_client: whoever starts an exec. wolffia_exec_helper: the process that stays with it.
wolffia_library(wolffia_exec_client SOURCES exec_request.cc LINK wolffia_sealed_program wolffia_terminal wolffia_storage)
wolffia_library(wolffia_exec_helper SOURCES exec_helper.cc exec_plan.cc exec_session.cc
  LINK wolffia_cgroup wolffia_exec_client wolffia_launch wolffia_logs wolffia_seccomp wolffia_spec PRIVATE nlohmann_json::nlohmann_json)
