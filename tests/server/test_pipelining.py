"""Requests that come before the last answer has ended are answered in order, and their client is heard."""

import contextlib
import logging
import socket
import time
from collections.abc import Iterator

import pytest
from tests.server.toy import hear, request, rest, serving, settled

from dragoman.server.http_protocol import MAX_AHEAD

AT_ONCE = 1.0


@pytest.fixture(autouse=True)
def _nothing_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


LAST = request("/last", "connection: close")


def test_requests_are_answered_in_the_order_in_which_they_came() -> None:
    paths = [f"/{number}" for number in range(500)]
    with serving() as running, running.connect(b"".join(map(request, paths)) + LAST) as client:
        seen = rest(client)
    assert running.toy.asked == [*paths, "/last"]
    assert [part.rpartition(b"\r\n\r\n")[2] for part in seen.split(b"HTTP/1.1 200 OK")[1:]] == [
        path.encode() for path in running.toy.asked
    ]


@pytest.mark.parametrize("size", [1, 100, 16_384, 65_536, 500_000])
def test_bodies_of_any_size_may_stand_between_them(size: int) -> None:
    with serving() as running:
        text = request("/pause/0.05", body=b"a" * size) + request("/b", body=b"b" * size) + LAST
        with running.connect(text) as client:
            assert rest(client).count(b"HTTP/1.1 200") == 3
    assert running.toy.asked == ["/pause/0.05", "/b", "/last"]


@pytest.mark.parametrize("cut", [1, 30, -12, -1])
def test_a_request_may_come_in_two_parts_around_the_answer_before_it(cut: int) -> None:
    second = request("/second", body=b"0123456789")
    with serving() as running, running.connect(request("/pause/0.1") + second[:cut]) as client:
        hear(client, b"/pause/0.1")
        time.sleep(0.02)
        client.sendall(second[cut:] + LAST)
        assert rest(client).count(b"HTTP/1.1 200") == 2
    assert running.toy.asked == ["/pause/0.1", "/second", "/last"]


def test_a_chunked_body_is_no_end_of_its_request() -> None:
    chunked = request("/chunked", "transfer-encoding: chunked", "content-length-not: 0").replace(
        b"content-length: 0\r\n", b""
    )
    with serving() as running, running.connect(request("/pause/0.05") + chunked + b"3\r\nabc\r\n") as client:
        hear(client, b"/pause/0.05")
        client.sendall(b"0\r\n\r\n" + LAST)
        assert rest(client).count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("path", ["/slow", "/silent"])
@pytest.mark.parametrize(
    "more",
    [b"", b"G", request("/next"), request("/next") * 1000, request("/next", body=bytes(MAX_AHEAD - 1000))],
    ids=["nothing", "a letter", "one", "many", "a large one"],
)
@pytest.mark.parametrize("together", [True, False])
def test_a_client_that_leaves_is_noticed_whatever_it_has_sent_ahead(
    path: str, more: bytes, *, together: bool
) -> None:
    first = request(path)
    with serving() as running, running.connect(first + more if together else first) as client:
        assert settled(lambda: running.toy.asked != [])
        if not together:
            client.sendall(more)
        time.sleep(0.05)
        began = time.monotonic()
        client.close()
        assert settled(lambda: running.toy.left != [])
        assert running.toy.left[0] - began < AT_ONCE
        assert running.toy.asked == [path]


@pytest.mark.parametrize("path", ["/slow", "/silent", "/flood"])
def test_a_half_closed_client_counts_as_gone(path: str) -> None:
    with serving() as running, running.connect(request(path)) as client:
        assert settled(lambda: running.toy.asked != [])
        time.sleep(0.05)
        began = time.monotonic()
        client.shutdown(socket.SHUT_WR)
        assert settled(lambda: running.toy.left != [])
        assert running.toy.left[0] - began < AT_ONCE


def test_a_client_that_half_closes_behind_its_answer_still_gets_the_rest_of_it() -> None:
    with serving() as running, running.connect(request("/large")) as client:
        size = len(hear(client, b"x" * 10))
        client.shutdown(socket.SHUT_WR)
        assert size + len(rest(client)) > 20_000_000


def test_what_is_read_ahead_is_bounded() -> None:
    with serving() as running, running.connect(request("/pause/0.6")) as client:
        client.setblocking(False)
        sent = 0
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            with contextlib.suppress(BlockingIOError):
                sent += client.send(request("/next") * 1000)
        assert running.toy.asked == ["/pause/0.6"]
        (connection,) = running.server.connections
        assert len(connection.ahead) < MAX_AHEAD + 1_000_000
        assert sent > MAX_AHEAD


def test_a_flood_of_small_requests_does_not_pile_up() -> None:
    """Each answered request lets some more of the flood in, but no more than it took away."""
    with serving() as running, running.connect() as client:
        client.setblocking(False)
        most = 0
        flood = request("/flooded") * 1000
        until = time.monotonic() + 1
        at = 0
        while time.monotonic() < until:
            try:
                at = (at + client.send(flood[at:])) % len(flood)
            except BlockingIOError:
                time.sleep(0.001)
            for connection in running.server.connections:
                most = max(most, len(connection.ahead) + 2000 * len(connection.pipeline))
        assert 0 < most < 4_000_000
