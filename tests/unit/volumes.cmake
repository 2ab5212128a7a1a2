wolffia_test(volumes_test
  SOURCES unit/volume_store_test.cc unit/secret_store_test.cc unit/volume_fill_test.cc
  LINK wolffia_layer_writer wolffia_volume_fill)
