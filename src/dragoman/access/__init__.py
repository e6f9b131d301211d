"""Who may use the gateway: keys, and where requests carry them."""
