"""Over ASGI, a request is read whole or refused, and a client that leaves is noticed exactly then."""

import asyncio
from collections.abc import Callable

import pytest
from starlette.types import Message, Scope

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.server.connection import AsgiConnection

pytestmark = pytest.mark.anyio

GONE: Message = {"type": "http.disconnect"}


class Wire:
    """The server's side of ASGI: messages that a test lays out, and those that were sent."""

    def __init__(self, *messages: Message) -> None:
        self.sent: list[Message] = []
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self.say(*messages)

    def say(self, *messages: Message) -> None:
        for message in messages:
            self._messages.put_nowait(message)

    @property
    def unread(self) -> int:
        return self._messages.qsize()

    async def receive(self) -> Message:
        return await self._messages.get()

    async def send(self, message: Message) -> None:
        await asyncio.sleep(0)
        self.sent.append(message)


def body(data: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": data, "more_body": more}


def connected(wire: Wire) -> AsgiConnection:
    scope: Scope = {"method": "POST", "path": "/x", "raw_path": b"/x", "query_string": b"", "headers": []}
    return AsgiConnection(scope, wire.receive, wire.send)


async def test_a_body_is_read_to_its_end() -> None:
    assert await connected(Wire(body(b"ab"), body(b""), body(b"c", more=False))).read_body(10, 5) == b"abc"
    assert await connected(Wire({"type": "http.request"})).read_body(10, 5) == b""


async def test_a_body_of_exactly_the_limit_is_taken() -> None:
    assert await connected(Wire(body(b"12345"), body(b"67890", more=False))).read_body(10, 5) == b"1234567890"


async def test_a_larger_body_is_refused_once_it_has_been_read_away() -> None:
    """A client that is still sending would not see the answer."""
    wire = Wire(body(b"123456"), body(b"78901"), body(b"x" * 1000, more=False))
    with pytest.raises(FailureError, match="max_body_bytes") as caught:
        await connected(wire).read_body(10, 5)
    assert caught.value.failure.kind is FailureKind.TOO_LARGE
    assert wire.unread == 0


async def test_a_body_without_end_is_not_read_for_ever() -> None:
    wire = Wire(*[body(bytes(64 * 1024 * 1024))] * 8)
    with pytest.raises(FailureError):
        await connected(wire).read_body(10, 5)
    assert wire.unread > 0


async def test_a_client_that_leaves_in_its_request_has_asked_nothing() -> None:
    with pytest.raises(FailureError) as caught:
        await connected(Wire(body(b"{"), GONE)).read_body(10, 5)
    assert caught.value.failure.kind is FailureKind.CLIENT_CLOSED


async def test_a_body_that_does_not_go_on_is_not_waited_for() -> None:
    wire = Wire(body(b"{"))
    asyncio.get_running_loop().call_later(0.15, wire.say, body(b"{"))
    with pytest.raises(FailureError, match="body_timeout") as caught:
        await connected(wire).read_body(10, 0.2)
    assert caught.value.failure.kind is FailureKind.REQUEST_TIMEOUT


async def test_only_the_wait_for_each_piece_of_a_body_is_bounded() -> None:
    wire = Wire(body(b"0"))
    for number in range(1, 5):
        more = number < 4
        asyncio.get_running_loop().call_later(0.1 * number, wire.say, body(b"%d" % number, more=more))
    assert await connected(wire).read_body(10, 0.25) == b"01234"


async def test_a_whole_answer_says_how_long_it_is() -> None:
    wire = Wire()
    connection = connected(wire)
    assert not connection.started
    await connection.respond(404, [("x-a", "b")], b"gone")
    assert connection.started
    assert connection.finished
    assert wire.sent == [
        {
            "type": "http.response.start",
            "status": 404,
            "headers": [(b"x-a", b"b"), (b"content-length", b"4")],
        },
        {"type": "http.response.body", "body": b"gone"},
    ]


async def test_a_header_that_is_not_latin_does_not_break_the_answer() -> None:
    wire = Wire()
    await connected(wire).start(200, [("x-a", "\u20ac\xe9")])
    assert wire.sent[0]["headers"] == [(b"x-a", b"?\xe9")]


async def test_a_streamed_answer_is_open_until_it_is_finished() -> None:
    wire = Wire()
    connection = connected(wire)
    await connection.start(200, [])
    await connection.write(b"a")
    assert not connection.finished
    await connection.finish()
    assert [message.get("more_body", False) for message in wire.sent[1:]] == [True, False]
    assert connection.finished


async def run(connection: AsgiConnection, work: Callable[[], "asyncio.Future[None]"]) -> str:
    """What became of some work while a departure was looked out for."""
    with connection:
        await work()
        return "done"
    return "left"


def forever() -> "asyncio.Future[None]":
    return asyncio.get_running_loop().create_future()


async def test_a_client_that_leaves_cancels_the_work_and_nothing_else() -> None:
    wire = Wire()
    connection = connected(wire)
    asyncio.get_running_loop().call_later(0.01, wire.say, GONE)
    assert await asyncio.wait_for(run(connection, forever), 1) == "left"
    assert connection.left
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # no cancellation is left over for whatever comes next


async def test_the_end_of_an_answered_request_is_no_departure() -> None:
    wire = Wire()
    connection = connected(wire)

    async def answer() -> None:
        await connection.respond(200, [], b"")
        wire.say(GONE)  # as servers do
        await asyncio.sleep(0.01)

    assert await run(connection, lambda: asyncio.ensure_future(answer())) == "done"
    assert not connection.left


@pytest.mark.parametrize("turns", range(6))
async def test_a_client_that_leaves_at_the_very_end_leaves_nothing_behind(turns: int) -> None:
    """Whichever of the two is first, by however little."""
    wire = Wire()
    connection = connected(wire)

    async def answer() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        await connection.respond(200, [], b"")

    async def leave() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        wire.say(GONE)

    leaving = asyncio.ensure_future(leave())
    await run(connection, lambda: asyncio.ensure_future(answer()))
    await leaving
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_server_that_stops_the_work_is_not_mistaken_for_the_client() -> None:
    wire = Wire()
    connection = connected(wire)
    task = asyncio.ensure_future(run(connection, forever))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not connection.left


async def test_an_error_of_the_work_comes_out_though_the_client_has_left() -> None:
    wire = Wire()

    async def fail() -> None:
        with connected(wire):
            wire.say(GONE)
            try:
                await forever()
            finally:
                raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await fail()
