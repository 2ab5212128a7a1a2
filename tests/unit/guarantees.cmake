wolffia_test(guarantees_test SOURCES unit/guarantees_test.cc ${PROJECT_SOURCE_DIR}/cmd/doctor_view.cc
  LINK wolffia_guarantees wolffia_guarantee_rules)
