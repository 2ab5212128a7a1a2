wolffia_test(cgroup_test SOURCES unit/cgroup_bus_test.cc unit/cgroup_host_test.cc unit/cgroup_limits_test.cc
  LINK wolffia_cgroup)
