"""Hints among the workers of one node: the latest ones, in a file that all have mapped into their memory.

Records are written in such an order that a process may be killed between any two steps: one without its
number counts as none.
"""

import asyncio
import contextlib
import fcntl
import mmap
import os
import secrets
import struct
import sys
import time
from pathlib import Path
from typing import Final, Never, Self

from dragoman.coordination.hints import LONGEST, PAUSE, Hear

RECORDS: Final = 256
"""How many are kept: who looks once a second may miss what is more."""
RECORD: Final = 512
"""Bytes of each. The first stands for the file."""

_MAGIC: Final = 0x64726167_68696E74
_HEAD: Final = struct.Struct("@QdQQ")
"""Of a record: its number, until when it holds on the monotonic clock, who wrote it, and its length."""


class SharedHints:
    """See `Hints`. The file is to be attached once in each process: its lock belongs to the process."""

    def __init__(self, path: Path) -> None:
        """See `attach`."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        if os.pread(self._descriptor, 8, 0) != _MAGIC.to_bytes(8, sys.byteorder):
            os.close(self._descriptor)
            raise ValueError(f"{path} is no file of hints")
        self._map = mmap.mmap(self._descriptor, 0)
        self._words = memoryview(self._map).cast("Q")
        self._who = secrets.randbits(63)
        self._known = self._words[1]
        self._closed = False

    @staticmethod
    def create(folder: Path) -> Path:
        """Make the file in a folder, before the first process attaches it; where it is. Raises `OSError`."""
        path = folder / "hints"
        with path.open("xb") as file:
            file.write(_MAGIC.to_bytes(8, sys.byteorder))
            file.truncate(RECORD * (RECORDS + 1))
        return path

    @classmethod
    def attach(cls, path: Path) -> Self:
        """Take part from this process, from now on. Raises `OSError` and `ValueError`."""
        return cls(path)

    def publish(self, about: str, seconds: float, /) -> None:
        """See `Hints.publish`."""
        text = about.encode("utf-8", "surrogatepass")
        if self._closed or len(text) > LONGEST or not self._lock():
            return
        try:
            words, number = self._words, self._words[1] + 1
            begin = _place(number)
            words[begin // 8] = 0
            _HEAD.pack_into(self._map, begin, 0, time.monotonic() + seconds, self._who, len(text))
            self._map[begin + _HEAD.size : begin + _HEAD.size + len(text)] = text
            words[begin // 8] = number
            words[1] = number
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, 0)

    async def follow(self, hear: Hear, /) -> Never:
        """See `Hints.follow`."""
        while True:
            await asyncio.sleep(PAUSE)
            for about, until in self._news():
                seconds = until - time.monotonic()
                if seconds > 0:
                    hear(about, seconds)

    def _news(self) -> list[tuple[str, float]]:
        """What others have written since the last look, and until when it holds."""
        latest = self._words[1]
        found: list[tuple[str, float]] = []
        for number in range(max(self._known, latest - RECORDS) + 1, latest + 1):
            begin = _place(number)
            record = self._map[begin : begin + RECORD]
            written, until, who, length = _HEAD.unpack_from(record)
            # it may be written anew while it is read
            if written == number == self._words[begin // 8] and who != self._who:
                text = record[_HEAD.size : _HEAD.size + length]
                found.append((text.decode("utf-8", "surrogatepass"), until))
        self._known = latest
        return found

    def _lock(self) -> bool:
        # a hint is not worth waiting for
        for _ in range(100):
            with contextlib.suppress(BlockingIOError, PermissionError):
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
                return True
            os.sched_yield()
        return False

    async def close(self) -> None:
        """See `Hints.close`."""
        if not self._closed:
            self._closed = True
            self._words.release()
            self._map.close()
            os.close(self._descriptor)


def _place(number: int) -> int:
    """Where the record of a number begins, in bytes."""
    return RECORD * (1 + number % RECORDS)
