"""The command line: one file for each subcommand, declared in `main.py`."""
