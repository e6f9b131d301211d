"""Where conversations were served: a vendor's prompt cache is warm there, and only there."""

from dragoman.routing.recent import Recent
from dragoman.routing.route import Route, RouteTarget

MOST_REMEMBERED = 16_384
"""Conversations; some 300 bytes each."""


class Affinity:
    """Remembers for each conversation of a route which target, with which key, has served it last."""

    def __init__(self, size: int = MOST_REMEMBERED) -> None:
        """Remember at most `size` conversations; those that were not heard of for longest go first."""
        self._served: Recent[tuple[str, bytes], tuple[str, str, float]] = Recent(size)

    def remember(self, route: Route, prefix: bytes, candidate: RouteTarget, now: float) -> None:
        """A conversation is served by this candidate from now on, for the route's `affinity` seconds."""
        if route.affinity > 0:
            until = now + route.affinity
            self._served.put((route.name, prefix), (candidate.name, candidate.credential, until))

    def of(self, route: Route, prefix: bytes | None, now: float) -> tuple[str, str] | None:
        """The name and the credential that served a conversation; None if that is unknown or too long ago.
        Changes nothing.
        """
        if prefix is None or route.affinity <= 0:
            return None
        found = self._served.peek((route.name, prefix))
        if found is None:
            return None
        name, credential, until = found
        return (name, credential) if now < until else None

    def __len__(self) -> int:
        return len(self._served)
