"""The file that the workers of a node count in: its form, its locks, and how names find their places in it.

Every worker maps the file into its memory. What is changed is changed in such an order that a process may
be killed between any two steps: a bucket's new state is written beside the old one and becomes the valid one
by the change of a single word, as does a name that takes a place. Words are 8 bytes, aligned, and so written
at once.

Locks are those of POSIX on ranges of bytes. They belong to processes, so they end with them, however they
end; but also when a process closes the file anywhere else, so it is to be opened once in each.
"""

import fcntl
import hashlib
import mmap
import os
import sys
import time
from collections.abc import Container
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

PLACES: Final = 16_384
"""Buckets, and names with slots, that have room unless said otherwise."""
COLUMNS: Final = 128
"""Processes that can count slots at the same time."""
WAYS: Final = 64
"""Places that a name may take: the hash of the name says which. Enough for all places to be as good as used
before a name finds none.
"""

BUCKETS: Final = 0
SLOTS: Final = 1
"""The bytes whose locks are for the two tables."""
_PROCESSES: Final = 64
"""The byte whose lock is held by the process of column 0, as long as it lives; then those of the others."""

_MAGIC: Final = 0x64726167_6D657431
_HEADER: Final = 512
"""Words before the tables: the form, and what follows."""
_HIGH: Final = 4
"""The word that says below which number all columns are that were ever in use: the lowest are taken first."""
_JOINED: Final = 16
"""The words that say of each column whether it is in use."""
_STATE: Final = 8
"""Words of a bucket: two states of three numbers each, and which of them is valid."""
_SPINS: Final = 200
"""Tries to take a lock without a pause between them."""
_KNOWN: Final = 65_536
"""Names whose places a process keeps in mind."""


class Place(NamedTuple):
    """Where a name stands, as long as the two words of its hash stand there."""

    key: int
    first: int
    second: int
    number: int


class LockTimeoutError(Exception):
    """Another process holds a lock, and does not go on."""


class FileForm(msgspec.Struct, frozen=True):
    """How many buckets and names with slots there is room for, multiples of `WAYS`; and processes."""

    buckets: int = PLACES
    names: int = PLACES
    columns: int = COLUMNS

    @property
    def bucket_keys(self) -> int:
        """Where the hashes of buckets begin, in words; as all that follows."""
        return _HEADER

    @property
    def states(self) -> int:
        """Where their states begin."""
        return self.bucket_keys + 2 * self.buckets

    @property
    def slot_keys(self) -> int:
        """Where the hashes of names with slots begin."""
        return self.states + _STATE * self.buckets

    @property
    def counts(self) -> int:
        """Where the slots are counted: for each column, each name's."""
        return self.slot_keys + 2 * self.names

    @property
    def size(self) -> int:
        """The size of the file, in bytes. What is not used takes no room."""
        return 8 * (self.counts + self.columns * self.names)


def create_file(folder: Path, form: FileForm) -> Path:
    """Make an empty file. Raises `OSError`."""
    path = folder / "meters"
    with path.open("xb") as file:
        file.truncate(form.size)
        words = (_MAGIC, form.buckets, form.names, form.columns)
        file.write(b"".join(word.to_bytes(8, sys.byteorder) for word in words))
    return path


