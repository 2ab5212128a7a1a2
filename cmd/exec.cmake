# Static, as the monitor: it starts in a third of the time, and its start is most of what `exec` takes.
add_executable(wolffia-exec exec_main.cc)
target_link_libraries(wolffia-exec PRIVATE wolffia_exec_helper)
if(NOT WOLFFIA_SANITIZE AND NOT WOLFFIA_FUZZ)
  target_link_options(wolffia-exec PRIVATE -static)
endif()
