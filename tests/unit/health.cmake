wolffia_test(health_test SOURCES unit/health_test.cc LINK wolffia_health_schedule)
