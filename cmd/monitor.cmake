# Static where nothing forbids it: it starts in a third of the time, and the libraries' writable pages are not in the memory
# of every container.
add_executable(wolffia-monitor monitor_main.cc)
target_link_libraries(wolffia-monitor PRIVATE wolffia_runtime)
if(NOT WOLFFIA_SANITIZE AND NOT WOLFFIA_FUZZ)
  target_link_options(wolffia-monitor PRIVATE -static)
endif()
