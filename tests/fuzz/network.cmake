wolffia_fuzz(port_mapping LINK wolffia_network)
wolffia_fuzz(dns_message LINK wolffia_holder)
