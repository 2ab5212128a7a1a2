wolffia_test(store_test
  SOURCES unit/store_container_test.cc unit/store_image_test.cc unit/store_layer_test.cc unit/store_open_test.cc
  LINK wolffia_layer_writer)
