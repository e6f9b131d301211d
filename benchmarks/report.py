"""The report as Markdown: tables of all that was measured, and whether targets are reached."""

from collections.abc import Iterable, Iterator

from benchmarks.figures import TITLES, figures, growth_of
from benchmarks.growth import last_slope
from benchmarks.results import Results, Row, find_row
from benchmarks.scaling import VARIABLES
from benchmarks.targets import added, each_piece, verdicts

INTRODUCTION = """# Benchmarks

What Dragoman costs, measured beside nginx as a bare proxy and beside other gateways, on one machine and in
one run. This page and the figures on it are written by one command, from a fresh clone:

    benchmarks/run

It takes about {minutes:.0f} minutes, and needs a machine with two cores that does nothing else. What it
measured, every round of it, is in [results.json](results.json).
"""

METHOD = """## How it is measured

- The gateway under test has core 0 for itself; the other gateways are stopped meanwhile. The upstream and
  the load have core 1. The upstream answers from bytes that are made beforehand, and reaches far more
  requests a second than any gateway asks of it.
- CPU time is user and system time of all processes of the gateway, from the operating system's accounting,
  over the requests answered. What a gateway puts off (Dragoman reads its ledger's journal in the
  background) is waited for and counts.
- Dragoman has everything on: a virtual key with two limits and two budgets, a route, the ledger in SQLite,
  metrics. LiteLLM has a master key only: for virtual keys and budgets it needs a Postgres, which is spared
  it here. Portkey has no keys of its own.
- Each scenario is measured in rounds, interleaved over all gateways; tables have the medians. Compare ratios
  within a run: absolute figures belong to the machine.
- Every answer is held against what the upstream has said: its status, its last event, and as many pieces as
  were sent. A wrong answer is no fast answer: the gateway fails the scenario, and its error stands in the
  table. Whole answers at full load are asked by wrk, which looks at status and length only, after a round in
  which all of each answer was looked at; gateways that answer fewer than 50 requests of each connection in a
  round are asked by our own load, which waits for the last answers.
- Delays are of requests that come at random times at a steady rate, and count from when a request should
  have been sent. "Added" is the difference of the quantiles to the way without a gateway, at the same rate.
"""


def render(results: Results, *, notes: bool = False) -> str:
    """The whole page. `notes` says that there are some, written by hand, in `notes.md` beside it."""
    minutes = max(1.0, sum(run.seconds for run in results.runs.values()) / 60)
    parts = [
        INTRODUCTION.format(minutes=minutes),
        *_machine(results),
        *_targets(results),
        *(["What was tried where a target is missed: [notes.md](notes.md)."] if notes else []),
        *_full_load(results),
        *_delays(results),
        *_memory(results),
        *_large(results),
        *_growth(results),
        *_flames(results),
        METHOD,
        *_runs(results),
    ]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def table(head: Iterable[str], rows: Iterable[Iterable[str]], *, left: int = 1) -> str:
    """A Markdown table; the first columns are aligned left, the others right."""
    names = list(head)
    rule = "|".join("---" if place < left else "---:" for place in range(len(names)))
    body = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(names)} |", f"|{rule}|", *body])


def _machine(results: Results) -> Iterator[str]:
    machine = results.machine
    if machine is None:
        return
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    yield (
        f"Measured on {machine.processor}, {machine.cores} cores, {machine.memory_gb:g} GB, "
        f"{machine.system}, with {machine.python}; {versions}."
    )
    if results.absent:
        yield "Not measured: " + "; ".join(f"{name} ({why})" for name, why in results.absent.items()) + "."


def _targets(results: Results) -> Iterator[str]:
    found = verdicts(results)
    if not found:
        return
    met = sum(verdict.met for verdict in found)
    yield f"## Targets: {met} of {len(found)} reached"
    yield table(
        ("target", "at most", "measured", "reached"),
        (
            (
                verdict.what,
                f"{verdict.bound:g} {verdict.unit}".strip(),
                "-" if verdict.measured is None else _figure(verdict.measured, verdict.unit),
                verdict.words,
            )
            for verdict in found
        ),
    )


