"""Metrics as `prometheus-client` keeps them, each with its values by its labels."""

from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from dragoman.telemetry.instruments import Instrument

Child = TypeVar("Child", Counter, Gauge, Histogram)


class Children(dict[tuple[str, ...], Child], Generic[Child]):
    """A metric by its labels' values. `labels` of the library takes several times as long."""

    def __init__(self, parent: Child) -> None:
        super().__init__()
        self._parent: Child = parent

    def __missing__(self, labels: tuple[str, ...]) -> Child:
        child = self._parent.labels(*labels) if labels else self._parent
        self[labels] = child
        return child


def make_counter(registry: CollectorRegistry, what: Instrument) -> Children[Counter]:
    """A counter, at zero."""
    return Children(Counter(what.name, what.meaning, what.labels, registry=registry))


def make_gauge(registry: CollectorRegistry, what: Instrument) -> Children[Gauge]:
    """A gauge, at zero."""
    return Children(
        Gauge(what.name, what.meaning, what.labels, registry=registry, multiprocess_mode=what.shared)
    )


def make_histogram(registry: CollectorRegistry, what: Instrument) -> Children[Histogram]:
    """A histogram of nothing yet."""
    return Children(Histogram(what.name, what.meaning, what.labels, registry=registry, buckets=what.buckets))
