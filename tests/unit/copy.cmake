wolffia_test(tar_writer_test SOURCES unit/tar_writer_test.cc LINK wolffia_tar)
