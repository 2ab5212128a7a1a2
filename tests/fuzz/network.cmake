wolffia_fuzz(port_mapping LINK wolffia_network)
