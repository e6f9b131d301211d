"""A client is answered the same over messages and without: both ways, over real sockets."""

import asyncio
import contextlib
import itertools
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from starlette.types import Receive, Scope, Send

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.server.connection import AsgiConnection, Connection
from dragoman.server.connections import Connections, Patience
from dragoman.server.http_protocol import HttpProtocol
from dragoman.server.http_request import scope_request

pytestmark = pytest.mark.anyio

Work = Callable[[Connection], Awaitable[None]]
GET = b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n"


class Visitor:
    """A client at the other end of a connection, and what is done for it there."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._socket, self._served = socket.socketpair()
        for end in (self._socket, self._served):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
        self._loop = asyncio.get_running_loop()
        self.shared = Connections(self._serve, Patience(), self._loop)
        self.protocol = HttpProtocol(self.shared)
        self.work: Work | None = None
        self.ended: list[BaseException | None] = []
        """How the work came out of it, for each request."""

    async def begin(self) -> None:
        await self._loop.connect_accepted_socket(lambda: self.protocol, self._served)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        direct = scope_request(scope)
        assert direct is not None
        assert self.work is not None
        try:
            await self.work(direct if self._kind == "direct" else AsgiConnection(scope, receive, send))
        except BaseException as error:
            self.ended.append(error)
            raise
        self.ended.append(None)

    async def say(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._socket, data)

    async def hear(self, size: int = 1_000_000) -> bytes:
        """What comes next; nothing at the end."""
        return await asyncio.wait_for(self._loop.sock_recv(self._socket, size), 5)

    async def hear_all(self) -> bytes:
        """What comes until nothing more does."""
        seen = b""
        try:
            while piece := await asyncio.wait_for(self._loop.sock_recv(self._socket, 1_000_000), 0.1):
                seen += piece
        except TimeoutError:
            return seen
        return seen + b"<end>"

    def say_no_more(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def leave(self) -> None:
        self._socket.close()

    async def settled(self, number: int = 1) -> None:
        """Wait until the work has come to its end so often."""
        until = time.monotonic() + 5
        while len(self.ended) < number:
            assert time.monotonic() < until
            await asyncio.sleep(0.001)


@pytest.fixture(params=["direct", "asgi"])
async def visitor(request: pytest.FixtureRequest) -> AsyncGenerator[Visitor]:
    one = Visitor(str(request.param))
    await one.begin()
    yield one
    one.leave()
    for _ in range(100):
        if not one.shared.open and not one.shared.tasks:
            break
        await asyncio.sleep(0.01)
    assert not one.shared.open
    assert not one.shared.tasks


def head_of(answer: bytes) -> list[bytes]:
    """The lines of an answer's head but its date."""
    lines = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return [line for line in lines if not line.startswith(b"date: ")]


async def test_a_whole_answer_says_how_long_it_is(visitor: Visitor) -> None:
    async def work(client: Connection) -> None:
        assert not client.started
        await client.respond(404, [("x-a", "b")], b"gone")
        assert client.started

    visitor.work = work
    for _ in range(2):
        await visitor.say(GET)
        answer = await visitor.hear_all()
        assert head_of(answer) == [b"HTTP/1.1 404 Not Found", b"x-a: b", b"content-length: 4"]
        assert answer.endswith(b"\r\n\r\ngone")
        assert answer.count(b"\r\ndate: ") == 1


async def test_a_whole_answer_of_any_size_arrives(visitor: Visitor) -> None:
    async def work(client: Connection) -> None:
        await client.respond(200, [], bytes(3_000_000))

    visitor.work = work
    await visitor.say(GET)
    assert len((await visitor.hear_all()).partition(b"\r\n\r\n")[2]) == 3_000_000


async def test_a_header_that_is_not_latin_does_not_break_the_answer(visitor: Visitor) -> None:
    async def work(client: Connection) -> None:
        await client.respond(200, [("x-a", "\u20ac\xe9\tb")], b"")

    visitor.work = work
    await visitor.say(GET)
    assert b"x-a: ?\xe9\tb" in head_of(await visitor.hear())


@pytest.mark.parametrize("value", ["a\r\nx-b: c", "a\nb", "a\rb", "a\0b", "a\x7fb"])
async def test_a_header_that_would_end_early_ends_the_answer_instead(visitor: Visitor, value: str) -> None:
    async def work(client: Connection) -> None:
        await client.respond(200, [("x-a", value)], b"secret")

    visitor.work = work
    await visitor.say(GET)
    answer = await visitor.hear_all()
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert answer.endswith(b"Internal Server Error<end>")
    assert b"x-b" not in answer


