"""What is written in one turn of the event loop goes out at its end: one system call for each connection, and
all of them in a row.

A write to a socket whose reader sleeps wakes it, which costs more than the write. In a row, the first write
wakes it and the others find it awake.
"""

import asyncio

MOST_GATHERED = 64 * 1024
"""Bytes of a connection that wait for the end of the turn; with more, all of them go out at once."""


class Gathering:
    """The connections of one event loop on which something has been written in this turn."""

    __slots__ = ("_loop", "_written")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._written: list[GatheringTransport] = []

    def add(self, transport: "GatheringTransport") -> None:
        """Send what was written here at the end of this turn."""
        if not self._written:
            self._loop.call_soon(self._flush)
        self._written.append(transport)

    def _flush(self) -> None:
        written, self._written = self._written, []
        for transport in written:
            transport.flush()


class GatheringTransport:
    """A transport whose writes wait for the end of the turn. Everything that is written has to come this way,
    or it overtakes what waits; the rest is as in `asyncio.Transport`.
    """

    __slots__ = ("_gathering", "_pieces", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, gathering: Gathering) -> None:
        self._transport = transport
        self._gathering = gathering
        self._pieces: list[bytes | memoryview] = []
        self._size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Send bytes at the end of this turn, or now where they are many."""
        pieces = self._pieces
        if not pieces:
            self._gathering.add(self)
        pieces.append(data)
        self._size += len(data)
        if self._size > MOST_GATHERED:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        pieces = self._pieces
        if not pieces:
            return
        self._pieces, size, self._size = [], self._size, 0
        if self._transport.is_closing():
            return
        if len(pieces) == 1:
            self._transport.write(pieces[0])
        elif size <= MOST_GATHERED:
            self._transport.write(b"".join(pieces))
        else:
            # large ones are not copied
            self._transport.writelines(pieces)

    def write_eof(self) -> None:
        """Say that nothing more comes, behind all that was written."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Close the connection when all that was written is sent."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._pieces.clear()
        self._size = 0
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or going to be."""
        return self._transport.is_closing()

    def get_write_buffer_size(self) -> int:
        """Bytes that the system has not taken yet."""
        return self._size + self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Take nothing more from the socket."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on taking what comes."""
        self._transport.resume_reading()