def _figure(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if unit != "s" else 3
    return f"{value:,.{digits}f} {unit}".strip()


def _full_load(results: Results) -> Iterator[str]:
    for title, rows, figure in (
        ("One answer", results.unary, "cpu-unary.svg"),
        ("A stream of 64 pieces, 3 ms apart", results.streams, "cpu-streams.svg"),
    ):
        if not rows:
            continue
        streams = rows is results.streams
        load = "64 connections, each asking again as soon as it has its answer."
        yield f"## {title}\n\n{load}\n\n![CPU time]({figure})"
        bare = find_row(rows, "nginx", rows[0].pair)
        head = [
            "",
            "CPU, us",
            *(["a piece, us"] if streams else []),
            "to nginx",
            "requests/s",
            "p50, ms",
            "p99, ms",
        ]
        yield table(head, (_full_load_row(row, bare, streams=streams) for row in rows))
        if not streams:
            yield "![Time to the answer](delay-full-load.svg)"


def _full_load_row(row: Row, bare: Row | None, *, streams: bool) -> list[str]:
    name = "nginx, bare proxy" if row.server == "nginx" else f"{row.server}, {row.pair}"
    if not row.readings:
        return [f"{name}: {_failure(row.error)}", *[""] * (6 if streams else 5)]
    return [
        name,
        f"{row.cpu_us:,.1f}",
        *([f"{each_piece(row.cpu_us):,.1f}"] if streams else []),
        f"{row.cpu_us / bare.cpu_us:,.1f}" if bare else "",
        f"{row.median(lambda reading: reading.rate):,.0f}",
        f"{row.median(lambda reading: reading.p50_ms):,.1f}",
        f"{row.median(lambda reading: reading.p99_ms):,.1f}",
    ]


def _delays(results: Results) -> Iterator[str]:
    if not results.delays:
        return
    yield "## Delay\n\nOf one answer, at a steady rate.\n\n![Delay added](delay-added.svg)"
    rows: list[list[str]] = []
    for delay in results.delays:
        name = delay.server if delay.server in {"direct", "nginx"} else f"{delay.server}, {delay.pair}"
        load = "500 requests/s" if delay.load == "500/s" else "80 % of the most"
        if delay.error:
            rows.append([f"{name}: {_failure(delay.error)}", load, "", "", "", ""])
            continue
        more = added(results, delay) if delay.server != "direct" else None
        extra = [f"{more.p50_ms:.2f}", f"{more.p99_ms:.2f}"] if more else ["", ""]
        name = f"{name}, {delay.rate:,.0f}/s" if delay.load == "80 %" else name
        rows.append([name, load, f"{delay.p50_ms:.2f}", f"{delay.p99_ms:.2f}", *extra])
    yield table(("", "load", "p50, ms", "p99, ms", "added, p50", "added, p99"), rows, left=2)


def _memory(results: Results) -> Iterator[str]:
    if results.memory:
        yield "## Memory and start\n\n![Resident memory](memory.svg)"
        yield table(
            ("resident memory, MB", "at rest", "after the first load", "at the end"),
            (
                [memory.server, *(f"{value:,.0f}" if value else "" for value in values)]
                for memory in results.memory
                for values in [(memory.at_rest, memory.after_load, memory.at_end)]
            ),
        )
    if (found := results.open_streams) and not found.error:
        yield (
            f"{found.streams:,} streams open at once on one worker, each of {found.pieces} pieces "
            f"{found.gap_ms:g} ms apart: {found.kb_each:g} KB of memory for each, "
            f"{100 * found.cpu_share:.0f} % of a core. {found.complete:,} streams were complete; 99 % of "
            f"them took at most {100 * found.p99_slow:.1f} % longer than at the upstream's speed, the "
            f"slowest {100 * found.slowest:.1f} %. Without a gateway, 99 % take at most "
            f"{100 * found.direct_p99_slow:.1f} % longer."
        )
    elif found:
        yield f"{found.streams:,} streams at once: {_failure(found.error)}"
    if results.starts:
        yield "![Start](start.svg)"
        yield table(("", "seconds"), ([f"{start.what}", f"{start.seconds:.3f}"] for start in results.starts))


def _large(results: Results) -> Iterator[str]:
    if not results.large:
        return
    megabytes = results.large[0].megabytes
    yield (
        f"## A request of {megabytes:g} MB\n\nA picture, passed through. The copying proxy reads a request "
        "to its end and writes the same bytes: less cannot be done where the model's name may be at the "
        "end.\n\n![CPU time](large.svg)"
    )
    base = next(
        (one.cpu_ms for one in results.large if one.server == "copying proxy" and not one.error), None
    )
    yield table(
        ("", "CPU, ms", "to the copying proxy"),
        (
            [f"{one.server}: {_failure(one.error)}", "", ""]
            if one.error
            else [one.server, f"{one.cpu_ms:.2f}", f"{one.cpu_ms / base:.1f}" if base else ""]
            for one in results.large
        ),
    )


def _growth(results: Results) -> Iterator[str]:
    if not results.curves:
        return
    yield (
        "## Growth\n\nThe line through the points is `a + b n^k`, the nearest by relative error: a fixed "
        "part, and one that grows. The last column is the exponent between the two largest sizes alone. "
        "Linear growth is 1; with connections, the cost of a request should not grow at all."
    )
    for variable in VARIABLES:
        if any(curve.variable == variable and len(curve.points) > 1 for curve in results.curves):
            yield f"![{TITLES[variable]}](growth-{variable}.svg)"
    rows: list[list[str]] = []
    for curve in results.curves:
        what = f"{VARIABLES[curve.variable]}, {curve.pair}"
        if curve.error or len(curve.points) < 2:
            rows.append([f"{what}: {_failure(curve.error)}", *[""] * 5])
            continue
        growth = growth_of(curve)
        least, most = curve.points[0], curve.points[-1]
        rows.append(
            [
                what,
                f"{least.cpu_us:,.0f} ({least.size:g})",
                f"{most.cpu_us:,.0f} ({most.size:g})",
                f"{growth.each:,.3g}" if growth.exponent else "-",
                f"{growth.exponent:.2f}",
                f"{last_slope([(point.size, point.cpu_us) for point in curve.points]):.2f}",
            ]
        )
    yield table(("", "least, us", "most, us", "b", "k", "k at the end"), rows)


def _flames(results: Results) -> Iterator[str]:
    if results.flames:
        yield (
            "## Where the time goes\n\nSampled by py-spy 500 times a second at full load. Open a picture by "
            "itself to see each frame's name and share."
        )
        yield "\n\n".join(f"![{file.removesuffix('.svg')}]({file})" for file in results.flames)


def _runs(results: Results) -> Iterator[str]:
    if results.runs:
        yield "## Runs"
        yield table(
            ("part", "command", "at", "source", "rounds", "seconds"),
            (
                [part, f"`{run.command}`", run.date, run.revision, f"{run.rounds}", f"{run.seconds:.0f}"]
                if not run.error
                else [part, f"`{run.command}`: **{run.error}**", run.date, run.revision, "", ""]
                for part, run in results.runs.items()
            ),
            left=4,
        )


def _failure(error: str) -> str:
    """An error as it came, whatever is in it."""
    return f"**fails**, `{error.replace('`', chr(39))}`"


def files(results: Results, *, notes: bool = False) -> Iterator[tuple[str, str]]:
    """All files of the report but `results.json`, notes and flame graphs, by name."""
    yield "README.md", render(results, notes=notes)
    yield from figures(results)
