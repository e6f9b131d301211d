"""What a process holds, as the operating system tells it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_STATES = {
    "01": "established",
    "02": "connecting",
    "04": "closing",
    "05": "closing",
    "06": "closing",
    "07": "closed",
    "08": "left by its peer",
    "09": "closing",
    "0A": "listening",
    "0B": "closing",
}
"""TCP's states by their numbers in `/proc/net/tcp`."""

TRANSIENT = frozenset(f"socket {state}" for state in _STATES.values() if state != "listening")
"""What nobody holds who has nothing to do."""

COUNTED = Path("/proc/self/net/tcp").exists()
"""Whether this system can be asked."""


POOLED = 10
"""Threads that are begun when they are first needed, and kept: those of the store's connections, and those
for work that would hold up the event loop.
"""


class Holdings(NamedTuple):
    """Open files and sockets by what they are, but for those of the store, and the number of threads."""

    open: Counter[str]
    threads: int


def holdings(process: int) -> Holdings:
    """What a process holds right now."""
    folder = Path(f"/proc/{process}")
    sockets = dict(_sockets(folder))
    found: Counter[str] = Counter()
    for link in (folder / "fd").iterdir():
        try:
            name = str(link.readlink())
        except FileNotFoundError:
            continue  # closed while we looked
        if Path(name).name.startswith("dragoman.db") or name.endswith(".journal"):
            continue  # the store opens its files as it needs them, and keeps them
        kind, _, inode = name.partition(":[")
        found[sockets.get(inode.rstrip("]"), "other socket") if kind == "socket" else name] += 1
    return Holdings(found, sum(1 for _ in (folder / "task").iterdir()))


def _sockets(folder: Path) -> Iterator[tuple[str, str]]:
    """The TCP sockets of the process's network by their inodes. Those with a port of the other side that
    differs from time to time are told by their state alone.
    """
    for table in ("tcp", "tcp6"):
        path = folder / "net" / table
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            yield fields[9], f"socket {_STATES.get(fields[3], fields[3])}"
