"""Dragoman beside nginx and other gateways, on this machine. `benchmarks/run` sets up what it needs.

Parts: unary, streams, delays, open_streams, large, starts, scaling, flames. What is measured replaces those
parts in results.json, of which the tables and figures are made.
"""

import argparse
import contextlib
import datetime as dt
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks import flame, installation, machine, report, scaling, scenarios, servers
from benchmarks.measurement import Bench, job_for, load_command
from benchmarks.questions import SAME, question
from benchmarks.results import Memory, Results, Run
from benchmarks.scenarios import CONNECTIONS, Field
from benchmarks.servers import OWN, ROOT
from benchmarks.targets import verdicts

PARTS = ("unary", "streams", "delays", "large", "open_streams", "starts", "scaling", "flames")
STEADY = PARTS[:3]
"""Parts of small requests, under which memory should stay as it is."""
PEERS = ("nginx", "LiteLLM", "Portkey")
EVENT_LOOP = "Runner.run"
"""What is outside of this function says nothing."""
SAMPLES = 500
"""Samples a second of flame graphs."""


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="two short rounds, without peers, in less than three minutes"
    )
    parser.add_argument(
        "--only", action="append", choices=PARTS, metavar="PART", help="only this part; several times"
    )
    parser.add_argument("--rounds", type=int, help="rounds of each scenario (5; with --quick 2)")
    parser.add_argument("--seconds", type=float, help="seconds of a round (2; with --quick 1)")
    parser.add_argument(
        "--peers",
        help=f"which others, separated by commas, or none: {','.join(PEERS)} (all; with --quick nginx)",
    )
    parser.add_argument(
        "--out", type=Path, help="the folder to write to (docs/benchmarks; with --quick build/benchmarks)"
    )
    parser.add_argument("--draw", action="store_true", help="measure nothing: draw what results.json has")
    return parser.parse_args()


