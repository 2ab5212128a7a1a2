wolffia_fuzz(control LINK wolffia_control)
