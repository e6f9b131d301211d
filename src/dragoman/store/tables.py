"""The tables, as every database has them."""

from sqlalchemy import Column, Double, Index, LargeBinary, MetaData, Table, Text

METADATA = MetaData()
"""All tables."""

RESPONSES = Table(
    "responses",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("provider", Text),
    Column("request", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Index("responses_expires", "expires"),
)
"""Kept answers; the columns are the fields of `KeptResponse`. The key belongs to the primary key, so
that clients whose answers have the same id do not meet."""