class Suite:
    """One run."""

    def __init__(self, bench: Bench, field: Field, results: Results, out: Path) -> None:
        self._bench = bench
        self._field = field
        self._results = results
        self._out = out

    def measure(self, part: str) -> None:
        """One part of the results, in place of what was there."""
        bench, field, results = self._bench, self._field, self._results
        steps: dict[str, Callable[[], None]] = {
            "unary": lambda: scenarios.full_load(bench, field, results.unary, stream=False),
            "streams": lambda: scenarios.full_load(bench, field, results.streams, stream=True),
            "delays": lambda: scenarios.delays(bench, field, results),
            "large": lambda: scenarios.large(bench, field, results),
            "open_streams": lambda: scenarios.open_streams(bench, field, results),
            "starts": lambda: scenarios.starts(bench, field, results),
            "scaling": lambda: scaling.scaling(bench, field.dragoman, results),
            "flames": self._flames,
        }
        empty = Results()
        kept = {"scaling": "curves"}.get(part, part)
        setattr(results, kept, getattr(empty, kept))
        began, error = time.monotonic(), ""
        print(f"{part} ...", end=" ", file=sys.stderr, flush=True)
        try:
            steps[part]()
        except Exception as trouble:  # noqa: BLE001 - what was measured before must not be lost
            error = f"{type(trouble).__name__}: {trouble}"
        seconds = time.monotonic() - began
        print(error or f"{seconds:.0f} s", file=sys.stderr)
        results.runs[part] = Run(
            command=shlex.join(["benchmarks/run", *sys.argv[1:]]),
            date=dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            revision=machine.revision(),
            seconds=round(seconds, 1),
            rounds=bench.rounds,
            error=error,
        )

    def _flames(self) -> None:
        """Where the time goes, in one run of whole answers and one of streams."""
        sampler = installation.py_spy()
        seconds = 2 if self._bench.quick else 6
        for name, stream in (("one answer", False), ("a stream", True)):
            asked = question(SAME, stream=stream)
            server = self._field.dragoman
            job = job_for(server, SAME, asked, "closed", CONNECTIONS, seconds + 2)
            stacks = self._bench.folder / "stacks"
            with subprocess.Popen(
                load_command(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=OWN
            ) as load:
                if load.stdin is not None:
                    load.stdin.write(msgspec.json.encode(job))
                    load.stdin.close()
                time.sleep(1)
                sample = [str(sampler), "record", "--pid", str(server.pid), "--duration", str(seconds)]
                sample += ["--rate", str(SAMPLES), "--function", "--format", "raw", "--gil"]
                done = subprocess.run(
                    ["taskset", "-c", "1", *sample, "--output", str(stacks)],
                    capture_output=True,
                    text=True,
                    check=False,
                )
            if done.returncode:
                raise RuntimeError(done.stderr.strip().splitlines()[-1])
            root = flame.fold(stacks.read_text().splitlines(), EVENT_LOOP)
            words = f"OpenAI to OpenAI, passed through, everything on; {root.count:,} samples of the process"
            file = f"flame-{'stream' if stream else 'unary'}.svg"
            (self._out / file).write_text(flame.draw(root, f"Where the time of {name} goes", words))
            self._results.flames.append(file)


def write(results: Results, out: Path) -> None:
    """Write everything that is made of the results, and the results."""
    encoded = msgspec.json.format(msgspec.json.encode(results), indent=1)
    (out / "results.json").write_bytes(encoded + b"\n")
    for name, text in report.files(results, notes=(out / "notes.md").exists()):
        (out / name).write_text(text)


def main() -> None:
    """Measure, and write what was measured."""
    given = options()
    out: Path = given.out or ROOT / ("build/benchmarks" if given.quick else "docs/benchmarks")
    out.mkdir(parents=True, exist_ok=True)
    old = out / "results.json"
    results = msgspec.json.decode(old.read_bytes(), type=Results) if old.exists() else Results()
    if given.draw:
        write(results, out)
        return
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("Two cores are needed: one for the gateway, one for the upstream and the load.")
    servers.allow_many_files()
    parts = given.only or PARTS
    peers = given.peers if given.peers is not None else "nginx" if given.quick else ",".join(PEERS)
    wanted = {name: name.lower() in peers.lower().split(",") for name in PEERS}
    programs: dict[str, str] = {}
    for program, package in (("wrk", "wrk"), ("nginx", "nginx-light")):
        try:
            programs[program] = installation.debian_program(program, package)
        except installation.AbsentError as error:
            print(f"Without {program}: {error}", file=sys.stderr)
    results.machine = machine.describe(programs.get("wrk", ""), programs.get("nginx", ""))
    rounds = given.rounds or (2 if given.quick else 5)
    seconds = given.seconds or (1.0 if given.quick else 2.0)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dragoman-benchmarks-")))
        bench = Bench(folder, programs.get("wrk", ""), rounds=rounds, seconds=seconds, quick=given.quick)
        direct, patient = stack.enter_context(servers.upstreams(folder))
        others, absent = stack.enter_context(servers.peers(folder, wanted))
        dragoman = stack.enter_context(servers.dragoman(folder))
        for peer in absent:
            print(f"Without {peer.name}: {peer.reason}", file=sys.stderr)
        results.absent = {peer.name: peer.reason for peer in absent}
        field = Field(dragoman, direct, patient, others)
        memory = remember(field)
        suite = Suite(bench, field, results, out)
        for part in parts:
            suite.measure(part)
            if part in STEADY:
                for server in field.all():
                    held = memory[server.name]
                    held.at_end = round(server.resident_mb(), 1)
                    held.after_load = held.after_load or held.at_end
                results.memory = list(memory.values())
            write(results, out)
    missed = [verdict for verdict in verdicts(results) if not verdict.met]
    for verdict in missed:
        figure = f"{verdict.measured:.3g} {verdict.unit}" if verdict.measured is not None else verdict.error
        print(f"missed: {verdict.what}: {figure} (at most {verdict.bound:g})")
    print(f"{out / 'README.md'}")
    if any(run.error for part, run in results.runs.items() if part in parts):
        raise SystemExit(1)


def remember(field: Field) -> dict[str, Memory]:
    """What each gateway holds before it is used."""
    found: dict[str, Memory] = {}
    for server in field.all():
        server.settle()
        found[server.name] = Memory(server.name, round(server.resident_mb(), 1))
    return found


if __name__ == "__main__":
    main()
