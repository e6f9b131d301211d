"""From journals into the store: in batches, in order, each once."""

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from dragoman.ledger.journal_file import SUFFIX, JournalFile
from dragoman.ledger.record import HEAD_BYTES, Found, parse_records, seal
from dragoman.store.entry import Entry
from dragoman.store.error import StoreError
from dragoman.store.ledger import LedgerStore, UnfitEntriesError

REJECTED = "rejected"
"""The folder, beside the journals, of entries that the store does not take."""

SCAN_PAUSE = 5.0
"""Seconds between two looks for what dead processes have left behind."""

_BATCH = 2000
"""The most entries in a transaction."""
_PIECE = 2 * 1024 * 1024
"""Bytes that are read at once."""
_SLICE = 200
"""Entries that are decoded at once: the event loop serves others in between."""
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.ledger")
_decode = msgspec.msgpack.Decoder(Entry).decode


class JournalCounts(msgspec.Struct):
    """What became of a process's entries."""

    unread_bytes: int = 0
    """What is written and not yet in the store, in bytes, of this process."""
    rows_written: int = 0
    """Requests that were written into the store, those of dead processes included."""
    dropped: int = 0
    """Entries that could not be written down: they are lost."""
    rejected: int = 0
    """Entries that the store does not take: they are put aside."""
    damaged_bytes: int = 0
    """What could not be read of journals."""


class Outage:
    """A time in which the store cannot be used: one warning when it begins, one word when it is over."""

    def __init__(self) -> None:
        self._pause = 0.0

    async def wait(self, error: Exception) -> None:
        """Wait, longer from time to time, before the store is tried again."""
        if not self._pause:
            _log.warning("the ledger waits for the store: its journals hold what is new", error=str(error))
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        await asyncio.sleep(self._pause)

    def over(self) -> None:
        """The store works."""
        if self._pause:
            self._pause = 0.0
            _log.info("the ledger is written to the store again")


class _Item(NamedTuple):
    begins: int
    ends: int
    content: bytes
    entry: Entry


class Ingestion:
    """Reads journals into a store. `folder` is where they are."""

    def __init__(self, store: LedgerStore, folder: Path, counts: JournalCounts) -> None:
        self.reached = 0.0
        """When the last entry ended that was read, in Unix seconds."""
        self._store = store
        self._folder = folder
        self._counts = counts
        self._deleted: list[str] = []

    async def ingest(self, file: JournalFile) -> int:
        """Bring the next batch of a journal to the store, and give back how far it is there now, in bytes.

        Raises `StoreError`, and `OSError` for a file that cannot be read; nothing is lost then.
        """
        items: list[_Item] = []
        damaged = 0
        begins = file.position
        for number, found in enumerate(await _found(file), 1):
            ends = file.position + found.end
            if found.content is None:
                damaged += ends - begins
            else:
                try:
                    items.append(_Item(begins, ends, found.content, _decode(found.content)))
                except msgspec.DecodeError as error:
                    await self._put_aside(file, begins, found.content, error)
            begins = ends
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        await self._add(file, items, begins)
        if damaged:
            self._counts.damaged_bytes += damaged
            _log.warning("a part of a journal is damaged and was skipped", file=file.name, bytes=damaged)
        if items:
            last = items[-1].entry
            self.reached = last.began + (last.total or 0.0)
        return begins

    async def adopt(self, outage: Outage) -> None:
        """Look for journals whose process is no more, now and later, and bring them to the store."""
        while True:
            for path in await asyncio.to_thread(_journals, self._folder):
                file = JournalFile.claim(path)
                if file is not None:
                    try:
                        await self._drain(file, outage)
                    finally:
                        file.release()
            with contextlib.suppress(StoreError):
                await self._forget()
            await asyncio.sleep(SCAN_PAUSE)

    def discard(self, file: JournalFile) -> None:
        """Delete a journal that is in the store to its end. The store hears of it later: as long as there is
        a file, there has to be a position.
        """
        file.delete()
        self._deleted.append(file.name)

    async def _drain(self, file: JournalFile, outage: Outage) -> None:
        """Bring all of a journal to the store, and delete it."""
        position: int | None = None if file.size else 0
        while position is None or position < file.size:
            try:
                if position is None:
                    position = file.position = await self._store.position(file.name)
                else:
                    position = file.position = await self.ingest(file)
                outage.over()
            except StoreError as error:
                await outage.wait(error)
            except OSError as error:
                _log.error("a journal cannot be read", file=file.name, error=str(error))
                return
        self.discard(file)

    async def _forget(self) -> None:
        if self._deleted:
            await self._store.forget(self._deleted)
            self._deleted.clear()

    async def _add(self, file: JournalFile, items: Sequence[_Item], position: int) -> None:
        """Write entries down, as many as possible at once: where the store does not take them, fewer."""
        try:
            entries = [item.entry for item in items]
            self._counts.rows_written += await self._store.add(file.name, position, entries, time.time())
        except UnfitEntriesError as error:
            if not items:
                raise StoreError(f"The store does not take the position of a journal: {error}.") from None
            half = len(items) // 2
            if half:
                await self._add(file, items[:half], items[half].begins)
                await self._add(file, items[half:], position)
            else:
                await self._put_aside(file, items[0].begins, items[0].content, error)
                await self._add(file, (), position)

    async def _put_aside(self, file: JournalFile, begins: int, content: bytes, error: Exception) -> None:
        """Keep what the store does not take as a journal of its own, beside those that are read."""
        path = self._folder / REJECTED / f"{file.path.stem}.{begins}{SUFFIX}"
        record = bytearray(HEAD_BYTES) + content
        seal(record, file.mark)
        if await asyncio.to_thread(_keep, path, record):
            self._counts.rejected += 1
            _log.error("an entry of the ledger was put aside", file=str(path), error=str(error))


async def _found(file: JournalFile) -> list[Found]:
    """What stands in a journal after its position, as much as belongs into a batch."""
    left = file.size - file.position
    length = min(left, _PIECE)
    while True:
        piece = await asyncio.to_thread(file.read, file.position, length)
        # a file that was cut by somebody is damaged there
        records = parse_records(piece.ljust(length, b"\0"), file.mark, final=length == left)
        found = list(itertools.islice(records, _BATCH))
        if found or length == left:
            return found
        length = min(left, 4 * length)


def _journals(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{SUFFIX}"))


def _keep(path: Path, record: bytearray) -> bool:
    """Whether the file was made now; one that is there has the same content."""
    if path.exists():
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    with open(draft, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(record)
    draft.replace(path)
    return True
