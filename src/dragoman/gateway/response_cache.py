"""Answers that are given again to requests that are exactly the same (`[routes.NAME] cache`).

What is looked up is the request as it goes upstream, down to the last byte, and what is kept is the
upstream's answer as it came: all that stands between it and the client is done anew for every client. Of
requests that are the same and come at the same time, one goes upstream; the others wait for what becomes of
it.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

import msgspec

from dragoman.conversation.failure import FailureError
from dragoman.coordination.recollection import Recollection
from dragoman.upstream import failures
from dragoman.upstream.transport import UpstreamRequest, UpstreamResponse, read_to_end

MAX_KEPT = 4 * 1024 * 1024
"""The largest answer that is kept, in bytes."""
MOST_KEPT = 10_000
"""The most answers that are kept in this process."""

NAMESPACE = "answer:"
"""What every key begins with."""

_FORMAT = b"1"
CacheWord = Literal["", "hit", "miss"]
"""What `x-dragoman-cache` says; nothing where the cache has no part in it."""


class KeptAnswer(msgspec.Struct, frozen=True, array_like=True):
    """An upstream's good answer: when it was kept, in Unix seconds, its media type, its body as it came."""

    kept: float
    media_type: str
    pieces: list[bytes]


class Lookup(msgspec.Struct, frozen=True):
    """How a request looks for an answer that was kept."""

    key: str
    """Stands for the request; see `key_of`."""
    ttl: float
    """How old an answer may be, and how long one is kept, in seconds."""
    patience: float
    """How long to wait for another request that is the same, in seconds."""
    reads: bool = True
    """Whether an answer that was kept will do; else only a new one, which is kept."""
    joins: bool = True
    """Whether to wait for another request that is the same."""


def lookup(
    request: UpstreamRequest,
    credential: str,
    provider: str,
    *,
    ttl: float,
    patience: float,
    headers: Sequence[tuple[bytes, bytes]],
    joins: bool = True,
) -> Lookup | None:
    """How a request that goes to a provider looks for its answer; None where it has to do without. `headers`
    are the client's, which may say `cache-control: no-cache` or `no-store`.
    """
    if ttl <= 0:
        return None
    said = {
        directive.strip().lower()
        for name, value in headers
        if name == b"cache-control"
        for directive in value.split(b",")
    }
    if b"no-store" in said:
        return None
    key = key_of(request, credential, provider)
    return Lookup(key, ttl, patience, reads=b"no-cache" not in said, joins=joins and b"no-cache" not in said)


def key_of(request: UpstreamRequest, credential: str, provider: str) -> str:
    """What stands for a request to a provider: a digest of every byte that goes there but for the key that is
    presented, whose header is `credential`.
    """
    headers = sorted((name, value) for name, value in request.headers if name != credential)
    parts = [provider, request.method, request.url, *(text for header in headers for text in header)]
    digest = hashlib.sha256(_FORMAT)
    for part in (*(text.encode("utf-8", "surrogateescape") for text in parts), request.body):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return NAMESPACE + digest.hexdigest()


class ResponseCache:
    """The answers that were kept, and who is waiting for one. `now` is the time in Unix seconds."""

    def __init__(self, memory: Recollection, now: Callable[[], float] = time.time) -> None:
        self._memory = memory
        self._now = now
        self._flights: dict[str, _Flight] = {}

    def turn(self, wanted: Lookup | None) -> "Turn":
        """One request's turn. Inside `async with`, it is known whether there is an answer for it."""
        return Turn(self, wanted)

    async def found(self, wanted: Lookup) -> KeptAnswer | None:
        """The answer that was kept for a request."""
        (data,) = await self._memory.get_many([wanted.key])
        if data is None:
            return None
        try:
            answer = msgspec.msgpack.decode(data, type=KeptAnswer)
        except msgspec.MsgspecError:
            return None  # others that share the memory may be of another version
        return answer if 0 <= self._now() - answer.kept < wanted.ttl else None

    async def keep(self, wanted: Lookup, answer: KeptAnswer) -> None:
        """Keep an answer."""
        await self._memory.put_many({wanted.key: msgspec.msgpack.encode(answer)}, wanted.ttl)

    def answer_of(self, recorded: "Recorded") -> KeptAnswer:
        """What is kept of an answer that came just now."""
        return KeptAnswer(self._now(), recorded.headers.get("content-type", ""), recorded.pieces)

    def flight(self, key: str) -> "_Flight | None":
        """The request that is on its way."""
        return self._flights.get(key)

    def depart(self, key: str) -> "_Flight":
        """From here on, others wait for this request."""
        flight = self._flights[key] = _Flight()
        return flight

    def land(self, key: str) -> None:
        """From here on, nobody does any more."""
        del self._flights[key]

    async def close(self) -> None:
        """Forget everything, and let go of connections."""
        await self._memory.close()


