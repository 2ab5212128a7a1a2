wolffia_test(tar_writer_test SOURCES unit/tar_writer_test.cc LINK wolffia_tar)
wolffia_test(copy_rules_test SOURCES unit/copy_path_test.cc unit/change_flag_test.cc LINK wolffia_copy_rules)
wolffia_test(upper_changes_test SOURCES unit/upper_changes_test.cc LINK wolffia_upper_changes wolffia_index_builder)
