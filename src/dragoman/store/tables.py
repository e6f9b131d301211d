"""The tables, as every database has them. `migrations/` makes them; a test holds the two together.

Times are in Unix seconds, durations in seconds, money in nano-dollars.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    literal_column,
    text,
)

from dragoman.store.any_text import AnyText

METADATA = MetaData()
"""All tables."""

_NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""Eight bytes everywhere; SQLite numbers rows by itself under this name only."""

RESPONSES = Table(
    "responses",
    METADATA,
    Column("id", AnyText, primary_key=True),
    Column("key", AnyText, primary_key=True),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("provider", AnyText),
    Column("request", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Index("responses_expires", "expires"),
)
"""Kept answers; the columns are the fields of `KeptResponse`. The key belongs to the primary key, so
that clients whose answers have the same id do not meet."""

FACTS = Table(
    "facts",
    METADATA,
    Column("name", AnyText, primary_key=True),
    Column("value", AnyText, nullable=False),
)
"""Single facts about the store: `revision`, the number of the last change to keys and teams; `secret`, by
which a gateway sees whether it hashes keys with the secret that the others use."""

TEAMS = Table(
    "teams",
    METADATA,
    Column("id", AnyText, primary_key=True),
    Column("name", AnyText, nullable=False, unique=True),
    Column("rules", AnyText, nullable=False),
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Column("deleted", Double),
    Column("revision", BigInteger, nullable=False),
    Index("teams_revision", "revision"),
)
"""Teams. `rules` is JSON, see `dragoman.store.keys`. What is deleted stays for the ledger, under a name of
its own."""

KEYS = Table(
    "keys",
    METADATA,
    Column("id", AnyText, primary_key=True),
    Column("name", AnyText, nullable=False),
    Column("owner", AnyText, nullable=False),
    Column("team", AnyText),
    Column("rules", AnyText, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("expires", Double),
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Column("deleted", Double),
    Column("revision", BigInteger, nullable=False),
    Index("keys_revision", "revision"),
    Index("keys_team", "team"),
    Index("keys_name", "name"),
)
"""Virtual keys, without what opens anything."""

KEY_HASHES = Table(
    "key_hashes",
    METADATA,
    Column("hash", AnyText, primary_key=True),
    Column("key", AnyText, nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Index("key_hashes_key", "key"),
)
"""What opens a key: the keyed hash of its text in hexadecimal digits; two while a key is rotated."""

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("id", AnyText, primary_key=True),
    Column("spent", BigInteger, nullable=False),
    Column("updated", Double, nullable=False),
)
"""What was spent; see `dragoman.store.leases`."""

LEASES = Table(
    "leases",
    METADATA,
    Column("id", AnyText, primary_key=True),
    Column("account", AnyText, nullable=False),
    Column("worker", AnyText, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("expires", Double, nullable=False),
    Index("leases_account", "account", "expires"),
)
"""What is lent. `amount` is what lives of it: charges and what was given back are taken off."""

JOURNALS = Table(
    "journals",
    METADATA,
    Column("name", AnyText, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("updated", Double, nullable=False),
)
"""How far each journal file has been read into the ledger, in bytes; in the same transaction as the rows."""

_USAGE = (
    *("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning"),
    *("audio_input", "audio_output", "image_input", "image_output", "searches"),
)

REQUESTS = Table(
    "requests",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("request_id", AnyText, nullable=False, unique=True),
    Column("revision", SmallInteger, nullable=False),
    Column("began", Double, nullable=False),
    Column("key_id", AnyText, nullable=False),
    Column("key_name", AnyText, nullable=False),
    Column("owner", AnyText, nullable=False),
    Column("team_id", AnyText, nullable=False),
    Column("team_name", AnyText, nullable=False),
    Column("tags", AnyText, nullable=False),
    Column("route", AnyText, nullable=False),
    Column("model", AnyText, nullable=False),
    Column("target", AnyText, nullable=False),
    Column("dialect", AnyText, nullable=False),
    Column("upstream_dialect", AnyText, nullable=False),
    Column("plan", AnyText, nullable=False),
    Column("purpose", AnyText, nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("cached", Boolean, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("stop", AnyText, nullable=False),
    Column("failure", AnyText, nullable=False),
    Column("error", AnyText, nullable=False),
    Column("losses", AnyText, nullable=False),
    Column("queue", Double, nullable=False),
    Column("first_token", Double),
    Column("total", Double),
    *(Column(name, BigInteger) for name in _USAGE),
    Column("estimated", Boolean, nullable=False),
    Column("unpriced", Boolean, nullable=False),
    Column("cost", BigInteger),
    Column("charges", AnyText, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("node", AnyText, nullable=False),
    Index("requests_began", "began"),
    Index("requests_key", "key_id", "began"),
    Index("requests_model", "model", "began"),
    Index("requests_dialect", "dialect", "began"),
)
"""The ledger: one row for each request; the columns are fields of `Entry`. `tags` and `charges` are JSON.

Teams, routes and targets have no index: `ROLLUPS` say where their rows are, see
`dragoman.store.ledger_zones`.
"""

COST_CLASS = literal_column(
    "(length(CAST(cost AS TEXT)) * 10 + CAST(substr(CAST(cost AS TEXT), 1, 1) AS INTEGER))", Integer
)
"""The number of digits of a cost, and its first digit: 2 nano-dollars are 12, 345 are 33. In an index by
costs each row would have its own place; those of a class come one after the other, as they are written."""

Index("requests_cost", COST_CLASS, REQUESTS.c.began, REQUESTS.c.cost, postgresql_include=["id"])

# only of the rows that are not like most; a text, because the databases write a Boolean differently
for _name, _columns, _sqlite, _postgresql in (
    ("owner", ("owner", "began"), "owner != ''", "owner != ''"),
    (
        "unusual",
        ("began", "status", "failure", "unpriced", "estimated"),
        *("status != 200 OR failure != ''", "status != 200 OR failure != ''"),
    ),
    ("unpriced", ("began",), "unpriced = 1", "unpriced"),
    ("estimated", ("began",), "estimated = 1", "estimated"),
):
    Index(
        f"requests_{_name}",
        *(REQUESTS.c[_column] for _column in _columns),
        postgresql_include=["id"] if len(_columns) > 2 else None,
        sqlite_where=text(_sqlite),
        postgresql_where=text(_postgresql),
    )

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("request_id", AnyText, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("target", AnyText, nullable=False),
    Column("credential", AnyText, nullable=False),
    Column("upstream_dialect", AnyText, nullable=False),
    Column("plan", AnyText, nullable=False),
    Column("outcome", AnyText, nullable=False),
    Column("hedge", Boolean, nullable=False),
    Column("resent", SmallInteger, nullable=False),
    Column("began", Double, nullable=False),
    Column("queue", Double),
    Column("connect", Double),
    Column("first_byte", Double),
    Column("first_token", Double),
    Column("total", Double),
    Column("failure", AnyText, nullable=False),
    Column("error", AnyText, nullable=False),
    Column("upstream_status", SmallInteger),
    Column("upstream_request_id", AnyText, nullable=False),
    *(Column(name, BigInteger) for name in _USAGE),
    Column("estimated", Boolean, nullable=False),
    Column("unpriced", Boolean, nullable=False),
    Column("cost", BigInteger),
    Column("cost_rows", AnyText, nullable=False),
    Column("price_source", AnyText, nullable=False),
    Index("attempts_request", "request_id"),
)
"""Upstream requests, numbered from 1 in their request. `cost_rows` is JSON: lists of kind, count, price."""

Index(
    "attempts_upstream",
    ATTEMPTS.c.upstream_request_id,
    sqlite_where=text("upstream_request_id != ''"),
    postgresql_where=text("upstream_request_id != ''"),
)

BODIES = Table(
    "bodies",
    METADATA,
    Column("request_id", AnyText, primary_key=True),
    Column("kind", AnyText, primary_key=True),
    Column("began", Double, nullable=False),
    Column("media_type", AnyText, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("truncated", Boolean, nullable=False),
    Index("bodies_began", "began"),
)
"""What is kept of the bodies of requests and answers."""

ROLLUPS = Table(
    "rollups",
    METADATA,
    Column("span", SmallInteger, primary_key=True, autoincrement=False),
    Column("begins", BigInteger, primary_key=True, autoincrement=False),
    Column("key_id", AnyText, primary_key=True),
    Column("team_id", AnyText, primary_key=True),
    Column("route", AnyText, primary_key=True),
    Column("target", AnyText, primary_key=True),
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
    sqlite_with_rowid=False,
)
"""Sums for charts, kept as rows arrive: by hour (`span` 1) and by day (`span` 24), both in UTC. `total` and
`first_token` are sums of seconds, of all requests and of `first_tokens` of them."""
