"""The provider inside this process is sent to, read, cancelled and closed like one on a socket."""

import asyncio
import dataclasses
import time
from collections.abc import Mapping, Sequence

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.embedded import EmbeddedAnswer, EmbeddedTransport
from dragoman.upstream.transport import UpstreamRequest

pytestmark = pytest.mark.anyio

FOREVER = 3600.0

Asked = tuple[str, str, str, dict[str, str], bytes]


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    chunks: Sequence[tuple[float, bytes]]


@dataclasses.dataclass
class Provider:
    """Gives one answer to everything and remembers what it was asked."""

    chunks: Sequence[tuple[float, bytes]]
    asked: list[Asked] = dataclasses.field(default_factory=list[Asked])

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> EmbeddedAnswer:
        self.asked.append((method, path, query, dict(headers), body))
        return Answer(200, {"content-type": "text/plain"}, self.chunks)


REQUEST = UpstreamRequest("POST", "embedded://fake/v1/chat", (), b"{}")


async def test_the_provider_sees_the_request() -> None:
    provider = Provider([(0, b"ok")])
    transport = EmbeddedTransport(provider)
    headers = (("X-Api-Key", "k"), ("beta", "a"), ("Beta", "b"))
    url = "embedded://fake/v1beta/models/a%3Ab:generate?alt=sse&x=%7E"
    response = await transport.send(UpstreamRequest("POST", url, headers, b"body"), 5)
    assert (response.status, dict(response.headers)) == (200, {"content-type": "text/plain"})
    assert provider.asked == [
        (
            "POST",
            "/v1beta/models/a%3Ab:generate",
            "alt=sse&x=%7E",
            {"x-api-key": "k", "beta": "a, b"},
            b"body",
        )
    ]


async def test_pieces_come_one_by_one_and_end() -> None:
    response = await EmbeddedTransport(Provider([(0, b"one"), (0, b""), (0.01, b"two")])).send(REQUEST, 5)
    assert [await response.next() for _ in range(4)] == [b"one", b"two", b"", b""]


async def test_delays_run_from_piece_to_piece_whether_or_not_someone_reads() -> None:
    response = await EmbeddedTransport(Provider([(0.1, b"one"), (0.1, b"two")])).send(REQUEST, 5)
    loop = asyncio.get_running_loop()
    start = loop.time()
    assert await response.next() == b"one"
    assert loop.time() - start >= 0.09
    await asyncio.sleep(0.15)
    late = loop.time()
    assert await response.next() == b"two"
    assert loop.time() - late < 0.09


async def test_reading_whole() -> None:
    transport = EmbeddedTransport(Provider([(0, b"one"), (0, b"two")]))
    response = await transport.send(REQUEST, 5)
    assert await response.read(6) == b"onetwo"
    response = await transport.send(REQUEST, 5)
    with pytest.raises(FailureError, match="larger than 5 bytes") as caught:
        await response.read(5)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY


@pytest.mark.parametrize("way", ["next", "read"])
async def test_cancelled_in_mid_body(way: str) -> None:
    response = await EmbeddedTransport(Provider([(0, b"begun"), (FOREVER, b"rest")])).send(REQUEST, 5)
    assert await response.next() == b"begun"
    task = asyncio.ensure_future(response.next() if way == "next" else response.read(100))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(FailureError, match="closed"):
        await response.next()


async def test_cancelled_before_the_provider_is_asked() -> None:
    provider = Provider([])
    task = asyncio.ensure_future(EmbeddedTransport(provider).send(REQUEST, 5))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert provider.asked == []


async def test_closing_wakes_a_reader() -> None:
    response = await EmbeddedTransport(Provider([(FOREVER, b"rest")])).send(REQUEST, 5)
    task = asyncio.ensure_future(response.next())
    await asyncio.sleep(0.02)
    response.close()
    response.close()
    with pytest.raises(FailureError) as caught:
        await asyncio.wait_for(task, 1)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY


async def test_closing_after_the_end_changes_nothing() -> None:
    response = await EmbeddedTransport(Provider([(0, b"all")])).send(REQUEST, 5)
    assert await response.read(3) == b"all"
    response.close()
    assert await response.next() == b""


async def test_closing_the_transport_closes_its_answers() -> None:
    transport = EmbeddedTransport(Provider([(FOREVER, b"rest")]))
    response = await transport.send(REQUEST, 5)
    task = asyncio.ensure_future(response.next())
    await asyncio.sleep(0.02)
    await transport.close()
    with pytest.raises(FailureError):
        await asyncio.wait_for(task, 1)
    with pytest.raises(FailureError, match="stopping"):
        await transport.send(REQUEST, 5)


async def test_the_connection_is_there_at_once() -> None:
    before = time.monotonic()
    response = await EmbeddedTransport(Provider([(0, b"ok")])).send(REQUEST, 5)
    assert before <= response.connected_at <= time.monotonic()
