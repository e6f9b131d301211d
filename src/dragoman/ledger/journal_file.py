"""One file of a journal: written by one process, and locked by it for as long as it lives."""

import contextlib
import fcntl
import os
import re
from pathlib import Path

from dragoman.ledger.record import MARK_BYTES

SUFFIX = ".journal"

_NAME = re.compile(rf"[\w.-]+-(?P<mark>[0-9a-f]{{{2 * MARK_BYTES}}})(\.[0-9]+)*\{SUFFIX}", re.ASCII)
_FOREIGN = re.compile(r"[^\w.-]", re.ASCII)
_LOCK = fcntl.LOCK_EX | fcntl.LOCK_NB


class JournalFile:
    """An open and locked file. The lock belongs to the open file: the kernel lets go of it when the process
    ends, however that happens.
    """

    def __init__(self, path: Path, descriptor: int, mark: bytes, size: int) -> None:
        self.path = path
        self.mark = mark
        self.size = size
        """How far there are whole records, in bytes; of a file that was claimed, its whole length."""
        self.position = 0
        """How far it is in the store, in bytes."""
        self.whole = True
        """Whether another record may follow."""
        self._descriptor = descriptor

    @property
    def name(self) -> str:
        """The name under which the store keeps the position."""
        return self.path.name

    @classmethod
    def create(cls, folder: Path, node: str) -> "JournalFile":
        """A new file in a folder, which is made if need be; for their owner only. Raises `OSError`."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        prefix = f"{_FOREIGN.sub('_', node)[:64]}-{os.getpid()}"
        while True:
            mark = os.urandom(MARK_BYTES)
            path = folder / f"{prefix}-{mark.hex()}{SUFFIX}"
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
            try:
                fcntl.flock(descriptor, _LOCK)
                if os.fstat(descriptor).st_nlink:
                    return cls(path, descriptor, mark, 0)
            except BlockingIOError:
                pass
            except OSError:
                os.close(descriptor)
                raise
            # another, looking for files that nobody holds, was faster, and deletes this one
            os.close(descriptor)

    @classmethod
    def claim(cls, path: Path) -> "JournalFile | None":
        """A file whose process has ended; None for one that somebody holds, that is gone, or no journal."""
        named = _NAME.fullmatch(path.name)
        if named is None:
            return None
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, _LOCK)
            found = os.fstat(descriptor)
        except OSError:
            found = None
        if found is None or not found.st_nlink:
            os.close(descriptor)
            return None
        return cls(path, descriptor, bytes.fromhex(named["mark"]), found.st_size)

    def append(self, record: bytearray) -> None:
        """Write a record, whole or not at all. Raises `OSError`."""
        try:
            written = os.write(self._descriptor, record)
        except OSError:
            self._cut_back()
            raise
        if written != len(record):
            self._cut_back()
            raise OSError(f"only {written} of {len(record)} bytes were written")
        self.size += written

    def read(self, position: int, most: int) -> bytes:
        """What stands after a position. Raises `OSError`."""
        return os.pread(self._descriptor, most, position)

    def delete(self) -> None:
        """Delete the file. It is still locked: nobody else takes it for another."""
        with contextlib.suppress(OSError):
            self.path.unlink()

    def release(self) -> None:
        """Let go of the file: whoever claims it next has it."""
        os.close(self._descriptor)

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self.size)
        except OSError:
            self.whole = False
