wolffia_test(registry_pull_test LABEL integration TIMEOUT 300 SOURCES integration/registry_pull_test.cc
  LINK wolffia_registry PkgConfig::ZLIB PkgConfig::ZSTD)
wolffia_test(registry_tls_test LABEL integration SOURCES integration/registry_tls_test.cc
  LINK wolffia_registry PkgConfig::ZLIB PkgConfig::ZSTD)
