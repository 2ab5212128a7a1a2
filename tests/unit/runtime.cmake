wolffia_test(runtime_test SOURCES unit/runtime_plan_test.cc unit/runtime_protocol_test.cc unit/restart_policy_test.cc
  LINK wolffia_launch wolffia_monitor_client)
