"""Targets, routes and a clock to test with: nothing is sent anywhere."""

import random

from dragoman.config.settings import Conditions, Strategy
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.dialects.dialect import Target
from dragoman.models.profile import Profile
from dragoman.providers.provider import Provider
from dragoman.routing.route import Hedge, Route, RouteTarget


class Clock:
    """A clock that stands still until it is moved. In seconds."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds


def dice(seed: int) -> random.Random:
    """Chance that is the same in every run."""
    return random.Random(seed)  # noqa: S311 - nothing is secret here


def target(
    name: str,
    key: int = 0,
    *,
    weight: float = 1.0,
    price: float | None = None,
    when: Conditions | None = None,
    most: int | None = None,
    most_of_key: int | None = None,
) -> RouteTarget:
    """A target, `provider/model`; `key` is the number of one of several."""
    provider, model = name.split("/")
    return RouteTarget(
        Provider(provider, ("openai_chat",), "http://nowhere/v1", max_concurrent=most_of_key),
        Target(provider, model, f"{provider}/any", Profile("any")),
        name,
        f"{provider}#{key}" if key else provider,
        weight,
        most,
        when,
        price,
    )


def route(
    *targets: RouteTarget,
    strategy: Strategy = "ordered",
    name: str = "best",
    affinity: float = 300.0,
    hedge: Hedge | None = None,
    configured: bool = True,
) -> Route:
    """A route to targets."""
    return Route(name, targets, strategy=strategy, affinity=affinity, hedge=hedge, configured=configured)


def failure(kind: FailureKind, retry_after: float | None = None) -> Failure:
    """A failure of a kind."""
    return Failure(kind, "no", retry_after=retry_after)


def labels(targets: tuple[RouteTarget, ...]) -> list[str]:
    """Targets as people are shown them."""
    return [one.label for one in targets]
