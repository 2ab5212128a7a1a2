wolffia_fuzz(tar LINK wolffia_tar)
