# Output, logs and events of containers. wolffia_logs: what the monitor needs of them too.
wolffia_library(wolffia_logs SOURCES log_format.cc log_reader.cc log_tail.cc log_writer.cc output_pump.cc LINK wolffia_storage)
wolffia_library(wolffia_log_config SOURCES log_config.cc LINK wolffia_logs wolffia_config)
