"""A client that leaves closes the upstream's connection at once, whatever the moment it leaves at."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from tests.conftest import LiveGateway
from tests.live.client import MODELS, Ask, Client
from tests.live.conftest import Journal
from tests.live.raw_upstream import Line, RawUpstream, pieces_of, saying

from dragoman.conversation.response import Response
from dragoman.testing.exchange import Answer, Chunk
from dragoman.testing.script import Received, Scripted
from dragoman.testing.server import FakeServer

AT_ONCE = 1.0
"""Seconds in which the upstream must have seen the close."""

LONG = 30.0
"""Seconds that a slow upstream takes; no test waits for it."""

FIRST = b"marzipan"
"""The first word of the answers here, by which a client knows that the stream has begun."""


class Visitor:
    """A client on a plain socket, which closes it when the test says so."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def say(self, data: bytes) -> None:
        self._socket.sendall(data)

    def hear(self, mark: bytes) -> bytes:
        """Read until the mark has come."""
        data = b""
        while mark not in data:
            piece = self._socket.recv(65536)
            assert piece, f"the gateway closed the connection after {data!r}"
            data += piece
        return data

    def leave(self) -> float:
        """Close the connection; the moment before that."""
        moment = time.monotonic()
        self._socket.close()
        return moment


Visit = Callable[[int, bytes], Visitor]
"""Connects to a port and sends bytes there."""


@pytest.fixture
def visit() -> Iterator[Visit]:
    """Visitors that leave with the test at the latest."""
    with contextlib.ExitStack() as visitors:

        def begin(port: int, data: bytes) -> Visitor:
            visitor = Visitor(port)
            visitors.callback(visitor.leave)
            visitor.say(data)
            return visitor

        yield begin


def answer(words: int = 400) -> Response:
    return saying(" ".join([FIRST.decode()] * words))


def arrived(fake: FakeServer, number: int = 1) -> tuple[Received, ...]:
    """The requests that came, as soon as there are so many."""
    until = time.monotonic() + 5
    while len(fake.script.received) < number:
        assert time.monotonic() < until, f"only {len(fake.script.received)} of {number} requests came"
        time.sleep(0.002)
    return fake.script.received


