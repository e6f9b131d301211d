"""The two ends of an exchange, in memory: an upstream that says what a test lays out, and a client."""

import asyncio
import collections
from collections.abc import Mapping, Sequence

from dragoman.access.holder import Holder
from dragoman.access.purse import Purse
from dragoman.config.bookkeeping import Ledger
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.coordination.memory_meters import MemoryMeters
from dragoman.gateway.admission import Allowances
from dragoman.ledger.pricing import Pricing
from dragoman.models.prices import Prices
from dragoman.routing.traffic import Traffic
from dragoman.store.entry import Entry
from dragoman.store.error import StoreError
from dragoman.store.leases import Account, Balance, Lease, Short, Wish
from dragoman.upstream.transport import UpstreamRequest, UpstreamResponse, read_to_end

BROKEN = FailureError(Failure(FailureKind.BAD_GATEWAY, "The connection broke."))

SILENCE = None
"""A piece that never comes."""


class Upstream:
    """An answer in pieces; a piece may also be an error, or silence."""

    def __init__(
        self, *pieces: bytes | FailureError | None, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        self.status = status
        self.headers: Mapping[str, str] = headers or {}
        self.connected_at = 0.0
        self.let_go = asyncio.Event()
        self._pieces = collections.deque(pieces)

    @property
    def closed(self) -> bool:
        return self.let_go.is_set()

    @property
    def ended(self) -> bool:
        return False

    async def next(self) -> bytes:
        await asyncio.sleep(0)
        if not self._pieces:
            return b""
        piece = self._pieces.popleft()
        if piece is SILENCE:
            await asyncio.Event().wait()
        if isinstance(piece, FailureError):
            raise piece
        return piece or b""

    async def read(self, limit: int) -> bytes:
        return await read_to_end(self, limit, "upstream")

    def close(self) -> None:
        self.let_go.set()


class Road:
    """A transport to upstreams that are there already, one for each request in their order."""

    def __init__(self, *upstreams: Upstream | FailureError, delays: tuple[float, ...] = ()) -> None:
        self._upstreams = collections.deque(upstreams)
        self.delays = collections.deque(delays)
        """Seconds until each of the next answers comes."""
        self.sent: list[UpstreamRequest] = []

    async def send(self, request: UpstreamRequest, connect_timeout: float) -> UpstreamResponse:
        self.sent.append(request)
        if request.connected is not None:
            request.connected()
        upstream = self._upstreams.popleft()
        await asyncio.sleep(self.delays.popleft() if self.delays else connect_timeout * 0)
        if isinstance(upstream, FailureError):
            raise upstream
        return upstream

    async def close(self) -> None:
        return


class Reader:
    """A client in memory. `slow` is in seconds for each piece; `left` is the test's to set."""

    def __init__(self, *, slow: float = 0.0) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body = b""
        self.finished = False
        self.left = False
        self.reading = asyncio.Event()
        self.ready = asyncio.Event()
        """Until then, not even the head of an answer is taken; the test's to clear."""
        self.ready.set()
        self.slow = slow

    @property
    def started(self) -> bool:
        return self.status is not None

    async def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        await self.start(status, headers)
        await self.write(body)
        await self.finish()

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        assert not self.started
        self.status, self.headers = status, dict(headers)
        await self.ready.wait()

    async def write(self, data: bytes) -> None:
        assert self.started
        assert not self.finished
        await asyncio.sleep(self.slow)
        self.body += data
        self.reading.set()

    async def finish(self) -> None:
        await asyncio.sleep(self.slow)
        self.finished = True


class Book:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.settings = Ledger()
        self.full = False
        self.entries: list[Entry] = []

    def write(self, entry: Entry) -> bool:
        if not self.full:
            self.entries.append(entry)
        return not self.full


class Leases:
    """A store of leases that is out of reach."""

    async def take(
        self, account: Account, limit: int, wish: Wish, worker: str, lease: str, expires: float, now: float
    ) -> Lease | Short:
        raise UNREACHABLE

    async def renew(self, leases: Sequence[str], expires: float) -> list[str]:
        raise UNREACHABLE

    async def give_back(self, amounts: Mapping[str, int]) -> None:
        raise UNREACHABLE

    async def balances(self, accounts: Sequence[str], now: float) -> list[Balance]:
        raise UNREACHABLE

    async def prune(self, now: float) -> int:
        raise UNREACHABLE


UNREACHABLE = StoreError("It is out of reach.")


def allowances(**routes: Holder) -> Allowances:
    """What holds for whom, counted in memory."""
    meters, purse = MemoryMeters(), Purse(Leases(), "test", lambda: 1.0)
    return Allowances(meters, purse, routes, Traffic(), queue_timeout=1.0)


def pricing() -> Pricing:
    """The built-in prices."""
    return Pricing(Prices(), Ledger())
