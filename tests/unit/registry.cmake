wolffia_test(registry_test SOURCES unit/registry_test.cc unit/registry_archive_test.cc
  LINK wolffia_registry PkgConfig::ZLIB PkgConfig::ZSTD)
