"""Failures: everything that can go wrong with an exchange, as one closed set of kinds."""

import enum

import msgspec


class FailureKind(enum.StrEnum):
    """What went wrong, whoever reports it. Each dialect renders each kind in its own words."""

    INVALID_REQUEST = "invalid_request"
    CONTEXT_OVERFLOW = "context_overflow"
    CONTENT_POLICY = "content_policy"
    AUTHENTICATION = "authentication"
    """The client's key is missing or wrong."""
    UPSTREAM_AUTHENTICATION = "upstream_authentication"
    """The gateway's own key was refused upstream: not the client's fault."""
    BILLING = "billing"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    MODEL_NOT_FOUND = "model_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    """The client's request did not come to its end in time."""
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    """A hard limit that waiting a little does not lift."""
    SERVER = "server"
    BAD_GATEWAY = "bad_gateway"
    """The upstream could not be reached, or what it said could not be understood."""
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    CLIENT_CLOSED = "client_closed"


RETRYABLE = frozenset(
    {
        FailureKind.CONFLICT,
        FailureKind.RATE_LIMIT,
        FailureKind.SERVER,
        FailureKind.BAD_GATEWAY,
        FailureKind.OVERLOADED,
        FailureKind.TIMEOUT,
    }
)
"""Kinds where the same request may succeed later or elsewhere, before anything was sent on."""

STATUS = {
    FailureKind.INVALID_REQUEST: 400,
    FailureKind.CONTEXT_OVERFLOW: 400,
    FailureKind.CONTENT_POLICY: 400,
    FailureKind.AUTHENTICATION: 401,
    FailureKind.UPSTREAM_AUTHENTICATION: 502,
    FailureKind.BILLING: 402,
    FailureKind.PERMISSION: 403,
    FailureKind.NOT_FOUND: 404,
    FailureKind.MODEL_NOT_FOUND: 404,
    FailureKind.METHOD_NOT_ALLOWED: 405,
    FailureKind.REQUEST_TIMEOUT: 408,
    FailureKind.CONFLICT: 409,
    FailureKind.TOO_LARGE: 413,
    FailureKind.RATE_LIMIT: 429,
    FailureKind.QUOTA: 429,
    FailureKind.SERVER: 500,
    FailureKind.BAD_GATEWAY: 502,
    FailureKind.OVERLOADED: 503,
    FailureKind.TIMEOUT: 504,
    FailureKind.CLIENT_CLOSED: 499,
}
"""The HTTP status of each kind; dialects that differ (529, 400 for 413) say so themselves."""


class Failure(msgspec.Struct, frozen=True):
    """One thing that went wrong.

    `message` is for the client and holds no secret. `param` is the field at fault in the client's
    own terms (`messages[2].content`), `code` a vendor's or our own short code. `status` is the
    HTTP status that an upstream answered with, None for failures of our own. `retry_after` is in
    seconds. `dialect` and `body` are the upstream's error as it came, for a client of that dialect, and
    `request_id` is the upstream's id of the request, by which its vendor finds it.
    """

    kind: FailureKind
    message: str
    param: str | None = None
    code: str | None = None
    status: int | None = None
    retry_after: float | None = None
    dialect: str = ""
    body: bytes = b""
    request_id: str = ""
    should_retry: bool | None = None
    """What the upstream itself says of trying again (`x-should-retry`, as OpenAI's and Anthropic's SDKs read
    it); None where it says nothing."""

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed at another target, or later at this one."""
        return self.kind in RETRYABLE


class FailureError(Exception):
    """A failure on its way to the client: the one exception that the gateway's own code raises."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def invalid(message: str, param: str | None = None, code: str | None = None) -> FailureError:
    """The client's request cannot be served as it stands; `param` is the field at fault."""
    return FailureError(Failure(FailureKind.INVALID_REQUEST, message, param=param, code=code))
