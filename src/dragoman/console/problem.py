"""What the management API says when something cannot be done."""

from typing import Literal

import msgspec

from dragoman.conversation.failure import FailureError, FailureKind

ProblemType = Literal[
    "invalid_request",
    "authentication",
    "permission",
    "not_found",
    "method_not_allowed",
    "timeout",
    "conflict",
    "precondition_failed",
    "too_large",
    "unsupported_media_type",
    "rate_limit",
    "server",
    "unavailable",
]
"""What kind of problem it is."""

STATUS: dict[ProblemType, int] = {
    "invalid_request": 400,
    "authentication": 401,
    "permission": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "timeout": 408,
    "conflict": 409,
    "precondition_failed": 412,
    "too_large": 413,
    "unsupported_media_type": 415,
    "rate_limit": 429,
    "server": 500,
    "unavailable": 503,
}
"""The HTTP status of each."""


class Problem(msgspec.Struct, frozen=True):
    """What is wrong."""

    type: ProblemType
    """What kind of problem it is; each has one HTTP status."""
    message: str
    """What is wrong and what to do, for people."""
    param: str | None = None
    """The field or parameter at fault, such as `budgets[0].amount`."""


class ProblemAnswer(msgspec.Struct, frozen=True):
    """The body of every answer whose status is 400 or more."""

    error: Problem


class ProblemError(Exception):
    """A problem on its way to whoever asked. `headers` go along with the answer."""

    def __init__(
        self,
        kind: ProblemType,
        message: str,
        param: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.problem = Problem(kind, message, param)
        self.headers = headers

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return STATUS[self.problem.type]


def invalid(message: str, param: str | None = None) -> ProblemError:
    """The request cannot be served as it stands; `param` is the field at fault."""
    return ProblemError("invalid_request", message, param)


def from_failure(error: FailureError) -> ProblemError:
    """A request that the rest of the gateway has found to be wrong."""
    failure = error.failure
    kind: ProblemType = "not_found" if failure.kind is FailureKind.NOT_FOUND else "invalid_request"
    return ProblemError(kind, failure.message, failure.param)
