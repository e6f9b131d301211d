"""Writes of one turn go out together at its end, in their order, and never pile up."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from typing import cast

import pytest

from dragoman.sockets.gathering import MOST_GATHERED, Gathering, GatheringTransport

pytestmark = pytest.mark.anyio


class Watched:
    """A real transport, and what it was told to do."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(bytes(data))
        self.transport.write(data)

    def writelines(self, pieces: Iterable[bytes]) -> None:
        together = [bytes(piece) for piece in pieces]
        self.writes.append(b"".join(together))
        self.transport.writelines(together)

    def __getattr__(self, name: str) -> object:
        return getattr(self.transport, name)


class Line:
    """A connection whose writes are gathered, and its other end."""

    def __init__(self, transport: asyncio.Transport, other: socket.socket) -> None:
        self.watched = Watched(transport)
        self.other = other
        gathering = Gathering(asyncio.get_running_loop())
        self.gathered = GatheringTransport(cast("asyncio.Transport", self.watched), gathering)

    async def read(self) -> bytes:
        """What comes at the other end, up to its own end or for as long as something comes."""
        loop = asyncio.get_running_loop()
        found = b""
        try:
            async with asyncio.timeout(0.2):
                while piece := await loop.sock_recv(self.other, 65536):
                    found += piece
        except TimeoutError:
            pass
        return found


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    ours, other = socket.socketpair()
    other.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    yield Line(transport, other)
    transport.abort()
    other.close()


async def test_what_is_written_in_one_turn_goes_out_at_its_end_in_one_piece(line: Line) -> None:
    for piece in (b"one ", b"two ", b"three"):
        line.gathered.write(piece)
    assert line.watched.writes == []
    assert line.gathered.get_write_buffer_size() == 13
    await asyncio.sleep(0)
    assert line.watched.writes == [b"one two three"]
    assert line.gathered.get_write_buffer_size() == 0
    line.gathered.write(b"!")
    await asyncio.sleep(0)
    assert await line.read() == b"one two three!"


async def test_a_task_that_never_pauses_does_not_pile_up_what_it_writes(line: Line) -> None:
    for _ in range(100):
        line.gathered.write(b"x" * 4096)
        assert line.gathered.get_write_buffer_size() - line.watched.transport.get_write_buffer_size() <= (
            MOST_GATHERED
        )
    assert len(line.watched.writes) >= 5


async def test_closing_comes_behind_what_was_written(line: Line) -> None:
    line.gathered.write(b"last words")
    line.gathered.close()
    assert line.gathered.is_closing()
    assert await line.read() == b"last words"


async def test_the_end_of_what_is_said_comes_behind_it(line: Line) -> None:
    line.gathered.write(b"last words")
    line.gathered.write_eof()
    assert await line.read() == b"last words"


async def test_what_is_broken_off_is_not_sent(line: Line) -> None:
    line.gathered.write(b"never heard")
    line.gathered.abort()
    await asyncio.sleep(0)
    assert line.watched.writes == []
    assert await line.read() == b""


async def test_a_connection_that_is_lost_within_the_turn_is_not_written_to(line: Line) -> None:
    line.gathered.write(b"too late")
    line.watched.transport.close()
    await asyncio.sleep(0)
    assert line.watched.writes == []
