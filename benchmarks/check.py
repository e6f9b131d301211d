"""Has something become slower? `scripts/bench-check` compares a few fixed scenarios with what is recorded.

Calls are counted, and hardly differ between two runs, however busy the machine is; CPU time is held
against that of a fixed piece of work in the same moments, and is the less certain of the two.
"""

import argparse
import contextlib
import http.client
import json
import platform
import socket
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

from benchmarks import guard, servers, translation
from benchmarks.configurations import Ports
from benchmarks.guard import Cost
from benchmarks.lockstep import Lockstep, lockstep
from benchmarks.questions import PAIRS, Pair, Question, question
from benchmarks.servers import Server, own
from benchmarks.watched_gateway import Calls

UPSTREAM_PORT, LOCKSTEP_PORT, GATEWAY_PORT, CONTROL_PORT = 9715, 9716, 9725, 9727
PIECES, LONGER = 4, 20
"""Pieces of the two kinds of streams, whose difference tells what a piece costs."""
COUNTS, ROUNDS, TIMES = 15, 3, 150
"""How often calls are counted and times taken, and requests for each of the latter."""
WORK = 60_000
"""Steps of the fixed piece of work, a thousandth of which is the unit of CPU time."""


class Watched:
    """A gateway that tells what it has done."""

    def __init__(self, server: Server, control: int) -> None:
        self.server = server
        self._control = control

    def settled(self) -> Cost:
        """The same, once it has done what belongs to the last request but comes after the answer."""
        before = self.said()
        while (now := self.said()).python != before.python:
            before = now
        return now

    def said(self) -> Cost:
        """All that it has done so far; the time is in seconds."""
        with (
            socket.create_connection(("127.0.0.1", self._control), timeout=30) as connection,
            connection.makefile("rb") as lines,
        ):
            found = json.loads(lines.readline())
        return Cost(found["python"], found["native"], found["cpu"])


@contextlib.contextmanager
def watched(folder: Path, mode: str, number: int) -> Generator[Watched]:
    """A gateway with everything on, and a way to see what it does."""
    control = CONTROL_PORT + number
    ports = Ports(upstream=UPSTREAM_PORT, brisk=LOCKSTEP_PORT, patient=UPSTREAM_PORT)
    command = own("watched_gateway", str(control), mode)
    with servers.dragoman(folder, GATEWAY_PORT + number, ports, command) as server:
        yield Watched(server, control)


def work() -> float:
    """Seconds of CPU time that a fixed piece of work takes, which is made of strings, calls and dicts."""
    began = time.process_time()
    found: dict[str, int] = {}
    for number in range(WORK):
        key = str(number % 100)
        found[key] = found.get(key, 0) + len(key)
    return time.process_time() - began


def exchanges(folder: Path) -> dict[str, Cost]:
    """Whole exchanges, and the pieces of streams."""
    found: dict[str, Cost] = {}
    with (
        servers.upstream(folder, UPSTREAM_PORT, 0.0),
        socket.create_server(("127.0.0.1", LOCKSTEP_PORT)) as listener,
        watched(folder, "count", 0) as counted,
        watched(folder, "plain", 1) as plain,
        lockstep(counted.server, listener) as sides,
    ):
        for pair in PAIRS:
            whole = _calls(counted, sides, pair, question(pair, stream=False, model=pair.brisk))
            found[f"one answer, {pair.name}"] = Cost(whole.python, whole.native, _least_time(plain, pair))
            less, more = (
                _calls(counted, sides, pair, question(pair, stream=True, pieces=count, model=pair.brisk))
                for count in (PIECES, LONGER)
            )
            pieces = LONGER - PIECES
            found[f"a stream of {PIECES} pieces, {pair.name}"] = less
            found[f"a piece of a stream, {pair.name}"] = Cost(
                round((more.python - less.python) / pieces, 1), round((more.native - less.native) / pieces, 1)
            )
    return found


def _calls(gateway: Watched, sides: Lockstep, pair: Pair, what: Question) -> Cost:
    """The calls that it takes to answer: the least of several times, since what the gateway does once a
    second is in some of them. The first times are left out: things are made and learnt then.
    """
    for _ in range(3):
        sides.ask(pair, what)
    costs: list[Cost] = []
    for _ in range(COUNTS):
        began = gateway.said()
        sides.ask(pair, what)
        ended = gateway.settled()
        costs.append(Cost(ended.python - began.python, ended.native - began.native))
    return Cost(min(cost.python for cost in costs), min(cost.native for cost in costs))


def _least_time(gateway: Watched, pair: Pair) -> float:
    """CPU time of an answer, in units of the fixed piece of work, which is done right before and after: the
    least of some rounds.
    """
    what = question(pair, stream=False)
    headers = {"Content-Type": "application/json", **gateway.server.headers(pair)}
    connection = http.client.HTTPConnection("127.0.0.1", gateway.server.port(stream=False), timeout=60)
    ratios: list[float] = []
    with contextlib.closing(connection):
        for _ in range(ROUNDS):
            unit = work()
            began = gateway.said().time
            for _ in range(TIMES):
                connection.request("POST", what.path, what.body.encode(), headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise SystemExit(f"{pair.name} is answered with status {answer.status}")
            spent = gateway.said().time - began
            ratios.append(spent / TIMES / (min(unit, work()) / 1000))
    return round(min(ratios), 2)


def codecs() -> dict[str, Cost]:
    """Translation alone, for each pair of formats."""
    found: dict[str, Cost] = {}
    for (kind, client, upstream), run in translation.scenarios().items():
        run()
        calls = Calls()
        sys.setprofile(calls.note)
        try:
            run()
        finally:
            sys.setprofile(None)
        found[f"codec: {kind}, {client} to {upstream}"] = Cost(calls.python, calls.native)
    return found


def main() -> None:
    """Compare, or record."""
    parser = argparse.ArgumentParser(prog="scripts/bench-check", description=__doc__)
    parser.add_argument("--strict", action="store_true", help="end with status 1 if something got worse")
    parser.add_argument("--record", action="store_true", help="record what is measured from now on")
    given = parser.parse_args()
    version = ".".join(platform.python_version_tuple()[:2])
    servers.allow_many_files()
    with tempfile.TemporaryDirectory(prefix="dragoman-check-") as folder:
        now = {**codecs(), **exchanges(Path(folder))}
    record = guard.read()
    for scenario, cost in now.items():
        if not scenario.startswith("codec"):
            of_time = f", {cost.time:g} units of CPU time" if cost.time else ""
            print(f"{scenario}: {cost.python:g} calls of Python, {cost.native:g} others{of_time}")
    if given.record:
        record[version] = now
        guard.write(record)
        print(f"Recorded for Python {version}.")
        return
    if version not in record:
        print(f"Nothing is recorded for Python {version}: scripts/bench-check --record does so.")
        return
    changes = guard.changes(record[version], now)
    worse = [change for change in changes if change.worse]
    better = [change for change in changes if change.better]
    for title, chosen in (("Worse", worse), ("Better", better)):
        if chosen:
            print(f"\n{title} than recorded:")
            print("\n".join(f"  {change.words}" for change in chosen))
    if not changes:
        print("\nAs recorded.")
    if better and not worse:
        print("\nscripts/bench-check --record keeps it so.")
    if worse and given.strict:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
