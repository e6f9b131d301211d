"""The headers of an answer that come from us, not from a wire format."""

import functools
import re
from collections.abc import Iterable, Mapping

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.loss import Loss
from dragoman.telemetry.redaction import SHORTEST

CACHE = "x-dragoman-cache"
ROUTE = "x-dragoman-route"
UPSTREAM_ID = "x-dragoman-upstream-request-id"

_ID = re.compile(r"[!-~]{1,256}")
"""Control characters would break the answer, and clients refuse long headers."""

_HOPELESS = frozenset({FailureKind.UPSTREAM_AUTHENTICATION, FailureKind.QUOTA, FailureKind.BILLING})

_TOKEN = re.compile(r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*")
"""What stands without quotes (RFC 8941, 3.3.4)."""

_MOST_LOSSES = 40
"""Longer lists end in how many there are besides: clients take some 8 KB of headers."""
_LONGEST_PATH = 100


def upstream_id(headers: Mapping[str, str]) -> str:
    """The upstream's id of a request; empty where it tells none that one would write down."""
    theirs = headers.get("x-request-id") or headers.get("request-id") or ""
    return theirs if _ID.fullmatch(theirs) else ""


def told_id(theirs: str, secrets: Iterable[str]) -> str:
    """The upstream's id of a request as clients may see it: empty where there is a secret in it."""
    if theirs:
        for secret in secrets:
            if secret in theirs and len(secret) >= SHORTEST:
                return ""
    return theirs


def error_headers(
    told: Iterable[tuple[str, str]],
    failure: Failure,
    route: str = "",
    *,
    retried: bool = False,
    limits: Iterable[tuple[str, str]] = (),
) -> list[tuple[str, str]]:
    """A dialect's own headers of an error, with where the request went and the upstream's id of it.

    `retried` says that the gateway has tried again itself: official SDKs, which would do so once more, are
    told not to (`x-should-retry`), unless the upstream has said when it makes sense. So they are of what
    trying again cannot mend, and whose status says otherwise.
    """
    headers = [*told, *limits]
    if route:
        headers.append((ROUTE, route))
    if failure.request_id:
        headers.append((UPSTREAM_ID, failure.request_id))
    if (retried and failure.retry_after is None) or failure.kind in _HOPELESS:
        headers.append(("x-should-retry", "false"))
    return headers


def answer_headers(
    request_id: str,
    media_type: str,
    losses: tuple[Loss, ...] = (),
    *,
    upstream_id: str = "",
    route: str = "",
    limits: Iterable[tuple[str, str]] = (),
    cache: str = "",
) -> list[tuple[str, str]]:
    """Our id of the request in both vendors' spellings, where the request went, the upstream's id (see
    `told_id`), whether the answer was kept, what was lost, and how the limits stand, in headers of the
    client's format.
    """
    headers = [("content-type", media_type), ("x-request-id", request_id), ("request-id", request_id)]
    if route:
        headers.append((ROUTE, route))
    if upstream_id:
        headers.append((UPSTREAM_ID, upstream_id))
    if cache:
        headers.append((CACHE, cache))
    if losses:
        headers.append(("x-dragoman-losses", render_losses(losses)))
    headers += limits
    return headers


def wants_strictness(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a client asks to be refused rather than served with losses (`x-dragoman-strict: true`)."""
    for name, value in headers:
        if name == b"x-dragoman-strict" and value.strip().lower() in {b"true", b"1"}:
            return True
    return False


def render_losses(losses: tuple[Loss, ...]) -> str:
    """The losses as a list of items with parameters (RFC 8941): `code;kind=dropped;path="$.top_k"`."""
    items = [f'{loss.code};kind={loss.kind};path="{_quoted(loss.path)}"' for loss in losses[:_MOST_LOSSES]]
    if len(losses) > _MOST_LOSSES:
        items.append(f"more;count={len(losses) - _MOST_LOSSES}")
    return ", ".join(items)


@functools.lru_cache(maxsize=1024)
def render_place(target: str, attempts: int, *, pending: bool = False) -> str:
    """Where a request went, as an item with parameters (RFC 8941): `openai/gpt-4o;attempts=2`. `pending`
    says that the target has not answered yet, and another may.
    """
    name = target if _TOKEN.fullmatch(target) else f'"{_quoted(target)}"'
    return f"{name};attempts={attempts}" + (";pending" if pending else "")


def _quoted(text: str) -> str:
    if len(text) > _LONGEST_PATH:
        text = text[: _LONGEST_PATH - 3] + "..."
    visible = "".join(char if " " <= char <= "~" else "?" for char in text)
    return visible.replace("\\", "\\\\").replace('"', '\\"')
