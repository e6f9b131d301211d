"""The report as text for a terminal."""

from dragoman.conformance.catalogue import FEATURES
from dragoman.conformance.cell import Verdict, score
from dragoman.conformance.report import Report
from dragoman.conformance.wire import WIRES

_SHOWN = 12


def render_table(report: Report) -> str:
    """The matrix of formats, the features that are less than whole, and the first findings of each."""
    total = f"{report.total.passed} of {report.total.counted} cells pass ({report.total.text} %)"
    lines = [
        f"{report.gateway}: {total}, {report.offered} of {len(report.pairs)} pairs served",
        f"impossible at the upstream: {report.refused.passed} of {report.refused.counted} refused properly",
        "",
        *_matrix(report),
        "",
        *_features(report),
    ]
    return "\n".join(lines)


def _matrix(report: Report) -> list[str]:
    head = "client \\ upstream".ljust(26) + "".join(f"{wire.title.split()[0]:>12}" for wire in WIRES.values())
    second = " " * 26 + "".join(f"{' '.join(wire.title.split()[1:])[:11]:>12}" for wire in WIRES.values())
    rows = [
        f"{wire.title:<26}" + "".join(f"{report.pairs[client, upstream].text:>12}" for upstream in WIRES)
        for client, wire in WIRES.items()
    ]
    return [head, second, *rows]


def _features(report: Report) -> list[str]:
    lines: list[str] = []
    for feature in FEATURES:
        cells = [cell for cell in report.cells if cell.feature == feature.name]
        failed = [cell for cell in cells if cell.verdict in {Verdict.FAIL, Verdict.MISLED}]
        if not failed:
            continue
        lines.append(f"{feature.name:<28}{score(cells).text:>6} %  {feature.title}")
        for cell in failed[:_SHOWN]:
            pair = f"{WIRES[cell.client].letter}>{WIRES[cell.upstream].letter} {cell.mode}"
            lines.append(f"    {pair:<13} {cell.findings[0].reason[:180] if cell.findings else cell.verdict}")
        if len(failed) > _SHOWN:
            lines.append(f"    and {len(failed) - _SHOWN} more")
    return lines
