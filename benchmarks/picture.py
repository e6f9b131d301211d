"""The times to the first token as a picture: how many of a hundred requests wait longer than that."""

import math
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 30, 64

LONGEST, SHORTEST = 20.0, 0.05
"""Seconds at the ends of the scale, which is logarithmic."""
FEWEST = 0.001
"""The smallest share of requests that is drawn."""

COLORS = ("#9a3412", "#1d4ed8", "#15803d")

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #374151 }
.grid { stroke: #e5e7eb } .frame { fill: #ffffff } path { fill: none; stroke-width: 2.5 }
"""


def draw(times: Mapping[str, Sequence[float]]) -> str:
    """An SVG picture of times in seconds, by what `hedge_after` was."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>Time to the first token with and without hedging</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="frame" width="{WIDTH}" height="{HEIGHT}"/>',
    ]
    for share in (1, 0.1, 0.01, 0.001):
        y = _down(share)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{100 * share:g} %</text>')
    for seconds in (0.1, 0.2, 0.5, 1, 2, 5, 10):
        x = _along(seconds)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{seconds:g} s</text>'
        )
    parts.append(f'<text x="{LEFT}" y="{TOP - 12}">requests that wait longer than ...</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    label = "... so long for their first token"
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - BOTTOM + 36}" text-anchor="middle">{label}</text>')
    for place, (name, color) in enumerate(zip(times, COLORS, strict=False)):
        parts.append(f'<path stroke="{color}" d="{_line(times[name])}"/>')
        x, y = LEFT + 200 * place, HEIGHT - 10
        words = "no hedging" if name == "none" else f"hedge_after = {name}".replace('"', "&quot;")
        parts.append(
            f'<line x1="{x}" y1="{y - 4}" x2="{x + 24}" y2="{y - 4}" stroke="{color}" stroke-width="3"/>'
        )
        parts.append(f'<text x="{x + 30}" y="{y}">{words}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _line(times: Sequence[float]) -> str:
    ordered = sorted(times)
    count = len(ordered)
    points: list[str] = []
    last = (-1.0, -1.0)
    for place, seconds in enumerate(ordered):
        share = (count - place) / count
        point = (round(_along(seconds), 1), round(_down(share), 1))
        # thousands of points would lie on top of one another
        if share >= FEWEST and math.dist(point, last) > 1.5:
            points.append(f"{point[0]:g} {point[1]:g}")
            last = point
    return "M" + " L".join(points)


def _along(seconds: float) -> float:
    seconds = min(max(seconds, SHORTEST), LONGEST)
    share = math.log(seconds / SHORTEST) / math.log(LONGEST / SHORTEST)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _down(share: float) -> float:
    part = math.log(max(share, FEWEST)) / math.log(FEWEST)
    return TOP + part * (HEIGHT - TOP - BOTTOM)
