"""Charts as SVG, which can be read on light and on dark pages."""

import html
import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

WIDTH = 800
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.h{font-size:15px;font-weight:600}"
    ".s{fill:#666;font-size:12px}"
    ".r{fill:#b3401f}.ours{fill:#1f7a4d}.bare{fill:#4b7f95}.other{fill:#9a9a9a}.g{stroke:#ddd}"
    ".l0{stroke:#1f7a4d}.l1{stroke:#c2701c}.l0,.l1{fill:none;stroke-width:2}"
    ".d0{fill:#1f7a4d}.d1{fill:#c2701c}.m{stroke:#b3401f;stroke-width:1.5;stroke-dasharray:5 3}"
    "@media (prefers-color-scheme:dark){text{fill:#eee}.s{fill:#bbb}.r{fill:#e08060}.ours,.d0{fill:#5fc490}"
    ".bare{fill:#7fb3c8}.other{fill:#888}.g{stroke:#444}.l0{stroke:#5fc490}.l1{stroke:#e0a050}.d1{fill:#e0a050}"
    ".m{stroke:#e08060}}"
)

Kind = Literal["ours", "bare", "other"]


class Bar(NamedTuple):
    """A bar of a chart; without a value, what is said in its place."""

    label: str
    value: float | None
    words: str
    kind: Kind = "other"


class Line(NamedTuple):
    """Points of size and cost, and the curve that is laid through them."""

    label: str
    points: Sequence[tuple[float, float]]
    curve: Callable[[float], float]


class Mark(NamedTuple):
    """A value that is to be seen beside the bars."""

    value: float
    words: str


def bars(
    title: str, unit: str, rows: Sequence[Bar], *, logarithmic: bool = False, mark: Mark | None = None
) -> str:
    """Horizontal bars. A logarithmic scale begins at a power of ten below the least value."""
    left, right, top, height = 260, 150, 62, 26
    values = [row.value for row in rows if row.value is not None and row.value > 0]
    values += [mark.value] if mark else []
    most, least = max(values, default=1.0), min(values, default=1.0)
    floor = 10.0 ** math.floor(math.log10(least)) if logarithmic else 0.0
    if logarithmic and least < 1.5 * floor:
        floor /= 10

    def along(value: float) -> float:
        share = math.log(max(value, floor) / floor, most / floor) if logarithmic else value / most
        return left + share * (WIDTH - left - right)

    bottom = top + height * len(rows)
    parts = [_text(16, 24, title, "h"), _text(16, 44, unit, "s")]
    for tick in _ticks(floor, most, logarithmic=logarithmic):
        x = along(tick)
        parts.append(f'<line class="g" x1="{x:.1f}" y1="{top - 4}" x2="{x:.1f}" y2="{bottom}"/>')
        parts.append(_text(x, bottom + 16, _number(tick), "s", "middle"))
    for place, row in enumerate(rows):
        y = top + height * place
        parts.append(_text(left - 8, y + 16, row.label, anchor="end"))
        if row.value is None:
            parts.append(_text(left + 6, y + 16, _shortened(row.words, 76), "s r"))
            continue
        end = along(row.value)
        width = max(1.0, end - left)
        place_of_it = f'x="{left}" y="{y + 3}" width="{width:.1f}" height="{height - 7}"'
        parts.append(f'<rect class="{row.kind}" {place_of_it} rx="2"/>')
        parts.append(_text(left + width + 6, y + 16, row.words))
    if mark:
        x = along(mark.value)
        parts.append(f'<line class="m" x1="{x:.1f}" y1="{top - 4}" x2="{x:.1f}" y2="{bottom}"/>')
        parts.append(_text(x, top - 8, mark.words, "s r", "middle"))
    return document(WIDTH, bottom + 30, title, parts)


def lines(title: str, across: str, unit: str, drawn: Sequence[Line]) -> str:
    """Lines in a logarithmic chart, in which what grows linearly ends up as steep as the diagonal."""
    left, right, top, bottom, height = 70, 24, 62, 320, 400
    points = [point for line in drawn for point in line.points]
    least_x, most_x = min(x for x, _ in points), max(x for x, _ in points)
    floor = 10.0 ** math.floor(math.log10(min(y for _, y in points)))
    most_y = 10.0 ** math.ceil(math.log10(max(y for _, y in points) * 1.01))

    def along(x: float) -> float:
        return left + math.log(x / least_x) / math.log(most_x / least_x) * (WIDTH - left - right)

    def down(y: float) -> float:
        return bottom - math.log(max(y, floor) / floor) / math.log(most_y / floor) * (bottom - top)

    parts = [_text(16, 24, title, "h"), _text(16, 44, unit, "s")]
    for tick in _ticks(floor, most_y, logarithmic=True):
        y = down(tick)
        parts.append(f'<line class="g" x1="{left}" y1="{y:.1f}" x2="{WIDTH - right}" y2="{y:.1f}"/>')
        parts.append(_text(left - 8, y + 4, _number(tick), "s", "end"))
    for x in sorted({x for x, _ in points}):
        parts.append(f'<line class="g" x1="{along(x):.1f}" y1="{top}" x2="{along(x):.1f}" y2="{bottom}"/>')
        parts.append(_text(along(x), bottom + 18, _number(x), "s", "middle"))
    parts.append(_text((left + WIDTH - right) / 2, bottom + 38, across, "s", "middle"))
    for number, line in enumerate(drawn):
        steps = [least_x * (most_x / least_x) ** (step / 60) for step in range(61)]
        path = " L".join(f"{along(x):.1f} {down(line.curve(x)):.1f}" for x in steps)
        parts.append(f'<path class="l{number}" d="M{path}"/>')
        parts += [
            f'<circle class="d{number}" cx="{along(x):.1f}" cy="{down(y):.1f}" r="4"/>'
            for x, y in line.points
        ]
        parts.append(f'<circle class="d{number}" cx="{left + 4}" cy="{height - 24 + 20 * number}" r="4"/>')
        parts.append(_text(left + 14, height - 20 + 20 * number, line.label))
    return document(WIDTH, height + 10, title, parts)


def document(width: float, height: float, title: str, parts: Sequence[str], style: str = STYLE) -> str:
    """An SVG file."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">',
            f"<title>{html.escape(title)}</title>",
            f"<style>{style}</style>",
            *parts,
            "</svg>",
            "",
        ]
    )


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "") -> str:
    attributes = f' class="{kind}"' if kind else ""
    attributes += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{html.escape(words)}</text>'


def _ticks(floor: float, most: float, *, logarithmic: bool) -> list[float]:
    """Where the scale is marked."""
    if logarithmic:
        first, last = math.ceil(math.log10(floor) - 1e-9), math.floor(math.log10(most) + 1e-9)
        return [10.0**power for power in range(first, last + 1)]
    step = 10.0 ** math.floor(math.log10(most))
    while most / step < 4:
        step /= 2
    return [step * number for number in range(int(most / step + 1e-9) + 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 and value == round(value) else f"{value:g}"


def _shortened(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[:most]} ..."
