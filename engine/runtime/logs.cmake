# Output, logs and events of containers. wolffia_logs: what the monitor needs of them too.
wolffia_library(wolffia_logs
  SOURCES events.cc log_format.cc log_reader.cc log_tail.cc log_watch.cc log_writer.cc output_pump.cc
  LINK wolffia_storage PRIVATE nlohmann_json::nlohmann_json)
wolffia_library(wolffia_log_config SOURCES event_reader.cc log_config.cc LINK wolffia_logs wolffia_config)
