"""A route's targets, tried in order: as long as nothing has been said to the client, the next may answer."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.gateway.attempt import without_secret
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.losses import STRICT
from dragoman.gateway.record import Record
from dragoman.gateway.time_limits import TimeLimits
from dragoman.routing.route import RouteTarget

T = TypeVar("T")

_ELSEWHERE = frozenset(
    {
        FailureKind.UPSTREAM_AUTHENTICATION,
        FailureKind.BILLING,
        FailureKind.PERMISSION,
        FailureKind.QUOTA,
        FailureKind.MODEL_NOT_FOUND,
        FailureKind.NOT_FOUND,
    }
)


async def first_that_answers(
    gateway: Gateway,
    record: Record,
    targets: Sequence[RouteTarget],
    attempt: Callable[[RouteTarget, TimeLimits], Awaitable[T]],
) -> T:
    """The outcome of the first attempt that has one, all of them within the time of one exchange.

    Raises the last target's `FailureError` if none has, and at once one that no other target would be
    spared.
    """
    end = record.began + gateway.timeouts.total
    for number, candidate in enumerate(targets, 1):
        record.attempts = number
        limits = TimeLimits(gateway.timeouts, end)
        try:
            async with limits:
                return await attempt(candidate, limits)
        except FailureError as error:
            failure = without_secret(error.failure, candidate.provider)
            if number == len(targets) or limits.over or not worth_another(failure):
                raise FailureError(failure) from None
    raise ValueError("a route has at least one target")


def worth_another(failure: Failure) -> bool:
    """Whether another target may serve what this one did not: not where the request is at fault."""
    return failure.retryable or failure.kind in _ELSEWHERE or failure.code == STRICT
