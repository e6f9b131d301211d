"""The outcome of a run, and its JSON form."""

import json
from typing import TypeAlias

import msgspec

from dragoman.conformance.catalogue import FEATURES
from dragoman.conformance.cell import Cell, Score, refusals, score
from dragoman.conformance.wire import WIRES
from dragoman.testing.json_value import JSON, Object

Pair: TypeAlias = tuple[str, str]


class Report(msgspec.Struct, frozen=True):
    """A finished run. `gateway` is what the user calls the gateway, `measured` the day (ISO 8601)."""

    gateway: str
    measured: str
    suite: str
    cells: tuple[Cell, ...]
    seconds: float = 0.0

    @property
    def total(self) -> Score:
        """The score of everything that could be done."""
        return score(list(self.cells))

    @property
    def refused(self) -> Score:
        """How much of what cannot be done was refused properly."""
        return refusals(list(self.cells))

    @property
    def pairs(self) -> dict[Pair, Score]:
        """The score of each client and upstream format."""
        return {
            (client, upstream): score(
                [cell for cell in self.cells if (cell.client, cell.upstream) == (client, upstream)]
            )
            for client in WIRES
            for upstream in WIRES
        }

    @property
    def offered(self) -> int:
        """How many pairs the gateway serves at all."""
        return sum(found.counted > 0 for found in self.pairs.values())

    @property
    def features(self) -> dict[str, Score]:
        """The score of each feature that was played."""
        by_name: dict[str, list[Cell]] = {}
        for cell in self.cells:
            by_name.setdefault(cell.feature, []).append(cell)
        return {name: score(cells) for name, cells in by_name.items()}


def render_json(report: Report) -> str:
    """The whole report as JSON text: features first, then one line for each cell."""
    head: Object = {
        "gateway": report.gateway,
        "measured": report.measured,
        "suite": report.suite,
        "seconds": round(report.seconds, 1),
        "passed": report.total.passed,
        "counted": report.total.counted,
        "refused_properly": report.refused.passed,
        "impossible": report.refused.counted,
        "pairs_served": report.offered,
    }
    features: list[JSON] = [
        {"name": one.name, "group": one.group, "title": one.title, "rule": one.rule}
        for one in FEATURES
        if one.name in report.features
    ]
    lines = ",\n".join(json.dumps(cell_object(cell), ensure_ascii=False) for cell in report.cells)
    start = json.dumps({**head, "features": features}, ensure_ascii=False, indent=1)
    return f'{start[:-2]},\n "cells": [\n{lines}\n]}}\n'


def cell_object(cell: Cell) -> Object:
    """A cell as JSON; `rule` of a finding only where it is not the feature's own."""
    told: Object = {
        "feature": cell.feature,
        "client": cell.client,
        "upstream": cell.upstream,
        "mode": cell.mode,
        "verdict": str(cell.verdict),
    }
    if cell.impossible:
        told["impossible"] = cell.impossible
    findings: list[JSON] = []
    for finding in cell.findings:
        own: Object = {"reason": finding.reason}
        findings.append(own if finding.rule == cell.rule else {**own, "rule": finding.rule})
    return {**told, "findings": findings} if findings else told
