"""What well-formed answers look like on the wire: independent of how the dialects write them."""
