"""What is measured of the store, the ledger's journal, budgets and limits: read from them when a page is
made, so that it costs requests nothing.
"""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from dragoman.telemetry import instruments
from dragoman.telemetry.backing_state import BackingState
from dragoman.telemetry.series import make_counter, make_gauge

_NANO = 1e-9


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
