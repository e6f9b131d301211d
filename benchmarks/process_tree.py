"""What a process and all that it has started take, from the operating system's own accounting."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def members(pid: int, proc: Path = Path("/proc")) -> list[int]:
    """The process and its living descendants."""
    found = [pid]
    for one in found:
        try:
            for task in (proc / str(one) / "task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except FileNotFoundError:
            continue  # it has ended meanwhile
    return found


def cpu_seconds(pid: int, proc: Path = Path("/proc")) -> float:
    """User and system time of the tree so far, that of descendants that have ended included."""
    ticks = 0
    for one in members(pid, proc):
        try:
            stat = (proc / str(one) / "stat").read_text()
        except FileNotFoundError:
            continue
        # the name may have spaces and parentheses in it; utime, stime, cutime and cstime are fields 14 to 17
        ticks += sum(int(field) for field in stat.rpartition(")")[2].split()[11:15])
    return ticks / TICKS


def resident_bytes(pid: int, proc: Path = Path("/proc")) -> int:
    """Resident memory of the tree."""
    pages = 0
    for one in members(pid, proc):
        try:
            pages += int((proc / str(one) / "statm").read_text().split()[1])
        except FileNotFoundError:
            continue
    return pages * PAGE
