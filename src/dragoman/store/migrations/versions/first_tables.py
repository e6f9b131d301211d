"""The first tables.

Databases that were made before there were steps have the table `responses`, as it is here, and no other.
"""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, LargeBinary, SmallInteger, Text, text

revision = "0001"
down_revision = None

_NUMBER = BigInteger().with_variant(Integer, "sqlite")
_TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make every table that is not there."""
    op.create_table(
        "accounts",
        Column("id", _TEXT, primary_key=True),
        Column("spent", BigInteger, nullable=False),
        Column("updated", Double, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "attempts",
        Column("id", _NUMBER, primary_key=True, autoincrement=True),
        Column("request_id", _TEXT, nullable=False),
        Column("number", SmallInteger, nullable=False),
        Column("target", _TEXT, nullable=False),
        Column("credential", _TEXT, nullable=False),
        Column("upstream_dialect", _TEXT, nullable=False),
        Column("plan", _TEXT, nullable=False),
        Column("outcome", _TEXT, nullable=False),
        Column("hedge", Boolean, nullable=False),
        Column("resent", SmallInteger, nullable=False),
        Column("began", Double, nullable=False),
        Column("queue", Double),
        Column("connect", Double),
        Column("first_byte", Double),
        Column("first_token", Double),
        Column("total", Double),
        Column("failure", _TEXT, nullable=False),
        Column("error", _TEXT, nullable=False),
        Column("upstream_status", SmallInteger),
        Column("upstream_request_id", _TEXT, nullable=False),
        Column("input", BigInteger),
        Column("output", BigInteger),
        Column("cache_read", BigInteger),
        Column("cache_write", BigInteger),
        Column("cache_write_1h", BigInteger),
        Column("reasoning", BigInteger),
        Column("audio_input", BigInteger),
        Column("audio_output", BigInteger),
        Column("image_input", BigInteger),
        Column("image_output", BigInteger),
        Column("searches", BigInteger),
        Column("estimated", Boolean, nullable=False),
        Column("unpriced", Boolean, nullable=False),
        Column("cost", BigInteger),
        Column("cost_rows", _TEXT, nullable=False),
        Column("price_source", _TEXT, nullable=False),
        if_not_exists=True,
    )
    op.create_index("attempts_request", "attempts", ["request_id"], if_not_exists=True)
    op.create_index(
        "attempts_upstream",
        "attempts",
        ["upstream_request_id"],
        sqlite_where=text("upstream_request_id != ''"),
        postgresql_where=text("upstream_request_id != ''"),
        if_not_exists=True,
    )
    op.create_table(
        "bodies",
        Column("request_id", _TEXT, primary_key=True),
        Column("kind", _TEXT, primary_key=True),
        Column("began", Double, nullable=False),
        Column("media_type", _TEXT, nullable=False),
        Column("content", LargeBinary, nullable=False),
        Column("truncated", Boolean, nullable=False),
        if_not_exists=True,
    )
    op.create_index("bodies_began", "bodies", ["began"], if_not_exists=True)
    op.create_table(
        "facts",
        Column("name", _TEXT, primary_key=True),
        Column("value", _TEXT, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "journals",
        Column("name", _TEXT, primary_key=True),
        Column("position", BigInteger, nullable=False),
        Column("updated", Double, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "key_hashes",
        Column("hash", _TEXT, primary_key=True),
        Column("key", _TEXT, nullable=False),
        Column("created", Double, nullable=False),
        Column("expires", Double),
        if_not_exists=True,
    )
    op.create_index("key_hashes_key", "key_hashes", ["key"], if_not_exists=True)
    op.create_table(
        "keys",
        Column("id", _TEXT, primary_key=True),
        Column("name", _TEXT, nullable=False),
        Column("owner", _TEXT, nullable=False),
        Column("team", _TEXT),
        Column("rules", _TEXT, nullable=False),
        Column("disabled", Boolean, nullable=False),
        Column("expires", Double),
        Column("created", Double, nullable=False),
        Column("updated", Double, nullable=False),
        Column("deleted", Double),
        Column("revision", BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_index("keys_name", "keys", ["name"], if_not_exists=True)
    op.create_index("keys_revision", "keys", ["revision"], if_not_exists=True)
    op.create_index("keys_team", "keys", ["team"], if_not_exists=True)
    op.create_table(
        "leases",
        Column("id", _TEXT, primary_key=True),
        Column("account", _TEXT, nullable=False),
        Column("worker", _TEXT, nullable=False),
        Column("amount", BigInteger, nullable=False),
        Column("expires", Double, nullable=False),
        if_not_exists=True,
    )
    op.create_index("leases_account", "leases", ["account", "expires"], if_not_exists=True)
    op.create_table(
        "requests",
        Column("id", _NUMBER, primary_key=True, autoincrement=True),
        Column("request_id", _TEXT, nullable=False, unique=True),
        Column("revision", SmallInteger, nullable=False),
        Column("began", Double, nullable=False),
        Column("key_id", _TEXT, nullable=False),
        Column("key_name", _TEXT, nullable=False),
        Column("owner", _TEXT, nullable=False),
        Column("team_id", _TEXT, nullable=False),
        Column("team_name", _TEXT, nullable=False),
        Column("tags", _TEXT, nullable=False),
        Column("route", _TEXT, nullable=False),
        Column("model", _TEXT, nullable=False),
        Column("target", _TEXT, nullable=False),
        Column("dialect", _TEXT, nullable=False),
        Column("upstream_dialect", _TEXT, nullable=False),
        Column("plan", _TEXT, nullable=False),
        Column("purpose", _TEXT, nullable=False),
        Column("stream", Boolean, nullable=False),
        Column("cached", Boolean, nullable=False),
        Column("status", SmallInteger, nullable=False),
        Column("stop", _TEXT, nullable=False),
        Column("failure", _TEXT, nullable=False),
        Column("error", _TEXT, nullable=False),
        Column("losses", _TEXT, nullable=False),
        Column("queue", Double, nullable=False),
        Column("first_token", Double),
        Column("total", Double),
        Column("input", BigInteger),
        Column("output", BigInteger),
        Column("cache_read", BigInteger),
        Column("cache_write", BigInteger),
        Column("cache_write_1h", BigInteger),
        Column("reasoning", BigInteger),
        Column("audio_input", BigInteger),
        Column("audio_output", BigInteger),
        Column("image_input", BigInteger),
        Column("image_output", BigInteger),
        Column("searches", BigInteger),
        Column("estimated", Boolean, nullable=False),
        Column("unpriced", Boolean, nullable=False),
        Column("cost", BigInteger),
        Column("charges", _TEXT, nullable=False),
        Column("attempts", SmallInteger, nullable=False),
        Column("node", _TEXT, nullable=False),
        if_not_exists=True,
    )
    op.create_index("requests_began", "requests", ["began"], if_not_exists=True)
    op.create_index(
        "requests_cost",
        "requests",
        [
            text("(length(CAST(cost AS TEXT)) * 10 + CAST(substr(CAST(cost AS TEXT), 1, 1) AS INTEGER))"),
            "began",
            "cost",
        ],
        postgresql_include=["id"],
        if_not_exists=True,
    )
    op.create_index("requests_dialect", "requests", ["dialect", "began"], if_not_exists=True)
    op.create_index(
        "requests_estimated",
        "requests",
        ["began"],
        sqlite_where=text("estimated = 1"),
        postgresql_where=text("estimated"),
        if_not_exists=True,
    )
    op.create_index("requests_key", "requests", ["key_id", "began"], if_not_exists=True)
    op.create_index("requests_model", "requests", ["model", "began"], if_not_exists=True)
    op.create_index(
        "requests_owner",
        "requests",
        ["owner", "began"],
        sqlite_where=text("owner != ''"),
        postgresql_where=text("owner != ''"),
        if_not_exists=True,
    )
    op.create_index(
        "requests_unpriced",
        "requests",
        ["began"],
        sqlite_where=text("unpriced = 1"),
        postgresql_where=text("unpriced"),
        if_not_exists=True,
    )
    op.create_index(
        "requests_unusual",
        "requests",
        ["began", "status", "failure", "unpriced", "estimated"],
        sqlite_where=text("status != 200 OR failure != ''"),
        postgresql_where=text("status != 200 OR failure != ''"),
        postgresql_include=["id"],
        if_not_exists=True,
    )
    op.create_table(
        "responses",
        Column("id", _TEXT, primary_key=True),
        Column("key", _TEXT, primary_key=True),
        Column("created", Double, nullable=False),
        Column("expires", Double, nullable=False),
        Column("provider", _TEXT),
        Column("request", LargeBinary, nullable=False),
        Column("answer", LargeBinary, nullable=False),
        if_not_exists=True,
    )
    op.create_index("responses_expires", "responses", ["expires"], if_not_exists=True)
    op.create_table(
        "rollups",
        Column("span", SmallInteger, primary_key=True, autoincrement=False),
        Column("begins", BigInteger, primary_key=True, autoincrement=False),
        Column("key_id", _TEXT, primary_key=True),
        Column("team_id", _TEXT, primary_key=True),
        Column("route", _TEXT, primary_key=True),
        Column("target", _TEXT, primary_key=True),
        Column("requests", BigInteger, nullable=False),
        Column("failures", BigInteger, nullable=False),
        Column("cached", BigInteger, nullable=False),
        Column("unpriced", BigInteger, nullable=False),
        Column("input", BigInteger, nullable=False),
        Column("output", BigInteger, nullable=False),
        Column("cache_read", BigInteger, nullable=False),
        Column("cache_write", BigInteger, nullable=False),
        Column("cost", BigInteger, nullable=False),
        Column("total", Double, nullable=False),
        Column("first_token", Double, nullable=False),
        Column("first_tokens", BigInteger, nullable=False),
        if_not_exists=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "teams",
        Column("id", _TEXT, primary_key=True),
        Column("name", _TEXT, nullable=False, unique=True),
        Column("rules", _TEXT, nullable=False),
        Column("created", Double, nullable=False),
        Column("updated", Double, nullable=False),
        Column("deleted", Double),
        Column("revision", BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_index("teams_revision", "teams", ["revision"], if_not_exists=True)
