"""How the tables came to be: one file in `versions/` for each step, which Alembic runs in their order."""

NEWEST = "0001"
"""The last step. A database that has it is up to date, and nothing of Alembic is loaded."""
