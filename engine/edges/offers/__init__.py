"""Where what triggers offer is left for those who send it, without a broker."""
