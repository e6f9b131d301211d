"""What is measured, scenario by scenario. Each function fills in its part of the results."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from benchmarks import servers
from benchmarks.load import Result
from benchmarks.measurement import (
    Bench,
    WrongAnswerError,
    alone,
    checked,
    job_for,
    load_command,
)
from benchmarks.questions import PAIRS, SAME, TO_ANTHROPIC, Pair, Question, question
from benchmarks.results import Delay, Large, OpenStreams, Results, Row, Start
from benchmarks.servers import OWN, Server

CONNECTIONS = 64
STEADY = 500.0
"""Requests a second for the delays that a gateway adds."""
BUSY = 0.8
"""The share of the most that a gateway can do, for those that it adds when it is busy."""
OPEN_STREAMS, OPEN_PIECES, OPEN_GAP, OPENED = 5000, 64, 0.25, 625
PICTURE = 10_000_000
SPARE_PORT = 9721
HELPS = 15


class Field:
    """The gateways that run: Dragoman, and the others; and the way without any."""

    def __init__(self, dragoman: Server, direct: Server, patient: Server, others: Sequence[Server]) -> None:
        self.dragoman = dragoman
        self.direct = direct
        self.patient = patient
        """The upstream with long pauses in its streams."""
        self.others = list(others)

    @property
    def nginx(self) -> Server | None:
        """The bare proxy."""
        return next((server for server in self.others if server.name == "nginx"), None)

    @property
    def peers(self) -> list[Server]:
        """Other gateways of the kind. They are stopped while they are not asked: they are never idle."""
        return [server for server in self.others if server.name != "nginx"]

    def all(self) -> list[Server]:
        """Those that are measured, in the order of tables."""
        return [*([self.nginx] if self.nginx else []), self.dragoman, *self.peers]


def full_load(bench: Bench, field: Field, rows: list[Row], *, stream: bool) -> None:
    """Every gateway, every pair: CPU time for each request, and how long answers take at full load. Rounds
    are interleaved, so that a slow moment of the machine falls on all alike.
    """
    known: dict[int, Result] = {}
    entrants = [
        (server, pair) for server in field.all() for pair in (PAIRS if server.name != "nginx" else (SAME,))
    ]
    for server, pair in entrants:
        row = Row(server.name, pair.name, [])
        rows.append(row)
        asked = question(pair, stream=stream)
        with alone(server, field.peers):
            try:
                bench.driven(server, pair, asked, "once", connections=1)
                known[len(rows)] = bench.driven(
                    server, pair, asked, "closed", connections=CONNECTIONS, seconds=0.5
                )
            except WrongAnswerError as error:
                row.error = str(error)
    for _ in range(bench.rounds):
        for number, (row, (server, pair)) in enumerate(zip(rows, entrants, strict=True), 1):
            if row.error:
                continue
            asked = question(pair, stream=stream)
            with alone(server, field.peers):
                try:
                    reading = bench.reading(server, pair, asked, CONNECTIONS, usual=known[number])
                except WrongAnswerError as error:
                    row.error, row.readings = str(error), []
                else:
                    row.readings.append(reading)


def delays(bench: Bench, field: Field, results: Results) -> None:
    """How long answers take at a steady rate and at a gateway that is busy, beside the way without one."""
    seconds = 1.0 if bench.quick else 3.0
    plan: list[tuple[Server, Pair, str, float]] = []
    steady = f"{STEADY:.0f}/s"
    for server in (field.direct, *field.all()):
        most = 1e9 if server is field.direct else _most(bench, field, server, SAME)
        if most < 1.1 * STEADY:
            results.delays.append(
                Delay(server.name, SAME.name, steady, error=f"answers {most:.0f} requests a second at most")
            )
        else:
            plan.append((server, SAME, steady, STEADY))
        if server is field.dragoman:
            plan.append((server, TO_ANTHROPIC, steady, STEADY))
            plan += [
                (server, SAME, "80 %", BUSY * most),
                (server, TO_ANTHROPIC, "80 %", BUSY * _most(bench, field, server, TO_ANTHROPIC)),
                (field.direct, SAME, "80 %", BUSY * most),
            ]
        elif server in field.peers and most:
            plan.append((server, SAME, "80 %", BUSY * most))
    found: list[list[Result]] = [[] for _ in plan]
    errors = [""] * len(plan)
    for _ in range(bench.rounds):
        for number, (server, pair, _, rate) in enumerate(plan):
            if errors[number]:
                continue
            with alone(server, field.peers):
                server.settle()
                try:
                    found[number].append(
                        bench.driven(
                            server,
                            pair,
                            question(pair, stream=False),
                            "open",
                            connections=CONNECTIONS,
                            seconds=max(seconds, min(100 / rate, 3 * seconds)),
                            rate=rate,
                        )
                    )
                except WrongAnswerError as error:
                    errors[number] = str(error)
    for (server, pair, load, rate), rounds, error in zip(plan, found, errors, strict=True):
        delay = Delay(server.name, pair.name, load, round(rate), error=error)
        if not error:
            delay.p50_ms = round(statistics.median(result.p50 for result in rounds) * 1e3, 3)
            delay.p99_ms = round(statistics.median(result.p99 for result in rounds) * 1e3, 3)
        results.delays.append(delay)
    order = [field.direct.name, *(server.name for server in field.all())]
    results.delays.sort(key=lambda delay: (delay.load != steady, order.index(delay.server)))


def _most(bench: Bench, field: Field, server: Server, pair: Pair) -> float:
    """How many requests a second a gateway can answer; 0 if none."""
    asked = question(pair, stream=False)
    with alone(server, field.peers):
        try:
            usual = bench.driven(server, pair, asked, "closed", connections=CONNECTIONS, seconds=0.5)
            return bench.reading(
                server, pair, asked, CONNECTIONS, seconds=1.0 if bench.quick else 2.0, usual=usual
            ).rate
        except WrongAnswerError:
            return 0.0


def open_streams(bench: Bench, field: Field, results: Results) -> None:
    """Thousands of streams at once, through a worker that has just started."""
    count, pieces = (500, 16) if bench.quick else (OPEN_STREAMS, OPEN_PIECES)
    found = OpenStreams(count, pieces, OPEN_GAP * 1e3)
    results.open_streams = found
    asked = question(SAME, stream=True, pieces=pieces, model="patient")
    with servers.dragoman(bench.folder, SPARE_PORT) as server:
        warm = question(SAME, stream=True, pieces=4)
        bench.driven(server, SAME, warm, "closed", connections=16, seconds=1)
        server.settle()
        before = server.resident_mb()

        def look() -> None:
            began, cpu = time.perf_counter(), server.cpu_seconds()
            time.sleep(1.0 if bench.quick else 4.0)
            found.kb_each = round((server.resident_mb() - before) * 1e3 / count, 1)
            found.cpu_share = round((server.cpu_seconds() - cpu) / (time.perf_counter() - began), 3)

        try:
            through = _opened(server, asked, count, look)
            direct = _opened(field.patient, asked, count, lambda: None)
        except WrongAnswerError as error:
            found.error = str(error)
            return
    found.complete = through.good
    usual = pieces * OPEN_GAP  # what ends the stream comes a gap after the last piece of text
    found.p99_slow, found.slowest = _slowness(through, usual)
    found.direct_p99_slow, _ = _slowness(direct, usual)


def _opened(server: Server, asked: Question, count: int, look: Callable[[], None]) -> Result:
    """Open streams, look at them, and wait for their ends. Raises `WrongAnswerError`."""
    job = job_for(server, SAME, asked, "once", count, seconds=60, ramp=count / OPENED)
    with subprocess.Popen(
        load_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=OWN
    ) as load:
        if load.stdin is None or load.stdout is None or load.stderr is None:
            raise RuntimeError("no way to talk to the load")
        load.stdin.write(msgspec.json.encode(job))
        load.stdin.close()
        load.stdout.readline()  # all are open
        look()
        output, errors = load.stdout.read(), load.stderr.read()
    return checked(output, errors)


def _slowness(result: Result, usual: float) -> tuple[float, float]:
    """By which shares streams took longer than usual: 99 % of them at most, and the slowest."""
    slowness = sorted(span / usual - 1 for span in result.spans)
    return round(slowness[int(0.99 * len(slowness))], 4), round(slowness[-1], 4)


def large(bench: Bench, field: Field, results: Results) -> None:
    """A request with a picture of 10 MB."""
    asked = question(SAME, stream=False, picture=PICTURE)
    megabytes = round(len(asked.body) / 1e6, 1)
    with servers.copying_proxy(bench.folder) as copying:
        for server in (copying, *field.all()):
            row = Large(server.name, megabytes)
            results.large.append(row)
            with alone(server, field.peers):
                try:
                    readings = [
                        bench.reading(server, SAME, asked, 2, seconds=1.0)
                        for _ in range(min(3, bench.rounds))
                    ]
                except WrongAnswerError as error:
                    row.error = str(error)
                else:
                    row.cpu_ms = round(statistics.median(reading.cpu_us for reading in readings) / 1e3, 3)


def starts(bench: Bench, field: Field, results: Results) -> None:
    """From the start of the process to the first answer, and how long the command takes to explain itself."""
    times: list[float] = []
    for _ in range(bench.rounds):
        with servers.dragoman(bench.folder, SPARE_PORT) as server:
            times.append(server.started_in)
    results.starts.append(Start("Dragoman, to the first answer", round(statistics.median(times), 3)))
    for server in field.others:
        results.starts.append(Start(f"{server.name}, to the first answer", round(server.started_in, 3)))
    program = str(Path(sys.executable).with_name("dragoman"))
    helps: list[float] = []
    for _ in range(HELPS):
        began = time.perf_counter()
        subprocess.run(["taskset", "-c", "0", program, "--help"], capture_output=True, check=True)
        helps.append(time.perf_counter() - began)
    results.starts.append(Start("dragoman --help", round(statistics.median(helps), 3)))
