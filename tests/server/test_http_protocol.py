"""Nobody fills the memory with headers, and everybody's ordinary ones are taken."""

import contextlib
import socket

import pytest
from tests.conftest import CLIENT_KEY, LiveGateway
from tests.server.toy import hear, request, rest, serving, settled

from dragoman.server.http_protocol import MAX_HEAD

CHUNKED = b"POST /chunked HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
GOOD = f"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-api-key: {CLIENT_KEY}\r\n".encode()


def answer(port: int, *pieces: bytes) -> bytes:
    """What comes back until the gateway closes the connection or the test is done sending."""
    seen = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        # a gateway that has closed its side may answer what is sent after that with a reset
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65536):
                seen += piece
    return seen


@pytest.mark.parametrize(
    "flood",
    [b"x-long: " + b"a" * 1_000_000, b"".join(b"x-%d: a\r\n" % number for number in range(100_000))],
    ids=["one", "many"],
)
def test_headers_without_end_are_refused(gateway: LiveGateway, flood: bytes) -> None:
    pieces = [flood[at : at + 10_000] for at in range(0, len(flood), 10_000)]
    assert not answer(gateway.port, GOOD, *pieces).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "flood",
    [b"x-long: " + b"a" * 1_000_000, b"".join(b"x-%d: a\r\n" % number for number in range(100_000))],
    ids=["one", "many"],
)
@pytest.mark.parametrize(
    "before", [b"0\r\n", b"3\r\nabc\r\n0\r\n", b"5;x="], ids=["empty", "behind", "inside"]
)
def test_nor_is_anything_else_without_end_taken_for_a_part_of_a_body(before: bytes, flood: bytes) -> None:
    pieces = [flood[at : at + 10_000] for at in range(0, len(flood), 10_000)]
    with serving() as running, running.connect(CHUNKED + before) as client:
        assert settled(lambda: running.toy.asked != [])
        (connection,) = running.server.connections
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                client.sendall(piece)
        assert settled(lambda: running.server.connections == [])
        assert len(connection.headers) < 5


def test_headers_behind_a_body_are_left_out() -> None:
    with serving() as running, running.connect(CHUNKED + b"3\r\nabc\r\n0\r\nx-late: a\r\n\r\n") as client:
        assert hear(client, b"/chunked")
        client.sendall(request("/next", "connection: close"))
        assert rest(client).endswith(b"/next")


def test_a_body_of_many_small_chunks_is_taken() -> None:
    with serving() as running, running.connect(CHUNKED + b"1;some=thing\r\na\r\n" * 20_000) as client:
        client.sendall(b"0\r\n\r\n")
        assert hear(client, b"/chunked")


def test_a_path_without_end_is_refused(gateway: LiveGateway) -> None:
    assert not answer(gateway.port, b"GET /" + b"a" * 1_000_000).startswith(b"HTTP/1.1 200")


def test_many_and_long_headers_are_taken(gateway: LiveGateway) -> None:
    more = b"x-long: " + b"a" * (MAX_HEAD - 1000) + b"\r\nconnection: close\r\n\r\n"
    assert answer(gateway.port, GOOD, more).startswith(b"HTTP/1.1 200")


def test_each_request_of_a_connection_has_a_limit_of_its_own(gateway: LiveGateway) -> None:
    long = b"x-long: " + b"a" * 40_000 + b"\r\n"
    seen = answer(gateway.port, *[GOOD + long + b"\r\n"] * 3, GOOD + long + b"connection: close\r\n\r\n")
    assert seen.count(b"HTTP/1.1 200") == 4


def test_a_body_is_not_counted_among_the_headers(gateway: LiveGateway) -> None:
    body = b" " * (MAX_HEAD * 4)
    head = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n"
    head += f"x-api-key: {CLIENT_KEY}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    seen = answer(gateway.port, head, body[:100], body[100:])
    assert b"not valid JSON" in seen
