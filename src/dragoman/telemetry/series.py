"""Metrics as `prometheus-client` keeps them, each with its values by its labels.

What is counted for every request is summed up here in plain numbers first (`Sums`, `Spreads`): the library
takes a lock for each value, and writes into a file where there are several workers. `flush` brings the sums
to the library.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from dragoman.telemetry.instruments import Instrument

Child = TypeVar("Child", bound=Counter | Gauge | Histogram)


class Children(dict[tuple[str, ...], Child], Generic[Child]):
    """A metric by its labels' values. `labels` of the library takes several times as long."""

    def __init__(self, parent: Child) -> None:
        super().__init__()
        self._parent: Child = parent

    def __missing__(self, labels: tuple[str, ...]) -> Child:
        child = self._parent.labels(*labels) if labels else self._parent
        self[labels] = child
        return child


class Sum:
    """What has come to one counter since the last flush."""

    __slots__ = ("amount",)

    def __init__(self) -> None:
        self.amount = 0


class Sums:
    """A counter, at zero. Amounts are whole numbers of which one counts as `unit`."""

    def __init__(self, registry: CollectorRegistry, what: Instrument, unit: float = 1.0) -> None:
        self._counters = make_counter(registry, what)
        self._unit = unit
        self._sums: dict[tuple[str, ...], Sum] = {}

    def of(self, *labels: str) -> Sum:
        """What is counted under these labels, from now on always the same object."""
        return self._sums.setdefault(labels, Sum())

    def flush(self) -> None:
        """Bring everything to the library."""
        for labels, one in self._sums.items():
            if one.amount:
                self._counters[labels].inc(one.amount * self._unit)
                one.amount = 0


class Spread:
    """What has come to one histogram since the last flush."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """How many values there were up to each bound and above the one before, and above the last."""
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Spreads:
    """A histogram of nothing yet."""

    def __init__(self, registry: CollectorRegistry, what: Instrument) -> None:
        self._bounds = what.buckets
        self._histograms = Children(
            _Histogram(what.name, what.meaning, what.labels, registry=registry, buckets=what.buckets)
        )
        self._spreads: dict[tuple[str, ...], Spread] = {}

    def of(self, *labels: str) -> Spread:
        """What is counted under these labels, from now on always the same object."""
        known = self._spreads.get(labels)
        if known is None:
            known = self._spreads[labels] = Spread(self._bounds)
        return known

    def flush(self) -> None:
        """Bring everything to the library."""
        for labels, one in self._spreads.items():
            if any(one.counts):
                self._histograms[labels].observe_all(one.counts, one.total)
                one.counts = [0] * len(one.counts)
                one.total = 0.0


class _Value(Protocol):
    """One number of the library, in memory or in a file."""

    def inc(self, amount: float, /) -> None: ...


class _Histogram(Histogram):
    """The library's, to which many values are brought at once."""

    _sum: _Value
    _buckets: list[_Value]

    def observe_all(self, counts: Sequence[int], total: float) -> None:
        """Take so many values in each bucket, and all of them together."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


def make_counter(registry: CollectorRegistry, what: Instrument) -> Children[Counter]:
    """A counter, at zero."""
    return Children(Counter(what.name, what.meaning, what.labels, registry=registry))


def make_gauge(registry: CollectorRegistry, what: Instrument) -> Children[Gauge]:
    """A gauge, at zero."""
    return Children(
        Gauge(what.name, what.meaning, what.labels, registry=registry, multiprocess_mode=what.shared)
    )
