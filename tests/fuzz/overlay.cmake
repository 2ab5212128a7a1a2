wolffia_fuzz(index LINK wolffia_lower_server)
