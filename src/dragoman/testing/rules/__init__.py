"""What vendors refuse, with their statuses and words: independent of how the dialects parse requests."""
