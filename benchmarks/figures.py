"""The figures of the report: one SVG for each."""

from collections.abc import Iterator

from benchmarks.drawing import Bar, Kind, Line, Mark, bars, lines
from benchmarks.growth import Growth, fit
from benchmarks.results import Curve, Results, Row
from benchmarks.scaling import VARIABLES
from benchmarks.targets import added

TITLES = {
    "prompt": "CPU time of a request, by the length of its prompt",
    "messages": "CPU time of a request, by the number of its messages",
    "chunks": "CPU time of a stream, by the number of its pieces",
    "connections": "CPU time of a request, by the number of connections",
}


def figures(results: Results) -> Iterator[tuple[str, str]]:
    """File names and SVGs of all that was measured."""
    if results.unary:
        yield "cpu-unary.svg", _cpu("CPU time for one answer", results.unary)
        yield "delay-full-load.svg", _full_load(results.unary)
    if results.streams:
        yield "cpu-streams.svg", _cpu("CPU time for a stream of 64 pieces, 3 ms apart", results.streams)
    if any(not delay.error for delay in results.delays):
        yield "delay-added.svg", _delays(results)
    if results.memory:
        yield "memory.svg", _memory(results)
    if results.large:
        yield "large.svg", _large(results)
    if results.starts:
        rows = [
            Bar(start.what, start.seconds, f"{start.seconds:.3f} s", _kind(start.what))
            for start in results.starts
        ]
        yield "start.svg", bars("Start", "seconds, logarithmic", rows, logarithmic=True)
    for variable in VARIABLES:
        drawn = [curve for curve in results.curves if curve.variable == variable and len(curve.points) > 1]
        if drawn:
            yield f"growth-{variable}.svg", _growth(variable, drawn)


def growth_of(curve: Curve) -> Growth:
    """The growth that is nearest to a curve."""
    return fit([(point.size, point.cpu_us) for point in curve.points])


def _kind(server: str) -> Kind:
    if server.lower().startswith("dragoman"):
        return "ours"
    return "bare" if server.startswith(("nginx", "copying", "direct")) else "other"


def _label(row: Row) -> str:
    return row.server if row.server == "nginx" else f"{row.server}, {row.pair}"


def _cpu(title: str, rows: list[Row]) -> str:
    bare = next((row.cpu_us for row in rows if row.server == "nginx" and row.readings), None)
    drawn: list[Bar] = []
    for row in rows:
        if not row.readings:
            drawn.append(Bar(_label(row), None, row.error or "not measured"))
            continue
        ratio = f"  ({row.cpu_us / bare:,.1f} x)" if bare else ""
        drawn.append(Bar(_label(row), row.cpu_us, f"{row.cpu_us:,.0f}{ratio}", _kind(row.server)))
    unit = "microseconds, logarithmic; in parentheses: to nginx in the same run"
    return bars(title, unit, drawn, logarithmic=True)


def _full_load(rows: list[Row]) -> str:
    drawn = [
        Bar(
            _label(row),
            row.median(lambda reading: reading.p99_ms),
            f"{row.median(lambda reading: reading.p99_ms):,.1f}",
            _kind(row.server),
        )
        for row in rows
        if row.readings
    ]
    return bars(
        "Time to the answer at full load, p99", "ms, logarithmic; 64 connections", drawn, logarithmic=True
    )


def _delays(results: Results) -> str:
    drawn: list[Bar] = []
    for delay in results.delays:
        if delay.server == "direct" or (delay.load == "80 %" and delay.server != "Dragoman"):
            continue
        pair = "" if delay.server == "nginx" else f", {delay.pair.removeprefix('OpenAI ')}"
        label = f"{delay.server}{pair}, {delay.load}"
        more = added(results, delay)
        if more is None:
            drawn.append(Bar(label, None, delay.error or "not measured"))
            continue
        for quantile, value in (("p50", more.p50_ms), ("p99", more.p99_ms)):
            drawn.append(Bar(f"{label}, {quantile}", max(value, 0.001), f"{value:.2f}", _kind(delay.server)))
    return bars("Delay that a gateway adds to one answer", "ms, logarithmic", drawn, logarithmic=True)


def _memory(results: Results) -> str:
    drawn: list[Bar] = []
    for memory in results.memory:
        for words, value in (("at rest", memory.at_rest), ("at the end", memory.at_end)):
            if value:
                drawn.append(Bar(f"{memory.server}, {words}", value, f"{value:,.0f}", _kind(memory.server)))
    return bars("Resident memory", "MB", drawn, mark=Mark(80, "target at rest"))


def _large(results: Results) -> str:
    drawn = [
        Bar(one.server, None, one.error)
        if one.error
        else Bar(one.server, one.cpu_ms, f"{one.cpu_ms:.1f}", _kind(one.server))
        for one in results.large
    ]
    size = results.large[0].megabytes
    return bars(
        f"CPU time for a request of {size:g} MB", "ms, logarithmic; passed through", drawn, logarithmic=True
    )


def _growth(variable: str, curves: list[Curve]) -> str:
    drawn: list[Line] = []
    for curve in curves:
        growth = growth_of(curve)
        words = (
            f"{growth.fixed:,.0f} + {growth.each:,.3g} n^{growth.exponent:.2f}"
            if growth.exponent
            else f"{growth.fixed:,.0f}, does not grow"
        )
        points = [(point.size, point.cpu_us) for point in curve.points]
        drawn.append(Line(f"{curve.pair}: {words}", points, growth.at))
    return lines(TITLES[variable], VARIABLES[variable], "microseconds, both scales logarithmic", drawn)
