"""A streaming client hears a sign of life before its patience ends, and nothing is given away by it."""

import asyncio

import pytest
from tests.gateway.ends import Reader

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.dialects import anthropic, gemini, openai_chat
from dragoman.dialects.dialect import Dialect, Location
from dragoman.gateway.outlet import Outlet

pytestmark = pytest.mark.anyio

HEADERS = [("content-type", "text/event-stream")]


def outlet(
    client: Reader, dialect: Dialect = openai_chat.DIALECT, location: Location | None = None
) -> Outlet:
    return Outlet(client, dialect, location or Location(), HEADERS, interval=0.02)


@pytest.mark.parametrize(
    ("dialect", "location", "sign"),
    [
        (openai_chat.DIALECT, Location(), b": keep-alive\n\n"),
        (anthropic.DIALECT, Location(), b'event: ping\ndata: {"type": "ping"}\n\n'),
        (gemini.DIALECT, Location("m", True, True), b": keep-alive\n\n"),
        (gemini.DIALECT, Location("m", True, False), b"\n"),
    ],
)
async def test_a_silent_stream_gives_signs_of_life_in_the_clients_own_format(
    dialect: Dialect, location: Location, sign: bytes
) -> None:
    client = Reader()
    out = outlet(client, dialect, location)
    await asyncio.wait_for(client.reading.wait(), 5)
    out.close()
    assert client.status == 200
    assert client.headers == dict(HEADERS)
    assert client.body.startswith(sign)
    assert not out.committed


async def test_signs_go_on_between_the_pieces_of_an_answer() -> None:
    client = Reader()
    out = outlet(client)
    await out.commit([("content-type", "x")], b"one")
    client.reading.clear()
    await asyncio.wait_for(client.reading.wait(), 5)
    out.close()
    assert client.headers == {"content-type": "x"}
    assert client.body.startswith(b"one: keep-alive\n\n")


async def test_a_lively_stream_gets_no_signs() -> None:
    client = Reader()
    out = Outlet(client, openai_chat.DIALECT, Location(), HEADERS, interval=0.5)
    await out.commit(HEADERS, b"a")
    for _ in range(5):
        await asyncio.sleep(0.01)
        await out.write(b"a")
    await out.finish()
    assert client.body == b"a" * 6


async def test_a_client_that_is_slow_to_read_is_not_sent_signs_on_top() -> None:
    client = Reader(slow=0.2)
    out = outlet(client)
    await out.commit(HEADERS, b"big")
    assert client.body == b"big"
    out.close()


async def test_after_the_end_there_are_no_signs() -> None:
    client = Reader()
    out = outlet(client)
    await out.commit(HEADERS, b"all")
    await out.finish()
    await asyncio.sleep(0.06)
    assert client.body == b"all"


async def test_an_answer_that_begins_after_signs_of_life_follows_in_the_open_stream() -> None:
    client = Reader()
    out = outlet(client)
    await asyncio.wait_for(client.reading.wait(), 5)
    await out.commit([("content-type", "never seen")], b"data: x\n\n")
    await out.finish()
    assert client.headers == dict(HEADERS)
    assert client.body.endswith(b"data: x\n\n")


async def test_a_failure_after_signs_of_life_is_an_error_in_the_stream() -> None:
    client = Reader()
    out = outlet(client, anthropic.DIALECT)
    await asyncio.wait_for(client.reading.wait(), 5)
    await out.refuse(Failure(FailureKind.OVERLOADED, "Too much."))
    assert client.finished
    assert b"event: error" in client.body
    assert b"overloaded_error" in client.body


async def test_a_sign_that_the_client_has_not_taken_yet_is_not_followed_by_another() -> None:
    client = Reader(slow=0.2)
    out = outlet(client)
    await asyncio.sleep(0.3)
    out.close()
    assert client.body == b": keep-alive\n\n"


async def test_an_error_waits_for_the_head_that_a_sign_of_life_is_about_to_send() -> None:
    client = Reader()
    client.ready.clear()
    out = Outlet(client, openai_chat.DIALECT, Location(), HEADERS, interval=0.01)
    await asyncio.sleep(0.03)
    assert out.opened
    refused = asyncio.ensure_future(out.refuse(Failure(FailureKind.OVERLOADED, "Too much.")))
    await asyncio.sleep(0)
    assert client.body == b""
    client.ready.set()
    await asyncio.wait_for(refused, 5)
    assert client.body.startswith(b": keep-alive\n\ndata: ")
    assert b"Too much." in client.body
    assert client.finished


async def test_who_is_cancelled_while_a_sign_of_life_is_on_its_way_does_not_take_it_along() -> None:
    """The error that ends the stream then has to come after a whole sign of life."""
    client = Reader(slow=0.1)
    out = outlet(client)
    await asyncio.sleep(0.05)
    beginning = asyncio.ensure_future(out.commit(HEADERS, b"one"))
    await asyncio.sleep(0.01)
    beginning.cancel()
    await out.refuse(Failure(FailureKind.TIMEOUT, "Too late."))
    assert client.body.startswith(b": keep-alive\n\n")
    assert b"Too late." in client.body
    assert client.finished
