# wolffia_copy_rules: what cp and import decide, without a container.
wolffia_library(wolffia_copy_rules SOURCES change_flag.cc copy_path.cc copy_resolve.cc
  LINK wolffia_control wolffia_oci wolffia_spec PRIVATE nlohmann_json::nlohmann_json)
target_sources(wolffia-image PRIVATE copy_container.cc cp.cc diff.cc dispatch_image_copy.cc export.cc import.cc)
target_link_libraries(wolffia-image PRIVATE wolffia_copy_rules wolffia_logs wolffia_root_access wolffia_upper_changes
  nlohmann_json::nlohmann_json)
