# The overlay on its own: a stand-in for fuse-overlayfs. Static for the same reasons as the monitor.
wolffia_library(wolffia_overlayfs_options SOURCES overlayfs_options.cc overlayfs_mount.cc LINK wolffia_overlay)
add_executable(wolffia-overlayfs overlayfs_main.cc)
target_link_libraries(wolffia-overlayfs PRIVATE wolffia_overlayfs_options wolffia_overlay_server)
if(NOT WOLFFIA_SANITIZE AND NOT WOLFFIA_FUZZ)
  target_link_options(wolffia-overlayfs PRIVATE -static)
endif()
install(TARGETS wolffia-overlayfs RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
