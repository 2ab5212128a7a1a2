wolffia_fuzz(policy LINK wolffia_policy)
wolffia_fuzz(signature LINK wolffia_signature)
