"""Where things are kept for good, and what is: the store and the ledger as the configuration says them."""

from typing import Annotated, Literal

from msgspec import Meta

from dragoman.config.price_settings import PriceSettings
from dragoman.config.secret import Secret
from dragoman.config.section import MEBIBYTE, Name, Section

Days = Annotated[float, Meta(ge=0, le=36_500)]


class Store(Section, frozen=True, forbid_unknown_fields=True):
    """`[store]`: the database of keys, budgets and the ledger."""

    url: Secret | None = None
    """A Postgres database, as `postgresql://user:password@host:5432/name`. Without it, an SQLite file in the
    data directory."""


class Ledger(Section, frozen=True, forbid_unknown_fields=True):
    """`[ledger]`: what is written down of every request."""

    retention: Days = 0.0
    """How long its rows are kept, in days; 0 for good. Sums for charts stay."""
    bodies: Literal["off", "metadata", "full"] = "off"
    """What is kept of requests and answers themselves: nothing; their form without what people wrote; all."""
    bodies_retention: Days = 30.0
    """How long those are kept, in days; 0 for as long as the row."""
    redact: tuple[Name, ...] = ()
    """Regular expressions: what matches is taken out of bodies before they are kept."""
    max_body_bytes: Annotated[int, Meta(ge=0, le=64 * MEBIBYTE)] = MEBIBYTE
    """The most that is kept of one body, in bytes."""
    max_journal_bytes: Annotated[int, Meta(ge=MEBIBYTE, le=1024 * 1024 * MEBIBYTE)] = 1024 * MEBIBYTE
    """The most that one process holds on its disk while the store is away, in bytes."""
    when_full: Literal["refuse", "forget"] = "refuse"
    """What becomes of requests when that is full: refused with status 503, or served without a row."""
    unpriced: Literal["block", "warn", "assume"] = "warn"
    """What becomes of requests to models whose price is not known: refused; served, with a cost that is
    marked as unknown; served at `assumed_price`. Keys with a budget are not served without a price."""
    assumed_price: PriceSettings | None = None
    """What such models are taken to cost, for `unpriced = "assume"`."""
