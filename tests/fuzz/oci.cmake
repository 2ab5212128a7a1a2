wolffia_fuzz(reference LINK wolffia_oci)
wolffia_fuzz(manifest LINK wolffia_oci)
wolffia_fuzz(config LINK wolffia_oci)
