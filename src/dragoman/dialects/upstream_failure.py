"""An upstream's error as a failure, once it is known which kind it is."""

import re
from collections.abc import Mapping

from dragoman.conversation.failure import RETRYABLE, Failure, FailureKind
from dragoman.dialects.error_text import ErrorText
from dragoman.dialects.retry_after import parse_retry_after

_NAME = re.compile(r"[A-Za-z_]+")


def upstream_failure(
    kind: FailureKind,
    status: int | None,
    headers: Mapping[str, str],
    error: ErrorText,
    dialect: str = "",
    body: bytes = b"",
) -> Failure:
    """The failure for an error that came with an HTTP status (None inside an answer).

    `dialect` and `body` are for clients that may see the error as it came. Of a refused key nothing but
    a name goes on: vendors quote the key itself, or the account that it belongs to. Only failures that
    may pass tell how long to wait.
    """
    if kind is FailureKind.UPSTREAM_AUTHENTICATION:
        after = "" if status is None else f" (HTTP {status})"
        code = error.code if _NAME.fullmatch(error.code) else None
        return Failure(kind, f"The upstream refused the gateway's credentials{after}.", None, code, status)
    answered = "with an error and no message" if status is None else f"with status {status}"
    return Failure(
        kind,
        error.message or f"The upstream answered {answered}.",
        param=error.param,
        code=error.code or None,
        status=status,
        retry_after=parse_retry_after(headers, error) if kind in RETRYABLE else None,
        dialect=dialect,
        body=body,
    )
