# Health checks. wolffia_health_schedule: when they run and what they mean, without any process.
wolffia_library(wolffia_health_schedule SOURCES health_schedule.cc LINK wolffia_storage)
wolffia_library(wolffia_health SOURCES health.cc health_probe.cc
  LINK wolffia_health_schedule wolffia_exec_client wolffia_logs)
