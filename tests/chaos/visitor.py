"""A client on a raw socket: it takes an answer apart by the letter of HTTP, or leaves in the middle."""

import asyncio
from typing import NamedTuple

from tests.chaos.upstream import reset
from tests.live.client import Ask, Reply


class Leave(NamedTuple):
    """When and how a client goes: after so many bytes of the answer or so many seconds, whatever comes
    first; resetting the connection or closing it.
    """

    received: int
    seconds: float
    reset: bool = False


async def visit(port: int, ask: Ask) -> Reply:
    """The answer to a request, up to the end of its connection: there may be nothing behind it."""
    ask = ask._replace(headers={**ask.headers, "connection": "close"})
    source, sink = await asyncio.open_connection("127.0.0.1", port)
    try:
        sink.write(ask.text())
        return read_reply(await source.read())
    finally:
        sink.close()


async def visit_and_leave(port: int, ask: Ask, leave: Leave) -> None:
    """Ask, and go before the answer has ended, or when it has."""
    source, sink = await asyncio.open_connection("127.0.0.1", port)
    try:
        sink.write(ask.text())
        received = 0
        async with asyncio.timeout(leave.seconds):
            while received < leave.received and (piece := await source.read(leave.received - received)):
                received += len(piece)
    except (TimeoutError, ConnectionError):
        pass
    finally:
        if leave.reset:
            reset(sink)
        sink.close()


def read_reply(data: bytes) -> Reply:
    """One whole HTTP answer. Raises `AssertionError` for anything else than exactly one."""
    head, end, body = data.partition(b"\r\n\r\n")
    assert end, f"no whole head: {data[:200]!r}"
    status, *lines = head.decode("latin-1").split("\r\n")
    version, code, _ = status.split(" ", 2)
    assert version == "HTTP/1.1", status
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        assert colon, line
        assert name.lower() not in headers, f"{name} stands there twice"
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        assert "content-length" not in headers
        return Reply(int(code), headers, _read_chunks(body))
    assert "content-length" in headers, "neither chunks nor a length"
    assert len(body) == int(headers["content-length"]), f"{len(body)} bytes, announced {headers}"
    return Reply(int(code), headers, body)


def _read_chunks(body: bytes) -> bytes:
    pieces: list[bytes] = []
    while True:
        size, end, rest = body.partition(b"\r\n")
        assert end, f"the answer breaks off: ...{body[-200:]!r}"
        length = int(size, 16)
        assert rest[length : length + 2] == b"\r\n", f"the answer breaks off in a chunk: {rest[-200:]!r}"
        pieces.append(rest[:length])
        body = rest[length + 2 :]
        if not length:
            assert not body, f"more comes behind the answer: {body[:200]!r}"
            return b"".join(pieces)
