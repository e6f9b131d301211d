"""Wire formats: one folder for each, the same file names in each, one shape for all (`dialect.py`)."""
