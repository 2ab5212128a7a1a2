wolffia_fuzz(seccomp_profile LINK wolffia_seccomp)
wolffia_fuzz(passwd LINK wolffia_spec)
