"""What is measured of the store, the ledger's journal, budgets and limits: read from them when a page is
made, so that it costs requests nothing.
"""

import time
from collections.abc import Callable

import msgspec
from prometheus_client import CollectorRegistry

from dragoman.telemetry import instruments
from dragoman.telemetry.series import make_counter, make_gauge

_NANO = 1e-9


class BackingState(msgspec.Struct, frozen=True):
    """How what a gateway stands on is at this moment, in one process."""

    store_usable: bool = True
    """Whether the store could be used when that was last tried."""
    coordination_degraded: bool = False
    """Whether limits are counted with fewer others than they should be."""
    journal_unread_bytes: int = 0
    """What is written into the journal and not yet in the store."""
    journal_unread_since: float | None = None
    """When the oldest of it was written, in Unix seconds."""
    rows_written: int = 0
    """Requests that this process has brought to the ledger since it began."""
    entries_dropped: int = 0
    """Entries since then that could not be written down."""
    entries_rejected: int = 0
    """Entries since then that the store does not take."""
    leased_nanos: int = 0
    """Nano-dollars of budgets that this process holds."""
    reserved_nanos: int = 0
    """Nano-dollars of budgets that are set aside for requests on their way."""


class BackingMetrics:
    """The metrics of one process. `read` says how things are, from memory; `now` gives Unix seconds."""

    def __init__(
        self,
        registry: CollectorRegistry,
        read: Callable[[], BackingState],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._read = read
        self._now = now
        self._seen = BackingState()
        self._usable = make_gauge(registry, instruments.STORE)
        self._degraded = make_gauge(registry, instruments.COORDINATION)
        self._unread = make_gauge(registry, instruments.JOURNAL)
        self._age = make_gauge(registry, instruments.JOURNAL_AGE)
        self._rows = make_counter(registry, instruments.ROWS)
        self._lost = make_counter(registry, instruments.LOST)
        self._leased = make_gauge(registry, instruments.LEASED)
        self._reserved = make_gauge(registry, instruments.RESERVED)
        self.refresh()

    def refresh(self) -> None:
        """Take over how things are."""
        seen, found = self._seen, self._read()
        self._seen = found
        since = found.journal_unread_since
        self._usable[()].set(found.store_usable)
        self._degraded[()].set(found.coordination_degraded)
        self._unread[()].set(found.journal_unread_bytes)
        self._age[()].set(0.0 if since is None else max(0.0, self._now() - since))
        self._leased[()].set(found.leased_nanos * _NANO)
        self._reserved[()].set(found.reserved_nanos * _NANO)
        self._rows[()].inc(found.rows_written - seen.rows_written)
        self._lost["dropped",].inc(found.entries_dropped - seen.entries_dropped)
        self._lost["rejected",].inc(found.entries_rejected - seen.entries_rejected)
