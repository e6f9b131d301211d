"""A route: a public model name, the targets behind it, and how one of them is chosen."""

import functools
from typing import Literal

import msgspec

from dragoman.config.settings import Conditions, Quantile, Strategy, Timeouts
from dragoman.dialects.dialect import Target
from dragoman.providers.provider import Provider


class RouteTarget(msgspec.Struct, frozen=True):
    """One place that a route may go to: a provider with one of its keys, and the target as wire formats
    see it. A target of a provider with several keys is there once for each of them.
    """

    provider: Provider
    target: Target
    name: str
    """`provider/model`: what is healthy or not."""
    credential: str
    """Stands for the key without showing it: the provider's name, with `#2` for the second of several.
    It rests after a 429 for this model, and after a refusal for all."""
    weight: float = 1.0
    max_concurrent: int | None = None
    """The most requests of the route that are there at once, over all keys."""
    when: Conditions | None = None
    """Which requests it may serve; None for all."""
    price: float | None = None
    """What a million input tokens and a quarter of a million output tokens cost, in US dollars; None where
    it is not known."""

    @property
    def label(self) -> str:
        """The target as people are shown it, with the key's number where there are several."""
        _, numbered, number = self.credential.rpartition("#")
        return f"{self.name}#{number}" if numbered else self.name


class Hedge(msgspec.Struct, frozen=True):
    """When a second target is asked as well: after so many seconds, or after the time within which that
    share of the earlier answers has begun; at most for `share` of the requests.
    """

    after: float | Quantile
    share: float


class Route(msgspec.Struct, frozen=True, dict=True):
    """A public model name and the targets behind it, in the order of the configuration."""

    name: str
    targets: tuple[RouteTarget, ...]
    strategy: Strategy = "ordered"
    affinity: float = 300.0
    """Seconds for which a conversation stays where it was served; 0 for not at all."""
    hedge: Hedge | None = None
    attempts: int = 3
    """The most upstream requests for one request."""
    timeouts: Timeouts = Timeouts()
    on_loss: Literal["report", "drop", "reject"] = "report"
    """What becomes of a request that a target gets with something left out or approximated."""
    show_reasoning: bool = True
    """Whether clients of another format than the target's get to read its reasoning."""
    cache: float = 0.0
    """Seconds for which answers are kept for requests that are exactly the same; 0 for not at all."""
    configured: bool = True
    """Whether the name stands in the configuration; else the client has made it up of a provider and a
    model, and there is no end of such names."""

    @functools.cached_property
    def conditional(self) -> bool:
        """Whether choosing a target takes a look into the request."""
        return any(target.when is not None for target in self.targets)

    @functools.cached_property
    def chooses(self) -> bool:
        """Whether there is more than one place to go to."""
        return len(self.targets) > 1


class Exclusion(msgspec.Struct, frozen=True):
    """A target that is not asked, and why, in words for people."""

    target: RouteTarget
    reason: str
    limited: bool = False
    """Whether it would serve the request, once the time is over that it has named in a 429."""


class Choice(msgspec.Struct, frozen=True):
    """The targets for one request, in the order in which they are to be asked, and the others."""

    candidates: tuple[RouteTarget, ...]
    excluded: tuple[Exclusion, ...] = ()
