wolffia_test(oci_test
  SOURCES unit/oci_reference_test.cc unit/oci_manifest_test.cc unit/oci_image_config_test.cc unit/oci_json_test.cc
    unit/oci_runtime_spec_test.cc
  LINK wolffia_oci wolffia_hash nlohmann_json::nlohmann_json)
