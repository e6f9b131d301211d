"""What can be configured (`settings.py`), and loading it with errors that say where and what to write."""
