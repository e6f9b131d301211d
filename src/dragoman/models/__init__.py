"""What model families can do, as data: `profiles.toml`, read by `profile.py`."""
