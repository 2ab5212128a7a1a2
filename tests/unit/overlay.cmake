wolffia_test(overlay_test LINK wolffia_lower_server SOURCES unit/overlay_index_test.cc unit/overlay_tree_test.cc)
wolffia_test(overlay_lower_test LINK wolffia_overlay SOURCES unit/overlay_lower_test.cc unit/overlay_owner_test.cc)
wolffia_test(overlay_data_test LINK wolffia_overlay
  SOURCES unit/overlay_acl_test.cc unit/overlay_data_test.cc unit/overlay_quota_test.cc)
wolffia_test(overlay_upper_test LINK wolffia_overlay TIMEOUT 600
  SOURCES unit/overlay_upper_test.cc unit/overlay_upper_crash_test.cc unit/overlay_sidecar_test.cc)
if(TARGET wolffia_overlay_server)
  wolffia_test(fuse_protocol_test LINK wolffia_overlay_server PkgConfig::FUSE3 SOURCES unit/fuse_protocol_test.cc unit/fuse_session_test.cc)
endif()
