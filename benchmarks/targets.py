"""What Dragoman is to reach, and whether it does."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.growth import last_slope
from benchmarks.questions import PAIRS, PIECES, SAME
from benchmarks.results import Curve, Delay, Results, Row, find_row
from benchmarks.scaling import VARIABLES

OURS, BARE = "Dragoman", "nginx"
LATE = 0.05
"""By how much a stream may take longer than at the upstream's speed."""


class Verdict(NamedTuple):
    """A target and what was measured. `measured` is None where it could not be."""

    what: str
    bound: float
    unit: str
    measured: float | None
    error: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        return self.measured is not None and self.measured <= self.bound

    @property
    def words(self) -> str:
        """Whether it is, and if not, by how much."""
        if self.measured is None:
            return f"**not measured**: `{self.error or 'no reading'}`"
        if self.met:
            return "yes"
        return f"**no**, {100 * (self.measured / self.bound - 1):.0f} % more"


def verdicts(results: Results) -> list[Verdict]:
    """All targets of what was measured."""
    return [
        *_cpu(results),
        *_delays(results),
        *_memory(results),
        *_single(results),
        *(_slope(curve) for curve in results.curves),
    ]


def _cpu(results: Results) -> Iterator[Verdict]:
    for title, rows, bounds in (
        ("one answer", results.unary, (150.0, 220.0)),
        ("a stream", results.streams, (None, None)),
    ):
        ours = [row for row in rows if row.server == OURS]
        if not ours:
            continue
        same = [row for row in ours if row.pair == SAME.name]
        translated = [row for row in ours if row.pair != SAME.name]
        bare = find_row(rows, BARE, SAME.name)
        for kind, chosen, bound in (
            ("passed through", same, bounds[0]),
            ("translated", translated, bounds[1]),
        ):
            if bound is not None:
                yield _worst(f"CPU for {title}, {kind}", bound, "us", chosen, lambda row: row.cpu_us)
        ratios = ((same, 5.0),) if rows is results.unary else ((same, 1.7), (translated, 2.5))
        for chosen, bound in ratios:
            kind = "passed through" if chosen is same else "translated"
            if bare:
                base = bare.cpu_us
                yield _worst(
                    f"CPU for {title}, {kind}, to nginx",
                    bound,
                    "x",
                    chosen,
                    lambda row, base=base: row.cpu_us / base,
                )


def _worst(what: str, bound: float, unit: str, rows: list[Row], figure: Callable[[Row], float]) -> Verdict:
    errors = [f"{row.pair}: {row.error or 'no reading'}" for row in rows if not row.readings]
    if errors or not rows:
        return Verdict(what, bound, unit, None, "; ".join(errors))
    return Verdict(what, bound, unit, max(figure(row) for row in rows))


def added(results: Results, delay: Delay) -> Delay | None:
    """What a gateway adds to the way without one, at the same rate; None if that way was not measured."""
    direct = next(
        (
            other
            for other in results.delays
            if other.server == "direct" and other.load == delay.load and not other.error
        ),
        None,
    )
    if direct is None or delay.error or (delay.load == "80 %" and delay.server != OURS):
        return None
    return Delay(
        delay.server,
        delay.pair,
        delay.load,
        delay.rate,
        round(delay.p50_ms - direct.p50_ms, 3),
        round(delay.p99_ms - direct.p99_ms, 3),
    )


def _delays(results: Results) -> Iterator[Verdict]:
    steady: dict[str, tuple[tuple[str, float], ...]] = {
        "500/s": (("p50", 0.5), ("p99", 2.0)),
        "80 %": (("p99", 10.0),),
    }
    for delay in results.delays:
        if delay.server != OURS:
            continue
        more = added(results, delay)
        load = "500 requests/s" if delay.load == "500/s" else "80 % of saturation"
        for quantile, bound in steady[delay.load]:
            what = f"delay added at {load}, {quantile}, {delay.pair}"
            measured = None if more is None else more.p50_ms if quantile == "p50" else more.p99_ms
            yield Verdict(what, bound, "ms", measured, delay.error)


def _memory(results: Results) -> Iterator[Verdict]:
    for memory in results.memory:
        if memory.server != OURS:
            continue
        yield Verdict("resident memory at rest", 80, "MB", memory.at_rest)
        if memory.after_load and memory.at_end:
            growth = memory.at_end - memory.after_load
            yield Verdict("growth of memory from the first load to the last", 8, "MB", max(0.0, growth))
    if found := results.open_streams:
        streams = f"{found.streams:,} open streams"
        error = found.error
        yield Verdict(f"memory for each of {streams}", 30, "KB", None if error else found.kb_each, error)
        late = max(0.0, 100 * (found.p99_slow - found.direct_p99_slow))
        what = f"{streams}, slower than without a gateway, p99"
        yield Verdict(what, 100 * LATE, "%", None if error else late, error)


def _single(results: Results) -> Iterator[Verdict]:
    large = {one.server: one for one in results.large}
    if (ours := large.get(OURS)) and (copying := large.get("copying proxy")):
        error = ours.error or copying.error
        what = f"CPU for a request of {ours.megabytes:g} MB, to a copying proxy"
        yield Verdict(what, 3, "x", None if error else ours.cpu_ms / copying.cpu_ms, error)
    for start in results.starts:
        if start.what.startswith(OURS):
            yield Verdict("start, to the first answer", 1, "s", start.seconds)
        elif start.what.startswith("dragoman"):
            yield Verdict(f"`{start.what}`", 0.15, "s", start.seconds)


def _slope(curve: Curve) -> Verdict:
    """Linear growth, with a tenth for noise; what a request costs must not grow with connections at all."""
    bound = 0.15 if curve.variable == "connections" else 1.1
    what = f"exponent of growth with {VARIABLES[curve.variable]}, {curve.pair}"
    if curve.error or len(curve.points) < 2:
        return Verdict(what, bound, "", None, curve.error)
    return Verdict(what, bound, "", last_slope([(point.size, point.cpu_us) for point in curve.points]))


def names() -> list[str]:
    """The pairs, in the order of tables."""
    return [pair.name for pair in PAIRS]


def each_piece(cpu_us: float) -> float:
    """What a piece of a usual stream costs, if all of it is laid on the pieces."""
    return cpu_us / PIECES
