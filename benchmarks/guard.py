"""What was recorded of a few fixed scenarios, and what has become worse since."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

RECORDED = Path(__file__).with_name("recorded.json")
MORE_CALLS = 0.02
"""By how much calls may grow: they are nearly the same in every run."""
MORE_TIME = 0.2
"""By how much times may: they are not, even beside what they are held against."""
FEW = 3
"""Calls that may come and go."""


class Cost(msgspec.Struct, frozen=True):
    """What a scenario costs: calls of Python's functions and of others, and CPU time in units of a fixed
    piece of work on the same machine; 0 where that was not measured.
    """

    python: float
    native: float
    time: float = 0.0


class Change(NamedTuple):
    """A figure of a scenario, then and now."""

    scenario: str
    figure: str
    before: float
    now: float
    worse: bool
    better: bool

    @property
    def words(self) -> str:
        """For people."""
        share = f"{100 * (self.now / self.before - 1):+.1f} %" if self.before else "new"
        return f"{self.scenario}, {self.figure}: {self.before:g} -> {self.now:g} ({share})"


Record = dict[str, dict[str, Cost]]
"""Costs by the minor version of Python, and by scenario."""


def read(path: Path = RECORDED) -> Record:
    """What is recorded; nothing if there is no file."""
    return msgspec.json.decode(path.read_bytes(), type=Record) if path.exists() else {}


def write(record: Record, path: Path = RECORDED) -> None:
    """Record."""
    ordered = {version: dict(sorted(costs.items())) for version, costs in sorted(record.items())}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n")


def changes(before: Mapping[str, Cost], now: Mapping[str, Cost]) -> list[Change]:
    """What has changed by more than it does from run to run, the worst first. Scenarios that are not recorded
    are left out.
    """
    found: list[Change] = []
    for scenario, cost in now.items():
        if scenario not in before:
            continue
        old = before[scenario]
        found += [
            _change(scenario, "calls of Python", old.python, cost.python, MORE_CALLS, FEW),
            _change(scenario, "other calls", old.native, cost.native, MORE_CALLS, FEW),
        ]
        if old.time and cost.time:
            found.append(_change(scenario, "CPU time", old.time, cost.time, MORE_TIME, 0))
    changed = [change for change in found if change.worse or change.better]
    return sorted(changed, key=lambda change: change.before / max(change.now, 1e-9))


def _change(scenario: str, figure: str, before: float, now: float, share: float, few: float) -> Change:
    room = max(share * before, few)
    return Change(scenario, figure, before, now, worse=now > before + room, better=now < before - room)