class _Flight:
    """A request on its way that others wait for."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.answer: KeptAnswer | None = None
        self.open = True
        """Whether another one may fare better: then one of those that wait is the next to go."""


class Turn:
    """One request that asks for an answer that was kept, or brings one.

    In the end, those that wait get the answer. If there is none because the client has left, or because of a
    failure that may pass, one of them goes next, and the others wait for that one. If the answer is none that
    can be kept, or a failure that will not pass, all of them go.
    """

    def __init__(self, cache: ResponseCache, wanted: Lookup | None) -> None:
        self._cache = cache
        self._wanted = wanted
        self._flight: _Flight | None = None
        self._recorded: Recorded | None = None
        self._complete = False
        self._whole = False
        self.replay: Replay | None = None
        """The answer, if there is one already."""

    @property
    def word(self) -> CacheWord:
        """What the client is told."""
        return "" if self._wanted is None else "miss" if self.replay is None else "hit"

    def record(self, upstreams: list[UpstreamResponse]) -> list[UpstreamResponse]:
        """The same answers, which are recorded while they are read, if what came may be kept."""
        if self._wanted is None or len(upstreams) != 1 or upstreams[0].status != 200:
            return upstreams
        self._recorded = Recorded(upstreams[0])
        return [self._recorded]

    def complete(self) -> None:
        """The answer has been read and understood, and nothing of it has failed. It is kept unless its
        upstream was let go before its end. To be called before the upstream is closed.
        """
        self._complete = True
        self._whole = self._recorded is not None and self._recorded.whole

    async def __aenter__(self) -> Self:
        wanted = self._wanted
        if wanted is None:
            return self
        answer = await self._awaited(wanted) if wanted.reads else None
        if answer is not None:
            self.replay = Replay(answer)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wanted, recorded = self._wanted, self._recorded
        answer: KeptAnswer | None = None
        if recorded is not None and self._whole and not recorded.too_large:
            answer = self._cache.answer_of(recorded)
        if self._flight is not None and wanted is not None:
            self._flight.answer = answer
            lasting = isinstance(error, FailureError) and not error.failure.retryable
            self._flight.open = not (self._complete or lasting)
            self._cache.land(wanted.key)
            self._flight.ended.set()
        if answer is not None and wanted is not None:
            await self._cache.keep(wanted, answer)

    async def _awaited(self, wanted: Lookup) -> KeptAnswer | None:
        """The answer that is there, or that another request brings; None for who has to go upstream."""
        patience = asyncio.timeout(wanted.patience)
        try:
            async with patience:
                while True:
                    flight = self._cache.flight(wanted.key)
                    if flight is None or not wanted.joins:
                        answer = await self._cache.found(wanted)
                        if answer is not None or not wanted.joins:
                            return answer
                        if self._cache.flight(wanted.key) is None:
                            self._flight = self._cache.depart(wanted.key)
                            return None
                        continue
                    await flight.ended.wait()
                    if flight.answer is not None or not flight.open:
                        return flight.answer
        except TimeoutError:
            # from here on it goes its own way
            return None


class Recorded:
    """See `UpstreamResponse`. What is read is remembered, as long as it is not too much."""

    def __init__(self, upstream: UpstreamResponse) -> None:
        self._upstream = upstream
        self._size = 0
        self.pieces: list[bytes] = []
        self._ended = False
        self._closed = False

    @property
    def whole(self) -> bool:
        """Whether the body has come to its end, or is still being read: that of its format has come then."""
        return self._ended or not self._closed

    @property
    def too_large(self) -> bool:
        """Whether it is more than can be kept."""
        return self._size > MAX_KEPT

    @property
    def status(self) -> int:
        """See `UpstreamResponse.status`."""
        return self._upstream.status

    @property
    def headers(self) -> Mapping[str, str]:
        """See `UpstreamResponse.headers`."""
        return self._upstream.headers

    @property
    def connected_at(self) -> float:
        """See `UpstreamResponse.connected_at`."""
        return self._upstream.connected_at

    @property
    def ended(self) -> bool:
        """See `UpstreamResponse.ended`."""
        return self._upstream.ended

    async def read(self, limit: int) -> bytes:
        """See `UpstreamResponse.read`."""
        return await read_to_end(self, limit, "the upstream")

    async def next(self) -> bytes:
        """See `UpstreamResponse.next`."""
        piece = await self._upstream.next()
        self._size += len(piece)
        if self.too_large:
            self.pieces.clear()
        elif piece:
            self.pieces.append(piece)
        else:
            self._ended = True
        return piece

    def close(self) -> None:
        """See `UpstreamResponse.close`."""
        self._closed = True
        self._upstream.close()


class Replay:
    """See `UpstreamResponse`. An answer that was kept, in the pieces in which it came."""

    def __init__(self, answer: KeptAnswer) -> None:
        self._left = iter(answer.pieces)
        self._closed = False
        self.status = 200
        self.ended = True
        self.headers = {"content-type": answer.media_type}
        self.connected_at = time.monotonic()

    async def read(self, limit: int) -> bytes:
        """See `UpstreamResponse.read`."""
        return await read_to_end(self, limit, "the cache")

    async def next(self) -> bytes:
        """See `UpstreamResponse.next`."""
        if self._closed:
            raise failures.let_go("the cache")
        # a client that takes everything at once is not to keep the others waiting
        await asyncio.sleep(0)
        return next(self._left, b"")

    def close(self) -> None:
        """See `UpstreamResponse.close`."""
        self._closed = True
