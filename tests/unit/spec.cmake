wolffia_test(seccomp_test SOURCES unit/seccomp_test.cc LINK wolffia_seccomp)
