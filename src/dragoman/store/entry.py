"""What the ledger holds of one request: its row and those of its attempts, before they are rows.

Times are in Unix seconds, durations in seconds, money in nano-dollars. None means that it is not known.
"""

import msgspec


class Charge(msgspec.Struct, frozen=True, array_like=True):
    """What one account pays of a request."""

    account: str
    """`Account.id`."""
    lease: str
    """The lease out of which it was set aside; empty where there was none."""
    amount: int


class CostRow(msgspec.Struct, frozen=True, array_like=True):
    """One line of a cost: so many of one kind at one price."""

    kind: str
    """A field of `Usage`, such as `input` or `cache_read`."""
    count: int
    price: str
    """US dollars for a million tokens (for a thousand of what is no token), as a decimal number."""


class UsageCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """The counts of `dragoman.conversation.usage.Usage`, under the same names and convention."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    image_input: int | None = None
    image_output: int | None = None
    searches: int | None = None


class AttemptEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One upstream request."""

    target: str
    """`provider/model`, as the route has it."""
    credential: str
    upstream_dialect: str
    plan: str
    outcome: str
    began: float
    hedge: bool = False
    resent: int = 0
    queue: float | None = None
    connect: float | None = None
    first_byte: float | None = None
    first_token: float | None = None
    total: float | None = None
    failure: str = ""
    error: str = ""
    upstream_status: int | None = None
    upstream_request_id: str = ""
    usage: UsageCounts = UsageCounts()
    estimated: bool = False
    cost: int | None = None
    cost_rows: tuple[CostRow, ...] = ()
    price_source: str = ""
    """Where the price is from, and of when: `genai-prices 0.2.3, 2026-11-22`, `the configuration`."""
    unpriced: bool = False
    """Whether there was usage and no price for it."""


class BodyEntry(msgspec.Struct, frozen=True):
    """A request's or an answer's body, as far as it is kept."""

    kind: str
    """`request` or `answer`."""
    media_type: str
    content: bytes
    truncated: bool = False


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request."""

    request_id: str
    began: float
    key_id: str
    key_name: str
    dialect: str
    model: str
    status: int
    """The HTTP status that the client was sent, 499 where it left."""
    revision: int = 0
    """What was written down first is 0. A later one of the same request takes its place."""
    owner: str = ""
    team_id: str = ""
    team_name: str = ""
    tags: tuple[str, ...] = ()
    route: str = ""
    target: str = ""
    upstream_dialect: str = ""
    plan: str = ""
    purpose: str = ""
    stream: bool = False
    cached: bool = False
    queue: float = 0.0
    first_token: float | None = None
    total: float | None = None
    stop: str = ""
    failure: str = ""
    error: str = ""
    losses: str = ""
    usage: UsageCounts = UsageCounts()
    """What the answer took that went to the client."""
    estimated: bool = False
    cost: int | None = None
    """What all attempts cost together."""
    unpriced: bool = False
    node: str = ""
    attempts: tuple[AttemptEntry, ...] = ()
    charges: tuple[Charge, ...] = ()
    bodies: tuple[BodyEntry, ...] = ()
