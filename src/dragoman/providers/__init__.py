"""Places that answer requests, and as whom the gateway goes there. `table.toml` holds the known ones."""
