"""Metrics for Prometheus. One `Metrics` belongs to one gateway, and nothing is registered globally.

With several worker processes (see `workers`) each of them writes its values to files that all share, and
each can show the sums.
"""

import asyncio
import contextlib
import os
import struct
import time
from collections.abc import Callable, Iterable
from typing import Literal, Protocol, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from dragoman import __version__
from dragoman.conversation.failure import FailureKind
from dragoman.conversation.usage import Usage
from dragoman.telemetry import instruments
from dragoman.telemetry.backing_metrics import BackingMetrics
from dragoman.telemetry.backing_state import BackingState
from dragoman.telemetry.instruments import OTHER
from dragoman.telemetry.series import Spread, Spreads, Sum, Sums, make_counter, make_gauge
from dragoman.telemetry.spending import KINDS, Spending
from dragoman.telemetry.workers import SHARED

INTERVAL = 1.0
"""Seconds between two looks of a worker at what it has going on, for the others to show."""

READS = 10
PAUSE = 0.02
"""How often the files of all workers are read until none changes under the reader's hands, and the seconds
between two tries."""

_MOST_KNOWN = 4096
"""Labels that are kept in mind by what they are made of."""

_Key = TypeVar("_Key")
_Found = TypeVar("_Found")

STATES = ("healthy", "resting", "probing", "limited")


class TargetState(Protocol):
    """What is going on at one target with one of its credentials."""

    @property
    def name(self) -> str:
        """`provider/model`."""
        ...

    @property
    def credential(self) -> str:
        """The provider's name, with a number where it has several keys."""
        ...

    @property
    def state(self) -> str:
        """One of `STATES`."""
        ...

    @property
    def in_flight(self) -> int:
        """Requests on their way there."""
        ...

    @property
    def waiting(self) -> int:
        """Requests that wait for a place there."""
        ...


class Traffic(Protocol):
    """Where gauges are read from."""

    def targets(self) -> Iterable[TargetState]:
        """All targets that something has been sent to."""
        ...

    def in_use(self) -> int:
        """Places taken."""
        ...

    def waiting(self) -> int:
        """Requests that wait for one."""
        ...