async def test_a_streamed_answer_goes_out_as_it_comes(visitor: Visitor) -> None:
    more = asyncio.Event()

    async def work(client: Connection) -> None:
        await client.start(200, [("x-a", "b")])
        await client.write(b"one")
        await more.wait()
        await client.write(b"")
        await client.write(b"0123456789abcdef")
        await client.finish()

    visitor.work = work
    await visitor.say(GET)
    first = await visitor.hear_all()
    assert head_of(first) == [b"HTTP/1.1 200 OK", b"x-a: b", b"transfer-encoding: chunked"]
    assert first.endswith(b"\r\n\r\n3\r\none\r\n")
    more.set()
    assert await visitor.hear_all() == b"10\r\n0123456789abcdef\r\n0\r\n\r\n"


async def test_the_head_of_a_stream_is_followed_by_its_first_piece_at_once(visitor: Visitor) -> None:
    async def work(client: Connection) -> None:
        await client.start(200, [])
        await client.write(b"one")
        await client.finish()

    visitor.work = work
    await visitor.say(GET)
    await visitor.settled()
    assert b"one" in await visitor.hear()


async def test_a_client_of_http_1_0_gets_a_stream_that_ends_with_its_connection(visitor: Visitor) -> None:
    async def work(client: Connection) -> None:
        await client.start(200, [])
        await client.write(b"one")
        await client.write(b"two")
        await client.finish()

    visitor.work = work
    await visitor.say(b"GET /x HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    answer = await visitor.hear_all()
    assert head_of(answer) == [b"HTTP/1.1 200 OK", b"connection: close"]
    assert answer.endswith(b"\r\n\r\nonetwo<end>")


@pytest.mark.parametrize("streamed", [True, False])
async def test_who_asks_for_the_head_alone_gets_no_body(visitor: Visitor, *, streamed: bool) -> None:
    async def work(client: Connection) -> None:
        if streamed:
            await client.start(200, [])
            await client.write(b"one")
            await client.finish()
        else:
            await client.respond(200, [], b"one")

    visitor.work = work
    for _ in range(2):
        await visitor.say(GET.replace(b"GET", b"HEAD"))
        answer = await visitor.hear_all()
        assert answer.endswith(b"\r\n\r\n")
        assert (b"content-length: 3" in head_of(answer)) is not streamed


async def test_an_answer_may_be_the_last_of_its_connection(visitor: Visitor) -> None:
    async def work(client: Connection) -> None:
        await client.respond(200, [("connection", "close")], b"one")

    visitor.work = work
    await visitor.say(GET)
    answer = await visitor.hear_all()
    assert answer.count(b"connection: close") == 1
    assert answer.endswith(b"one<end>")


@pytest.mark.parametrize("begun", [True, False])
async def test_a_fault_is_told_or_the_answer_breaks_off(visitor: Visitor, *, begun: bool) -> None:
    async def work(client: Connection) -> None:
        if begun:
            await client.start(200, [])
            await client.write(b"one")
        raise ZeroDivisionError("a secret")

    visitor.work = work
    await visitor.say(GET)
    answer = await visitor.hear_all()
    assert answer.startswith(b"HTTP/1.1 200" if begun else b"HTTP/1.1 500")
    assert answer.endswith(b"3\r\none\r\n<end>" if begun else b"Internal Server Error<end>")
    assert b"secret" not in answer


async def test_a_stream_that_is_left_without_an_end_breaks_off(visitor: Visitor) -> None:
    async def work(client: Connection) -> None:
        await client.start(200, [])
        await client.write(b"one")

    visitor.work = work
    await visitor.say(GET)
    assert (await visitor.hear_all()).endswith(b"3\r\none\r\n<end>")


# --- bodies ------------------------------------------------------------------------------------------


async def echo(client: Connection) -> None:
    try:
        body = await client.read_body(10, 0.2)
    except FailureError as error:
        await client.respond(400, [], str(error.failure.kind).encode())
        raise
    await client.respond(200, [], body)


@pytest.mark.parametrize("cuts", [(), (5,), (1, 2, 9)])
async def test_a_body_is_read_to_its_end(visitor: Visitor, cuts: tuple[int, ...]) -> None:
    visitor.work = echo
    body = b"0123456789"
    for _ in range(2):
        pieces = [body[at:to] for at, to in itertools.pairwise((0, *cuts, 10))]
        await visitor.say(POST + b"\r\n" + pieces[0])
        for piece in pieces[1:]:
            await asyncio.sleep(0.01)
            await visitor.say(piece)
        assert (await visitor.hear_all()).endswith(b"\r\n\r\n0123456789")


async def test_a_chunked_body_is_read_to_its_end(visitor: Visitor) -> None:
    visitor.work = echo
    await visitor.say(b"POST /x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
    await asyncio.sleep(0.01)
    await visitor.say(b"2\r\nde\r\n0\r\n\r\n")
    assert (await visitor.hear_all()).endswith(b"\r\n\r\nabcde")


async def test_a_larger_body_is_refused_once_it_has_been_read_away(visitor: Visitor) -> None:
    visitor.work = echo
    size = 2_000_000
    await visitor.say(POST.replace(b"10", str(size).encode()) + b"\r\n" + bytes(size))
    assert (await visitor.hear_all()).endswith(b"too_large")
    await visitor.say(POST + b"\r\n0123456789")
    assert (await visitor.hear_all()).endswith(b"0123456789")


async def test_a_body_that_nobody_asks_for_waits_in_the_network(visitor: Visitor) -> None:
    wanted = asyncio.Event()
    size = 5_000_000

    async def work(client: Connection) -> None:
        await wanted.wait()
        await client.respond(200, [], str(len(await client.read_body(size, 5))).encode())

    visitor.work = work
    sending = asyncio.ensure_future(
        visitor.say(POST.replace(b"10", str(size).encode()) + b"\r\n" + bytes(size))
    )
    await asyncio.sleep(0.2)
    assert not sending.done()
    wanted.set()
    assert (await visitor.hear()).endswith(b"5000000")
    await sending


async def test_a_body_that_does_not_go_on_is_not_waited_for(visitor: Visitor) -> None:
    visitor.work = echo
    await visitor.say(POST + b"\r\n01234")
    assert (await visitor.hear()).endswith(b"request_timeout")


async def test_a_client_that_leaves_in_its_request_has_asked_nothing(visitor: Visitor) -> None:
    visitor.work = echo
    await visitor.say(POST + b"\r\n01234")
    await asyncio.sleep(0.01)
    visitor.leave()
    await visitor.settled()
    (error,) = visitor.ended
    assert isinstance(error, FailureError)
    assert error.failure.kind is FailureKind.CLIENT_CLOSED


async def test_a_client_that_asks_first_is_told_to_send_its_body(visitor: Visitor) -> None:
    visitor.work = echo
    await visitor.say(POST + b"expect: 100-continue\r\n\r\n")
    assert await visitor.hear_all() == b"HTTP/1.1 100 Continue\r\n\r\n"
    await visitor.say(b"0123456789")
    assert (await visitor.hear_all()).startswith(b"HTTP/1.1 200")


async def test_a_client_whose_body_is_not_wanted_is_not_told_to_send_it(visitor: Visitor) -> None:
    async def work(client: Connection) -> None:
        await client.respond(401, [], b"no")

    visitor.work = work
    await visitor.say(POST + b"expect: 100-continue\r\n\r\n")
    assert (await visitor.hear_all()).startswith(b"HTTP/1.1 401")


async def test_nothing_is_taken_for_a_body_that_was_not_wanted(visitor: Visitor) -> None:
    """The client need not send it, and may ask for something else there."""

    async def work(client: Connection) -> None:
        await client.respond(401, [], b"no")

    visitor.work = work
    await visitor.say(POST + b"expect: 100-continue\r\n\r\n")
    answer = await visitor.hear_all()
    assert b"connection: close" in head_of(answer)
    assert answer.endswith(b"no<end>")
    with contextlib.suppress(ConnectionError):
        await visitor.say(GET * 2)
    await asyncio.sleep(0.02)
    assert len(visitor.ended) == 1


async def test_a_client_of_http_1_0_knows_no_interim_answers(visitor: Visitor) -> None:
    visitor.work = echo
    await visitor.say(POST.replace(b"1.1", b"1.0") + b"expect: 100-continue\r\n\r\n")
    await asyncio.sleep(0.02)
    await visitor.say(b"0123456789")
    assert (await visitor.hear_all()).startswith(b"HTTP/1.1 200")


# --- departure ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("half", [True, False])
async def test_a_client_that_leaves_cancels_the_work_and_nothing_else(
    visitor: Visitor, *, half: bool
) -> None:
    seen: list[object] = []

    async def work(client: Connection) -> None:
        with client:
            await asyncio.sleep(60)
        task = asyncio.current_task()
        assert task is not None
        seen.extend((client.left, task.cancelling()))
        await asyncio.sleep(0)

    visitor.work = work
    await visitor.say(GET)
    await asyncio.sleep(0.01)
    if half:
        visitor.say_no_more()
    else:
        visitor.leave()
    await visitor.settled()
    assert seen == [True, 0]
    assert visitor.ended == [None]


async def test_a_client_that_has_left_before_is_noticed_too(visitor: Visitor) -> None:
    seen: list[bool] = []

    async def work(client: Connection) -> None:
        await asyncio.sleep(0.05)
        with client:
            await asyncio.sleep(60)
        seen.append(client.left)

    visitor.work = work
    await visitor.say(GET)
    await asyncio.sleep(0.01)
    visitor.leave()
    await visitor.settled()
    assert seen == [True]


async def test_the_end_of_an_answered_request_is_no_departure(visitor: Visitor) -> None:
    seen: list[bool] = []

    async def work(client: Connection) -> None:
        with client:
            await client.respond(200, [], b"")
            await asyncio.sleep(0.1)
            seen.append(client.left)

    visitor.work = work
    await visitor.say(GET)
    await visitor.hear()
    visitor.leave()
    await visitor.settled()
    assert seen == [False]


async def test_a_server_that_stops_the_work_is_not_mistaken_for_the_client(visitor: Visitor) -> None:
    seen: list[bool] = []

    async def work(client: Connection) -> None:
        try:
            with client:
                await asyncio.sleep(60)
        finally:
            seen.append(client.left)

    visitor.work = work
    await visitor.say(GET)
    await asyncio.sleep(0.01)
    for task in visitor.shared.tasks:
        task.cancel()
    await visitor.settled()
    assert seen == [False]
    assert isinstance(visitor.ended[0], asyncio.CancelledError)


async def test_an_error_of_the_work_comes_out_though_the_client_has_left(visitor: Visitor) -> None:
    async def work(client: Connection) -> None:
        with client:
            try:
                await asyncio.sleep(60)
            finally:
                raise ValueError("broken")

    visitor.work = work
    await visitor.say(GET)
    await asyncio.sleep(0.01)
    visitor.leave()
    await visitor.settled()
    assert isinstance(visitor.ended[0], ValueError)


async def test_a_client_that_reads_slowly_is_waited_for_and_may_leave_meanwhile(visitor: Visitor) -> None:
    sent: list[int] = []

    async def work(client: Connection) -> None:
        with client:
            await client.start(200, [])
            for _ in range(1000):
                await client.write(bytes(10_000))
                sent.append(10_000)

    visitor.work = work
    await visitor.say(GET)
    await asyncio.sleep(0.1)
    before = sum(sent)
    assert 0 < before < 1_000_000
    taken = 0
    while taken < before:
        taken += len(await visitor.hear())
    await asyncio.sleep(0.05)
    assert sum(sent) > before
    visitor.leave()
    await visitor.settled()
    assert visitor.ended == [None]


# --- requests that are not like others ------------------------------------------------------------------


async def test_an_upgrade_to_what_is_not_spoken_is_a_request_like_any_other(visitor: Visitor) -> None:
    visitor.work = echo
    upgrade = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: x\r\n\r\n"
    for _ in range(2):
        await visitor.say(POST + upgrade + b"0123456789" + POST + b"\r\nabcdefghij")
        answers = await visitor.hear_all()
        assert answers.count(b"HTTP/1.1 200 OK") == 2
        assert b"\r\n\r\n0123456789HTTP" in answers
        assert answers.endswith(b"abcdefghij")


async def test_the_body_behind_an_upgrade_may_come_later(visitor: Visitor) -> None:
    visitor.work = echo
    await visitor.say(POST + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n")
    for piece in (b"GET", b" /y HTT", GET):
        await asyncio.sleep(0.01)
        await visitor.say(piece)
    first, second = (await visitor.hear_all()).split(b"HTTP/1.1 200 OK")[1:]
    assert first.endswith(b"GET /y HTT")
    assert second.endswith(b"content-length: 0\r\n\r\n")


async def test_the_whole_url_may_stand_in_a_request(visitor: Visitor) -> None:
    async def work(client: Connection) -> None:
        said = f"{client.method} {client.path} {client.raw_path} {client.query.decode()} {client.headers}"
        await client.respond(200, [], said.encode())

    visitor.work = work
    for target in (b"http://there/x%20y?a=b", b"/x%20y?a=b#part"):
        await visitor.say(b"GET " + target + b" HTTP/1.1\r\nHost: There\r\n\r\n")
        assert (await visitor.hear_all()).endswith(b"\r\n\r\nGET /x y /x%20y a=b [(b'host', b'There')]")


@pytest.mark.parametrize(
    "text",
    [
        b"NONSENSE\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /x HTTP/1.1\r\nhost x\r\n\r\n",
        b"POST /x HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
        b"POST /x HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc",
        b"POST /x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nnonsense",
        b"POST /x HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\ntransfer-encoding: chunked\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused(visitor: Visitor, text: bytes) -> None:
    visitor.work = echo
    await visitor.say(text)
    answer = await visitor.hear_all()
    assert answer.startswith(b"HTTP/1.1 400 Bad Request")
    assert answer.endswith(b"Invalid HTTP request received.<end>")


async def test_what_came_before_it_is_answered(visitor: Visitor) -> None:
    visitor.work = echo
    await visitor.say(POST + b"\r\n0123456789NONSENSE\r\n\r\n")
    answer = await visitor.hear_all()
    assert b"connection: close" in head_of(answer)
    assert answer.endswith(b"0123456789<end>")
