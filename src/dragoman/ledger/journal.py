"""The journal of a process: what was done is written down here first, in a file of its own, and read into the
store from there.

What `write` has handed to the kernel outlives the process, however that ends. The last moments before a crash
of the whole machine may be lost: nothing waits for the disk.
"""

import asyncio
import contextlib
import functools
import os
import time
import weakref
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Never, TypeAlias

import msgspec
import structlog

from dragoman.config.bookkeeping import Ledger
from dragoman.ledger.ingestion import Ingestion, JournalCounts, Outage
from dragoman.ledger.journal_file import JournalFile
from dragoman.ledger.record import HEAD_BYTES, seal
from dragoman.store.entry import Entry
from dragoman.store.error import StoreError
from dragoman.store.ledger import LedgerStore

FOLDER = "journal"
"""The folder of journals in the data directory."""

FILE_BYTES = 16 * 1024 * 1024
"""After so many bytes another file is begun, so that what has been read can be deleted."""

GATHER = 0.5
"""Seconds for which entries gather before they are read."""
_REST = 1.0
"""Seconds for which the journal counts as full after a write has failed; then it is tried again."""

_Plain: TypeAlias = "str | bytes | float | Sequence[_Plain] | dict[str, _Plain] | None"

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.ledger")


class LedgerJournal:
    """Writes entries, and brings them to the store in the background. For one event loop, in one thread.

    `folder` is the data directory, `node` the name of this machine. No file is made before the first entry.
    """

    def __init__(self, folder: Path, settings: Ledger, node: str) -> None:
        self.settings = settings
        self.counts = JournalCounts()
        self._folder = folder / FOLDER
        self._node = node
        self._encode = msgspec.msgpack.Encoder().encode_into
        self._buffer = bytearray()
        self._files: deque[JournalFile] = deque()
        """Those that are not deleted yet; the last one is written to if another record may follow there."""
        self._written = 0
        """All bytes ever written."""
        self._oldest = 0.0
        self._failing = False
        self._resting_until = 0.0
        self._bell = _Bell()
        self._idle = False
        """Whether the reader waits for something to be written."""
        self._flushes: list[tuple[int, asyncio.Future[None]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        # to ask at each entry whether this is still the same process would take a system call
        os.register_at_fork(after_in_child=functools.partial(_begin_anew, weakref.ref(self)))

    def write(self, entry: Entry) -> bool:
        """Write an entry down. False if it could not be: too much is unread, or the disk is full."""
        buffer, counts = self._buffer, self.counts
        try:
            try:
                self._encode(entry, buffer, HEAD_BYTES)
            except UnicodeEncodeError:
                # halves of surrogate pairs: they are in no text that could be sent, but in names of odd bytes
                parts = msgspec.to_builtins(entry, builtin_types=(bytes,))
                self._encode(_without_halves(parts), buffer, HEAD_BYTES)
            size = len(buffer)
            if counts.unread_bytes + size > self.settings.max_journal_bytes:
                return self._failed("too much of it has not been read into the store yet")
            file = self._files[-1] if self._files else None
            if file is None or file.size >= FILE_BYTES or not file.whole:
                file = JournalFile.create(self._folder, self._node)
                self._files.append(file)
            seal(buffer, file.mark)
            file.append(buffer)
        except (OSError, TypeError, ValueError, OverflowError) as error:
            self._resting_until = time.monotonic() + _REST
            return self._failed(f"{type(error).__name__}: {error}")
        if not counts.unread_bytes:
            self._oldest = time.time()
        self._written += size
        counts.unread_bytes += size
        self._failing = False
        if self._idle:
            self._idle = False
            self._bell.ring()
        return True

    @property
    def full(self) -> bool:
        """Whether nothing more can be written down now."""
        unread, most = self.counts.unread_bytes, self.settings.max_journal_bytes
        return unread >= most or self._resting_until > time.monotonic()

    @property
    def oldest_unread(self) -> float | None:
        """When the first entry was written that is not in the store yet, in Unix seconds, or some time
        before; None if all are.
        """
        return self._oldest if self.counts.unread_bytes else None

    async def follow(self, store: LedgerStore) -> Never:
        """Bring to the store what is written here, and what processes have left behind that are no more.
        Survives whatever goes wrong with the store: entries wait then.
        """
        outage = Outage()
        ingestion = Ingestion(store, self._folder, self.counts)
        async with asyncio.TaskGroup() as group:
            self._tasks = [
                group.create_task(self._read_own(ingestion, outage)),
                group.create_task(ingestion.adopt(outage)),
            ]
        await asyncio.Event().wait()  # `close` was faster than whoever cancels this
        raise AssertionError

    async def flush(self) -> None:
        """Wait until everything is in the store that has been written so far. Somebody has to `follow`
        meanwhile.
        """
        if self.counts.unread_bytes:
            done = asyncio.get_running_loop().create_future()
            self._flushes.append((self._written, done))
            self._bell.ring()
            await done

    async def close(self, limit: float = 5.0) -> None:
        """Bring to the store what can be brought within `limit` seconds, if somebody follows, and let go of
        the files. What is left waits for the next process of this node.
        """
        if any(not task.done() for task in self._tasks):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.flush(), limit)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for file in self._files:
            if file.position == file.size:
                file.delete()
        self.begin_anew()

    async def _read_own(self, ingestion: Ingestion, outage: Outage) -> None:
        counts = self.counts
        while True:
            if not counts.unread_bytes:
                self._idle = True
                await self._bell.wait()
            if not self._flushes:
                await self._bell.wait(GATHER)
            end = self._written
            while self._written - counts.unread_bytes < end:
                file, moment = self._files[0], time.time()
                try:
                    position = await ingestion.ingest(file)
                except (StoreError, OSError) as error:
                    await outage.wait(error)
                    continue
                outage.over()
                counts.unread_bytes -= position - file.position
                file.position = position
                self._oldest = max(self._oldest, ingestion.reached if counts.unread_bytes else moment)
                while len(self._files) > 1 and self._files[0].position == self._files[0].size:
                    done = self._files.popleft()
                    ingestion.discard(done)
                    done.release()
                self._tell_flushes()

    def _tell_flushes(self) -> None:
        read = self._written - self.counts.unread_bytes
        for awaited, done in self._flushes:
            if awaited <= read and not done.done():
                done.set_result(None)
        self._flushes = [flush for flush in self._flushes if not flush[1].done()]

    def _failed(self, reason: str) -> bool:
        self.counts.dropped += 1
        if not self._failing:
            self._failing = True
            _log.error("the ledger cannot be written: entries are lost", reason=reason)
        return False

    def begin_anew(self) -> None:
        """Let go of all files. After a fork, those are the parent's: it has its own descriptors of them."""
        for file in self._files:
            file.release()
        self._files.clear()
        self._tasks.clear()
        self._flushes.clear()
        self._bell = _Bell()
        self._idle = False
        self.counts.unread_bytes = 0


def _begin_anew(journal: "weakref.ref[LedgerJournal]") -> None:
    if (forked := journal()) is not None:
        forked.begin_anew()


class _Bell:
    """Wakes the one who waits."""

    def __init__(self) -> None:
        self._waiting: asyncio.Future[None] | None = None

    def ring(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def wait(self, limit: float | None = None) -> None:
        """Wait until it rings, or for so many seconds."""
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        timer = None if limit is None else loop.call_later(limit, self.ring)
        try:
            await self._waiting
        finally:
            self._waiting = None
            if timer is not None:
                timer.cancel()


def _without_halves(value: _Plain) -> _Plain:
    """The same with question marks in place of what is no character."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {key: _without_halves(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_without_halves(inner) for inner in value]
        case _:
            return value