class Metrics:
    """All that is measured. Methods that count take well under a microsecond each and never raise: what comes
    with every request is summed up in plain numbers, and brought to the library by `refresh`. Routes
    are named as the configuration does, with "" for models that clients name by themselves, and targets as
    `provider/model`.
    """

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        disable_created_metrics()
        self._now = now
        self._shared = bool(os.environ.get(SHARED))
        self._registry = registry = CollectorRegistry()
        if not self._shared:
            ProcessCollector(registry=registry)
        self._traffic: Traffic | None = None
        self._backing: BackingMetrics | None = None
        self._places: dict[str, tuple[str, str]] = {}
        self._requests = Sums(registry, instruments.REQUESTS)
        self._durations = Spreads(registry, instruments.REQUEST_DURATION)
        self._own = Spreads(registry, instruments.OWN_DURATION)
        self._waits = Spreads(registry, instruments.WAIT)
        self._errors = make_counter(registry, instruments.ERRORS)
        self._refusals = make_counter(registry, instruments.REFUSALS)
        self._tokens = Sums(registry, instruments.TOKENS)
        self._cost = Sums(registry, instruments.COST, unit=1e-9)
        self._unpriced = make_counter(registry, instruments.UNPRICED)
        self._estimated = make_counter(registry, instruments.ESTIMATED)
        self._limited = make_counter(registry, instruments.LIMITED)
        self._cache = make_counter(registry, instruments.CACHE)
        self._attempts = Sums(registry, instruments.ATTEMPTS)
        self._hedges = make_counter(registry, instruments.HEDGES)
        self._retries = make_counter(registry, instruments.RETRIES)
        self._skipped = make_counter(registry, instruments.SKIPPED)
        self._first_tokens = Spreads(registry, instruments.FIRST_TOKEN)
        self._between_tokens = Spreads(registry, instruments.BETWEEN_TOKENS)
        self._upstream = Spreads(registry, instruments.UPSTREAM_DURATION)
        self._queue_waits = Spreads(registry, instruments.QUEUE_WAIT)
        self._sums = (self._requests, self._tokens, self._cost, self._attempts)
        self._spreads = (
            *(self._durations, self._own, self._waits, self._first_tokens),
            *(self._between_tokens, self._upstream, self._queue_waits),
        )
        self._of_requests: dict[tuple[str, str, str, str, bool], tuple[Sum, Spread]] = {}
        self._of_attempts: dict[tuple[str, str, str, FailureKind | None], Sum] = {}
        self._of_times: dict[tuple[str, bool], tuple[Spread, Spread, Spread]] = {}
        self._of_spending: dict[tuple[str, str], Spending] = {}
        self._in_flight = make_gauge(registry, instruments.IN_FLIGHT)
        self._waiting = make_gauge(registry, instruments.WAITING)
        self._states = make_gauge(registry, instruments.STATE)
        self._in_use = make_gauge(registry, instruments.PLACES)
        self._queued = make_gauge(registry, instruments.QUEUED)
        self._reloads = make_counter(registry, instruments.RELOADS)
        self._reloaded = make_gauge(registry, instruments.RELOADED)
        self._reloaded_at = make_gauge(registry, instruments.RELOADED_AT)
        make_gauge(registry, instruments.WORKERS)[()].set(1)
        make_gauge(registry, instruments.BUILD)[__version__,].set(1)
        for result in ("success", "failure"):
            self._reloads[result,].inc(0)
        self._loaded()

    def configure(self, targets: Iterable[str]) -> None:
        """Take the targets, as `provider/model`, that the configuration names: all others of a provider are
        counted together.
        """
        self._places = {target: _split(target) for target in targets}
        for known in (self._of_attempts, self._of_times, self._of_spending):
            known.clear()

    def watch(self, traffic: Traffic) -> None:
        """Read the gauges from there."""
        self._traffic = traffic

    def watch_backing(self, read: Callable[[], BackingState]) -> None:
        """Read from there how the store, the journal, budgets and limits are. Once."""
        self._backing = BackingMetrics(self._registry, read, self._now)

    def request(
        self,
        route: str,
        dialect: str,
        purpose: str,
        outcome: Literal["answered", "failed", "left"],
        seconds: float,
        *,
        stream: bool,
        waited: float = 0.0,
        failure: FailureKind | None = None,
    ) -> None:
        """One request has ended after so many seconds, in some of which it waited for its turn."""
        place = (route, dialect, purpose, outcome, stream)
        found = self._of_requests.get(place)
        if found is None:
            labels = (purpose or "answer", _STREAMED[stream])
            found = self._of_requests[place] = (
                self._requests.of(route or OTHER, dialect, *labels, outcome),
                self._durations.of(route or OTHER, *labels),
            )
        ended, durations = found
        ended.amount += 1
        durations.observe(seconds)
        if waited > 0:
            self._waits.of(route or OTHER).observe(waited)
        if failure is not None:
            self._errors[route or OTHER, dialect, failure.value].inc()

    def own(self, plan: str, seconds: float) -> None:
        """What the gateway itself took for a request; `plan` is how its answer came about."""
        self._own.of(plan).observe(max(0.0, seconds))

    def refused(self, kind: FailureKind) -> None:
        """A request was refused before it came to an exchange."""
        self._refusals[kind.value,].inc()

    def limited(self, route: str, holder: str, limit: str) -> None:
        """A request was refused because of a limit or a budget of a key, a team or a route."""
        self._limited[route or OTHER, holder, limit].inc()

    def looked_up(self, route: str, result: str) -> None:
        """A request has looked for its answer in the cache."""
        self._cache[route or OTHER, result].inc()

    def attempt(self, target: str, credential: str, outcome: str, failure: FailureKind | None) -> None:
        """One upstream request has ended."""
        place = (target, credential, outcome, failure)
        found = self._of_attempts.get(place)
        if found is None:
            kind = "" if failure is None else failure.value
            found = self._attempts.of(*self._place(target), credential, outcome, kind)
            self._keep(self._of_attempts, place, found)
        found.amount += 1

    def times(
        self,
        target: str,
        *,
        stream: bool,
        queued: float | None = None,
        first_token: float | None = None,
        total: float | None = None,
    ) -> None:
        """How long one upstream request took to get a place, to its first token and to its end, in
        seconds; None for what it did not come to.
        """
        found = self._of_times.get((target, stream))
        if found is None:
            place = self._place(target)
            found = (
                self._queue_waits.of(*place),
                self._first_tokens.of(*place, _STREAMED[stream]),
                self._upstream.of(*place, _STREAMED[stream]),
            )
            self._keep(self._of_times, (target, stream), found)
        queue_waits, first_tokens, totals = found
        if queued is not None:
            queue_waits.observe(queued)
        if first_token is not None:
            first_tokens.observe(first_token)
        if total is not None:
            totals.observe(total)

    def between_tokens(self, target: str, seconds: float) -> None:
        """The mean time between two tokens of one streamed answer."""
        self._between_tokens.of(*self._place(target)).observe(seconds)

    def spent(
        self,
        route: str,
        target: str,
        usage: Usage,
        nanos: int | None,
        *,
        unpriced: bool = False,
        estimated: bool = False,
    ) -> None:
        """What one upstream request used, and what that costs in nano-dollars, None where it has no price;
        whether the price of some of it is not known, and whether some of it is estimated.
        """
        found = self._of_spending.get((route, target))
        if found is None:
            place = (route or OTHER, *self._place(target))
            found = Spending(self._cost.of(*place), *(self._tokens.of(*place, kind) for kind in KINDS))
            self._keep(self._of_spending, (route, target), found)
        found.add(usage, nanos or 0)
        if unpriced:
            self._unpriced[self._place(target)].inc()
        if estimated:
            self._estimated[self._place(target)].inc()

    def hedge(self, route: str, outcome: str) -> None:
        """A second upstream request beside a slow one has ended."""
        self._hedges[route or OTHER, outcome].inc()

    def retry(self, route: str, *, elsewhere: bool) -> None:
        """A request was sent upstream once more."""
        self._retries[route or OTHER, "other" if elsewhere else "same"].inc()

    def skipped(self, route: str, target: str) -> None:
        """A target was not asked, for a reason that the log gives."""
        self._skipped[(route or OTHER, *self._place(target))].inc()

    def reloaded(self, *, success: bool) -> None:
        """The configuration was read again, and is used from now on or not."""
        self._reloads["success" if success else "failure",].inc()
        if success:
            self._loaded()
        else:
            self._reloaded[()].set(0)

    def refresh(self) -> None:
        """Set the gauges to what is going on right now, and bring what was summed up to the counters."""
        for summed in (*self._sums, *self._spreads):
            summed.flush()
        if self._backing is not None:
            self._backing.refresh()
        if self._traffic is not None:
            self._refresh_traffic(self._traffic)

    def _refresh_traffic(self, traffic: Traffic) -> None:
        # what is not there any more is zero: series cannot be taken back from files that others read
        in_flight = dict.fromkeys(self._in_flight, 0)
        waiting = dict.fromkeys(self._waiting, 0)
        states = dict.fromkeys(self._states, 0)
        for target in traffic.targets():
            place = (*self._place(target.name), target.credential)
            in_flight[place] = in_flight.get(place, 0) + target.in_flight
            waiting[place] = waiting.get(place, 0) + target.waiting
            for state in STATES:
                key = (*place, state)
                states[key] = states.get(key, 0) + (state == target.state)
        for gauges, values in (
            (self._in_flight, in_flight),
            (self._waiting, waiting),
            (self._states, states),
        ):
            for labels, value in values.items():
                gauges[labels].set(value)
        self._in_use[()].set(traffic.in_use())
        self._queued[()].set(traffic.waiting())

    async def keep_current(self) -> None:
        """Where there are several workers, show the others what goes on in this one, until cancelled."""
        try:
            while self._shared:
                self.refresh()
                await asyncio.sleep(INTERVAL)
        finally:
            self.refresh()  # what was counted last stays, whoever shows it

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The page for Prometheus and its content type: OpenMetrics where the `Accept` header asks for it,
        else Prometheus' own text.
        """
        self.refresh()
        return self._page(accept)

    async def page(self, accept: str = "") -> tuple[bytes, str]:
        """The same as `render`, written in another thread: a page of many routes takes a tenth of a second,
        in which no answer is to stand still.
        """
        self.refresh()
        return await asyncio.to_thread(self._page, accept)

    def _page(self, accept: str) -> tuple[bytes, str]:
        encode, content_type = choose_encoder(accept)
        if not self._shared:
            return encode(self._registry), content_type
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        for _ in range(READS):
            # another worker may be making its file at this moment, or the one of a dead worker may go
            with contextlib.suppress(OSError, RuntimeError, ValueError, struct.error):
                return encode(registry), content_type
            time.sleep(PAUSE)
        return encode(registry), content_type

    def _loaded(self) -> None:
        self._reloaded[()].set(1)
        self._reloaded_at[()].set(self._now())

    def _keep(self, known: dict[_Key, _Found], place: _Key, found: _Found) -> None:
        """Keep in mind where something is counted: clients may name as many models as they like."""
        if len(known) >= _MOST_KNOWN:
            known.clear()
        known[place] = found

    def _place(self, target: str) -> tuple[str, str]:
        return self._places.get(target) or (_split(target)[0], OTHER)


_STREAMED = {True: "true", False: "false"}


def _split(target: str) -> tuple[str, str]:
    provider, _, model = target.partition("/")
    return provider, model
