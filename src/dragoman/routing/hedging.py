"""The share of extra calls: how many requests may get a second upstream call because the first is slow."""

from dragoman.routing.recent import Recent
from dragoman.routing.route import Route

BURST = 20.0
"""Second calls that can be saved up for a bad moment: slow answers come in clusters, by mere chance."""
LATE = 5.0
"""So many times the median is late, whatever a higher quantile says. Once more answers are slow than the
quantile leaves out, it is the time of the slow ones, and waiting for that would end hedging just when it is
needed.
"""
MOST_ROUTES = 4096
_ENOUGH = 1 - 1e-9
"""One call, in spite of what adding up fractions loses."""


class Hedges:
    """A token bucket for each route that hedges: a request puts its share in, a second call takes one out.

    Over n requests there are at most `share * n + 1` second calls. Each worker process counts for itself,
    which keeps the share for all of them together.
    """

    def __init__(self) -> None:
        self._saved: Recent[str, float] = Recent(MOST_ROUTES)

    def counts_request(self, route: Route) -> None:
        """A request of a route has come."""
        if route.hedge is not None:
            saved = self._saved.peek(route.name)
            self._saved.put(route.name, min(BURST, (1.0 if saved is None else saved) + route.hedge.share))

    def take(self, route: Route) -> bool:
        """Take a second call out of the route's share; False if there is none left."""
        if route.hedge is None:
            return False
        saved = self._saved.peek(route.name)
        if saved is None:
            saved = 1.0
        if saved < _ENOUGH:
            return False
        self._saved.put(route.name, max(0.0, saved - 1.0))
        return True
