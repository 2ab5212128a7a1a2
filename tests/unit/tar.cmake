wolffia_test(tar_test SOURCES unit/tar_reader_test.cc LINK wolffia_tar)
wolffia_test(tar_index_test SOURCES unit/tar_index_builder_test.cc unit/tar_merge_test.cc
  LINK wolffia_index_builder)
