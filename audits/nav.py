"""Menu entries of this app; importing this module registers them."""
