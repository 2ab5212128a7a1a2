#wolffia_log_view : logs and events as they are selected and printed : what tests reach.
wolffia_library(wolffia_log_view SOURCES event_view.cc log_printer.cc LINK wolffia_cli
                    wolffia_logs PRIVATE nlohmann_json::nlohmann_json)
    target_sources(wolffia PRIVATE dispatch_logs.cc events.cc logs.cc)
        target_link_libraries(wolffia PRIVATE wolffia_log_view wolffia_log_config)
target_link_libraries(wolffia_run_flags PUBLIC wolffia_log_config)