def settled(condition: Callable[[], bool], seconds: float = 2) -> bool:
    """Whether the condition comes true in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture(autouse=True)
def _all_is_well_afterwards(fake: FakeServer, client: Client, route: str, journal: Journal) -> Iterator[None]:
    """Whatever a client did, the gateway serves the next one, and no connection is left open for it."""
    assert client.get(route).status == 200
    before = fake.open_connections
    fake.script.clear()
    yield
    assert settled(lambda: fake.open_connections <= before)
    assert client.get(route).status == 200
    assert [entry for entry in journal if entry.get("failure") not in {None, "client_closed"}] == []


def test_before_the_upstream_has_said_anything(
    client: Client, upstream: str, stream: bool, visit: Visit, raw: RawUpstream, patient: LiveGateway
) -> None:
    left: list[float] = []
    raw.play = lambda line: left.append(line.wait_left())
    visitor = visit(patient.port, client.at(patient).ask(f"raw_{upstream}", stream=stream).text())
    assert settled(lambda: bool(raw.asked))
    closed_at = visitor.leave()
    assert settled(lambda: bool(left))
    assert left[0] - closed_at < AT_ONCE


def test_before_a_body_or_a_first_token(
    client: Client, route: str, stream: bool, visit: Visit, fake: FakeServer
) -> None:
    fake.script.add(Scripted(answer(), delay=LONG))
    visitor = visit(client.gateway.port, client.ask(route, stream=stream).text())
    (received,) = arrived(fake)
    time.sleep(0.02)
    closed_at = visitor.leave()
    assert received.wait_left(5) - closed_at < AT_ONCE


def test_in_the_middle_of_a_whole_answer(client: Client, route: str, visit: Visit, fake: FakeServer) -> None:
    halves = (Chunk(0, b'{"id": "msg_1", '), Chunk(LONG, b'"model": "m"}'))
    fake.script.add(Answer(200, {"content-type": "application/json"}, halves))
    visitor = visit(client.gateway.port, client.ask(route).text())
    (received,) = arrived(fake)
    time.sleep(0.02)
    closed_at = visitor.leave()
    assert received.wait_left(5) - closed_at < AT_ONCE


def test_after_the_first_token(
    client: Client,
    route: str,
    visit: Visit,
    fake: FakeServer,
    journal: Journal,
) -> None:
    fake.script.add(Scripted(answer(), pace=0.02))
    visitor = visit(client.gateway.port, client.ask(route, stream=True).text())
    visitor.hear(FIRST)
    (received,) = arrived(fake)
    closed_at = visitor.leave()
    assert received.wait_left(5) - closed_at < AT_ONCE
    assert settled(lambda: any(entry.get("client_left") for entry in journal))
    (entry,) = (entry for entry in journal if entry.get("client_left"))
    # what it took so far, estimated where the upstream had not come to tell it
    assert entry["estimated"] is True
    assert 0 < int(str(entry["output_tokens"])) < 400
    assert sum(int(str(entry.get(name, 0))) for name in ("input_tokens", "cache_write_tokens")) > 0


def test_in_the_silence_after_the_first_token(
    client: Client, upstream: str, visit: Visit, raw: RawUpstream, patient: LiveGateway
) -> None:
    """The gateway has nothing to write then, so no failing write can tell it."""
    pieces = pieces_of(Client(upstream, patient).ask(MODELS[upstream], stream=True), Scripted(answer()))
    begun = next(number for number, piece in enumerate(pieces) if FIRST in piece) + 1
    left: list[float] = []

    def begin(line: Line) -> None:
        line.begin()
        line.chunk(b"".join(pieces[:begun]))
        left.append(line.wait_left())

    raw.play = begin
    visitor = visit(patient.port, client.at(patient).ask(f"raw_{upstream}", stream=True).text())
    visitor.hear(FIRST)
    closed_at = visitor.leave()
    assert settled(lambda: bool(left))
    assert left[0] - closed_at < AT_ONCE


def test_while_it_reads_nothing_of_what_comes(
    client: Client, upstream: str, visit: Visit, raw: RawUpstream, patient: LiveGateway
) -> None:
    """More comes than every buffer on the way can hold: the gateway waits to go on writing."""
    pieces = pieces_of(Client(upstream, patient).ask(MODELS[upstream], stream=True), Scripted(answer()))
    again = next(number for number, piece in enumerate(pieces) if FIRST in piece)
    moved: list[float] = []
    left: list[float] = []

    def talk(line: Line) -> None:
        line.begin()
        line.chunk(b"".join(pieces[: again + 1]))
        try:
            while True:
                moved[:] = [time.monotonic()]
                line.chunk(pieces[again] * 100)
        except ConnectionError:
            left.append(time.monotonic())

    raw.play = talk
    visitor = visit(patient.port, client.at(patient).ask(f"raw_{upstream}", stream=True).text())
    visitor.hear(FIRST)
    assert settled(lambda: bool(moved) and time.monotonic() - moved[0] > 0.2, 10)
    closed_at = visitor.leave()
    assert settled(lambda: bool(left))
    assert left[0] - closed_at < AT_ONCE


def test_in_the_middle_of_its_own_request(client: Client, route: str, visit: Visit, fake: FakeServer) -> None:
    ask = client.ask(route)
    visitor = visit(client.gateway.port, ask.text(length=len(ask.body) + 1000))
    time.sleep(0.05)
    visitor.leave()
    time.sleep(0.1)
    assert fake.script.received == ()


@pytest.mark.parametrize("whole", [0.1, 0.5, 0.99])
def test_in_the_middle_of_its_second_request(
    client: Client, route: str, whole: float, visit: Visit, fake: FakeServer
) -> None:
    text = client.ask(route).text()
    visitor = visit(client.gateway.port, text)
    head = visitor.hear(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    arrived(fake)
    visitor.say(text[: int(len(text) * whole)])
    time.sleep(0.02)
    visitor.leave()
    time.sleep(0.1)
    assert len(fake.script.received) == 1


def fan_out(client: Client, route: str, *, stream: bool) -> Ask:
    """A request for three answers."""
    body = client.request(route, stream=stream)
    body |= {"n": 3} if client.name == "openai_chat" else {"generationConfig": {"candidateCount": 3}}
    return client.ask(route, stream=stream, body=body)


@pytest.mark.parametrize("client", ["openai_chat", "gemini"], indirect=True)
@pytest.mark.parametrize("upstream", ["anthropic"], indirect=True)
def test_while_several_answers_are_on_their_way(
    client: Client, route: str, stream: bool, visit: Visit, fake: FakeServer
) -> None:
    """Only Anthropic cannot be asked for several answers in one request: it gets one for each."""
    delays = (0 if stream else LONG, LONG, LONG)
    fake.script.add(*[Scripted(answer(), delay=delay, pace=0.02) for delay in delays])
    visitor = visit(client.gateway.port, fan_out(client, route, stream=stream).text())
    received = arrived(fake, 3)
    if stream:
        visitor.hear(FIRST)
    time.sleep(0.02)
    closed_at = visitor.leave()
    assert max(one.wait_left(5) for one in received) - closed_at < AT_ONCE
