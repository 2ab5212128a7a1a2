wolffia_test(signature_test SOURCES unit/signature_test.cc unit/signature_keys_test.cc LINK wolffia_signature)
