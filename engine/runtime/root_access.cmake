# A container's root file system for cp, diff and export.
wolffia_library(wolffia_root_access SOURCES root_access.cc LINK wolffia_monitor_client wolffia_control)
