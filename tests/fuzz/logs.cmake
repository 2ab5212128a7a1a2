wolffia_fuzz(log_record LINK wolffia_logs)