class SharedTable:
    """One process's view of the file."""

    def __init__(self, path: Path) -> None:
        """Raises `OSError` for a file that cannot be opened, and `ValueError` for one of another form."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        if os.pread(self._descriptor, 8, 0) != _MAGIC.to_bytes(8, sys.byteorder):
            os.close(self._descriptor)
            raise ValueError(f"{path} is no file of counted limits")
        self._map = mmap.mmap(self._descriptor, 0)
        self.words = memoryview(self._map).cast("Q")
        """Its whole numbers."""
        self.numbers = memoryview(self._map).cast("d")
        """The same places, as numbers with fractions."""
        self.form = FileForm(self.words[1], self.words[2], self.words[3])
        self._names = self.form.names
        self._closed = False
        self._known_buckets: dict[str, Place] = {}
        self._known_names: dict[str, Place] = {}

    def close(self) -> None:
        """Let go of the file. All locks of this process end."""
        if not self._closed:
            self._closed = True
            self.words.release()
            self.numbers.release()
            self._map.close()
            os.close(self._descriptor)

    # --- locks

    def lock(self, byte: int, patience: float) -> None:
        """Wait for a lock, for so many seconds at the longest. Raises `LockTimeoutError`."""
        if self.try_lock(byte):
            return
        for _ in range(_SPINS):
            os.sched_yield()
            if self.try_lock(byte):
                return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            time.sleep(0.0001)
            if self.try_lock(byte):
                return
        raise LockTimeoutError

    def try_lock(self, byte: int) -> bool:
        """Take a lock if no other process has it."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def unlock(self, byte: int) -> None:
        """Give a lock back."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, byte)

    # --- buckets; under their lock

    def bucket(self, name: str, now: float, others: Container[int] = ()) -> int | None:
        """Where the state of a bucket is, from now on; None where there is no room for it. `others` are
        places that are not to be taken, though nothing may be counted there yet.
        """
        place = self._known_buckets.get(name)
        words = self.words
        if place is not None and words[place.key] == place.first and words[place.key + 1] == place.second:
            return place.number
        form = self.form
        place = self._find(name, form.bucket_keys, form.buckets)
        if place is None:
            place = self._claim_bucket(name, now, others)
            if place is None:
                return None
        place = place._replace(number=form.states + _STATE * place.number)
        return _keep(self._known_buckets, name, place)

    def read(self, state: int) -> tuple[float, float, float]:
        """How much was used of a bucket, when, and how fast that comes back, in a second."""
        numbers = self.numbers
        at = state + 3 * self.words[state + 6]
        return numbers[at], numbers[at + 1], numbers[at + 2]

    def write(self, state: int, used: float, at: float, rate: float) -> None:
        """Set what `read` reads, in one step."""
        numbers = self.numbers
        other = 1 - self.words[state + 6]
        place = state + 3 * other
        numbers[place] = used
        numbers[place + 1] = at
        numbers[place + 2] = rate
        self.words[state + 6] = other

    def _claim_bucket(self, name: str, now: float, others: Container[int]) -> Place | None:
        form = self.form
        for number in self._ways(name, form.buckets):
            key, state = form.bucket_keys + 2 * number, form.states + _STATE * number
            if self.words[key]:
                used, at, rate = self.read(state)
                if used > (now - at) * rate or state in others:
                    continue
            self._take(key, (0, 0))
            self.write(state, 0.0, now, 0.0)
            return self._take(key, _hash(name))._replace(number=number)
        return None

    # --- slots; under their lock

    def slots_of(self, name: str) -> int | None:
        """Where the slots of a name are counted in column 0; None where none is."""
        place = self._known_names.get(name)
        words = self.words
        if place is not None and words[place.key] == place.first and words[place.key + 1] == place.second:
            return place.number
        form = self.form
        place = self._find(name, form.slot_keys, form.names)
        if place is None:
            return None
        return _keep(self._known_names, name, place._replace(number=form.counts + place.number))

    def claim_slots(self, name: str) -> int | None:
        """The same, from now on, for a name that has no place yet; None where there is no room for it."""
        form = self.form
        for number in self._ways(name, form.names):
            key = form.slot_keys + 2 * number
            if not self.words[key] or not self.taken(form.counts + number):
                self._take(key, (0, 0))
                place = self._take(key, _hash(name))._replace(number=form.counts + number)
                return _keep(self._known_names, name, place)
        return None

    def taken(self, place: int) -> int:
        """How many slots are taken that are counted at a place, in all columns."""
        words, step = self.words, self._names
        return sum([words[at] for at in range(place, place + words[_HIGH] * step, step)])

    # --- columns; under the lock of the slots

    def join(self) -> int | None:
        """Take a column for this process, until it ends; None where all are taken."""
        for column in range(self.form.columns):
            if self.try_lock(_PROCESSES + column):
                self._clear(column)
                self.words[_HIGH] = max(self.words[_HIGH], column + 1)
                self.words[_JOINED + column] = 1
                return column
        return None

    def leave(self, column: int) -> None:
        """Give the column of this process back, with all that is counted in it."""
        self._clear(column)
        self.unlock(_PROCESSES + column)

    def bury(self, own: int | None) -> bool:
        """Clear the columns of processes that have ended; whether there were any."""
        found = False
        for column in range(self.words[_HIGH]):
            if column == own or not self.words[_JOINED + column] or not self.try_lock(_PROCESSES + column):
                continue
            self._clear(column)
            self.unlock(_PROCESSES + column)
            found = True
        return found

    def _clear(self, column: int) -> None:
        form = self.form
        if self.words[_JOINED + column]:
            begin = 8 * (form.counts + column * form.names)
            self._map[begin : begin + 8 * form.names] = bytes(8 * form.names)
            self.words[_JOINED + column] = 0

    # --- names

    def _find(self, name: str, keys: int, places: int) -> Place | None:
        first, second = _hash(name)
        for number in self._ways(name, places):
            if self.words[keys + 2 * number] == first and self.words[keys + 2 * number + 1] == second:
                return Place(keys + 2 * number, first, second, number)
        return None

    def _ways(self, name: str, places: int) -> range:
        begin = _hash(name)[1] % (places // WAYS) * WAYS
        return range(begin, begin + WAYS)

    def _take(self, key: int, words: tuple[int, int]) -> Place:
        """Write a hash, so that it stands there whole or not at all: without its first word, nothing does."""
        self.words[key] = 0
        self.words[key + 1] = words[1]
        self.words[key] = words[0]
        return Place(key, *words, 0)


def _hash(name: str) -> tuple[int, int]:
    """Two words that stand for a name; the first is not 0."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return int.from_bytes(digest[:8]) or 1, int.from_bytes(digest[8:])


def _keep(known: dict[str, Place], name: str, place: Place) -> int:
    if len(known) >= _KNOWN:
        known.clear()
    known[name] = place
    return place.number
