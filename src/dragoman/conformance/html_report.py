"""The report as one page of HTML that needs nothing else: no scripts, fonts or pictures from elsewhere."""

import html
import importlib.resources
import json

from dragoman.conformance.catalogue import FEATURES
from dragoman.conformance.cell import Score
from dragoman.conformance.report import Report, cell_object
from dragoman.conformance.wire import WIRES

_SIDE, _GAP, _LEFT, _TOP = 112, 8, 190, 64
"""The picture of the matrix, in pixels."""


def render_html(report: Report) -> str:
    """The page."""
    page = importlib.resources.files("dragoman.conformance").joinpath("report.html").read_text("utf-8")
    data = {
        "wires": [{"name": wire.name, "letter": wire.letter, "title": wire.title} for wire in WIRES.values()],
        "features": [
            {"name": one.name, "group": one.group, "title": one.title, "rule": one.rule}
            for one in FEATURES
            if one.name in report.features
        ],
        "cells": [cell_object(cell) for cell in report.cells],
    }
    # `<` could end the script that holds the data
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    total, refused = report.total, report.refused
    words = {
        "gateway": html.escape(report.gateway),
        "measured": html.escape(report.measured),
        "suite": html.escape(report.suite),
        "percent": total.text,
        "passed": str(total.passed),
        "counted": str(total.counted),
        "refused": str(refused.passed),
        "impossible": str(refused.counted),
        "served": str(report.offered),
        "matrix": _picture(report),
        "data": text,
    }
    for name, value in words.items():
        page = page.replace(f"{{{{{name}}}}}", value)
    return page


def _picture(report: Report) -> str:
    """The matrix of formats as SVG."""
    names = list(WIRES)
    width = _LEFT + len(names) * (_SIDE + _GAP)
    height = _TOP + len(names) * (_SIDE // 2 + _GAP)
    about = "Percent of passed cells for each client format (rows) and upstream format (columns)"
    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{about}">']
    for column, wire in enumerate(WIRES.values()):
        x = _LEFT + column * (_SIDE + _GAP) + _SIDE // 2
        vendor, _, rest = wire.title.partition(" ")
        parts.append(f'<text class="head" x="{x}" y="24">{vendor}</text>')
        parts.append(f'<text class="head light" x="{x}" y="44">{rest}</text>')
    for row, client in enumerate(names):
        y = _TOP + row * (_SIDE // 2 + _GAP)
        vendor, _, rest = WIRES[client].title.partition(" ")
        parts.append(f'<text class="side" x="{_LEFT - 16}" y="{y + 24}">{vendor}</text>')
        parts.append(f'<text class="side light" x="{_LEFT - 16}" y="{y + 43}">{rest}</text>')
        for column, upstream in enumerate(names):
            x = _LEFT + column * (_SIDE + _GAP)
            parts.append(_tile(x, y, client, upstream, report.pairs[client, upstream]))
    return "".join([*parts, "</svg>"])


def _tile(x: int, y: int, client: str, upstream: str, found: Score) -> str:
    title = f"{WIRES[client].title} client, {WIRES[upstream].title} upstream"
    if found.percent is None:
        label, words, colour, kind = "-", "not served", "transparent", " none"
    else:
        label, words = found.text, f"{found.passed} of {found.counted}"
        colour = f"color-mix(in oklab, var(--good) {_share(found.percent)}%, var(--bad))"
        kind = ""
    height = _SIDE // 2
    return (
        f'<g class="tile{kind}" data-client="{client}" data-upstream="{upstream}" tabindex="0" role="button" '
        f'aria-label="{title}: {label} percent, {words}"><title>{title}: {words}</title>'
        f'<rect x="{x}" y="{y}" width="{_SIDE}" height="{height}" rx="6" style="fill:{colour}"/>'
        f'<text class="percent" x="{x + _SIDE // 2}" y="{y + 29}">{label}</text>'
        f'<text class="count" x="{x + _SIDE // 2}" y="{y + 46}">{words}</text></g>'
    )


def _share(percent: float) -> int:
    """How much of the good colour a tile gets: what is below half is bad."""
    return round(max(0.0, (percent - 50) * 2))
