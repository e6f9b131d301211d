"""The seam between the gateway and whatever carries its bytes: one request out, one answer back.

The promise that every transport keeps: when a task that is inside `send`, `read` or `next` is
cancelled, or a response is closed before its end, the upstream's connection is closed at once. The
upstream stops generating, and stops charging, when the client leaves.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from dragoman.upstream import failures


class UpstreamRequest(msgspec.Struct, frozen=True):
    """One HTTP request as it goes out.

    `url` is absolute and already escaped: it is sent byte for byte. `headers` go out in this order;
    the transport adds only what HTTP itself needs (`host`, `content-length`), and `user-agent` and
    `accept-encoding: identity` where they are not given.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    resend: Callable[[], bool] | None = None
    """Asked before the request goes out once more, because its connection, kept from an earlier request,
    was closed without a word: the server may have begun to work. Without it, the request does."""
    fresh: bool = False
    """Whether it goes out on a connection of its own, which no server can have closed meanwhile."""
    connected: Callable[[], None] | None = None
    """Called when there is a connection, and the request begins to go out: its server may work by then."""


class UpstreamResponse(Protocol):
    """An answer whose head has come and whose body is still on its way.

    The body is read by one task, with `next` or with `read`. After `close`, both raise
    `FailureError` (bad gateway).
    """

    @property
    def status(self) -> int:
        """The HTTP status, a redirect's included: redirects are not followed."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case; the values of a repeated header are joined with `, `."""
        ...

    @property
    def connected_at(self) -> float:
        """When the request had its connection, new or kept, and began to go out: on the clock of
        `time.monotonic`, in seconds.
        """
        ...

    @property
    def ended(self) -> bool:
        """Whether all of the body has come in properly, so that nothing more is waited for: `next` gives what
        is left of it, and then `b""`, at once. What is compressed may still turn out to be damaged.
        """
        ...

    async def read(self, limit: int) -> bytes:
        """The whole body, or all that `next` has not given yet.

        Raises `FailureError` (bad gateway) for more than `limit` bytes, and for a body that breaks
        off before its end.
        """
        ...

    async def next(self) -> bytes:
        """The next bytes as they arrive; `b""` at the proper end, and from then on.

        Raises `FailureError` (bad gateway) when the connection breaks, or when it ends before the
        announced length or the final chunk: after all that came in before.
        """
        ...

    def close(self) -> None:
        """Let go of the connection; may be called again at any time.

        A body that has come to its end leaves the connection to the next request. Any other is
        closed at once, and a `next` or `read` that is waiting for it raises.
        """
        ...


class Transport(Protocol):
    """A way to an upstream, with whatever pool of connections it keeps."""

    async def send(self, request: UpstreamRequest, connect_timeout: float) -> UpstreamResponse:
        """Send the request and return once the head of the answer is there.

        `connect_timeout` is in seconds and covers the name lookup, the connection and TLS, nothing
        after them. Raises `FailureError`: timeout when connecting takes longer; bad gateway when
        there is no connection, when it is lost, or when what comes back is not HTTP. Messages name
        host and port, never credentials, queries or headers.
        """
        ...

    async def close(self) -> None:
        """Close every connection, those of answers still being read included."""
        ...


async def read_to_end(response: UpstreamResponse, limit: int, where: str) -> bytes:
    """`UpstreamResponse.read` by way of `next`; `where` is `host:port` for the message."""
    pieces: list[bytes] = []
    size = 0
    while piece := await response.next():
        size += len(piece)
        if size > limit:
            response.close()
            raise failures.too_large(where, limit)
        pieces.append(piece)
    return b"".join(pieces)
