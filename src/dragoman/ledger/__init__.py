"""What is written down of every request, what it cost, and the crash-safe journal on the way to the store."""
