"""Reports: the sums are right, the JSON is JSON, and the page needs nothing from elsewhere."""

import json
import re

from dragoman.conformance.cell import Cell, Verdict
from dragoman.conformance.html_report import render_html
from dragoman.conformance.report import Report, render_json
from dragoman.conformance.stage import Finding
from dragoman.conformance.table import render_table

RULE = "all vendors: the order and the roles of messages are the conversation"
BAD = Finding('the client read "</script><b>"', RULE)


def cell(verdict: Verdict, feature: str = "text", upstream: str = "anthropic", *found: Finding) -> Cell:
    return Cell(feature, "openai_chat", upstream, "whole", verdict, RULE, found)


REPORT = Report(
    "Some <Gateway>",
    "2026-01-02",
    "dragoman 1",
    (
        cell(Verdict.PASS),
        cell(Verdict.FAIL, "text", "gemini", BAD),
        cell(Verdict.PASS, "system"),
        cell(Verdict.REFUSED, "audio"),
        cell(Verdict.MISLED, "video", "anthropic", Finding("HTTP 200", "another rule")),
        cell(Verdict.UNOFFERED, "text", "openai_responses"),
    ),
)


def test_percentages_leave_out_what_cannot_be_done() -> None:
    assert (REPORT.total.passed, REPORT.total.counted, REPORT.total.text) == (2, 3, "66.7")
    assert (REPORT.refused.passed, REPORT.refused.counted) == (1, 2)
    assert REPORT.pairs["openai_chat", "anthropic"].text == "100.0"
    assert REPORT.pairs["openai_chat", "openai_responses"].text == "-"
    assert REPORT.offered == 2
    assert REPORT.features["text"].text == "50.0"


def test_the_json_has_every_cell_and_each_rule() -> None:
    told = json.loads(render_json(REPORT))
    assert (told["passed"], told["counted"], told["pairs_served"]) == (2, 3, 2)
    assert len(told["cells"]) == len(REPORT.cells)
    assert told["cells"][1]["findings"] == [{"reason": BAD.reason}]
    assert told["cells"][4]["findings"] == [{"reason": "HTTP 200", "rule": "another rule"}]
    assert {one["name"] for one in told["features"]} == {"text", "system", "audio", "video"}


def test_the_page_loads_nothing_and_escapes_everything() -> None:
    page = render_html(REPORT)
    assert not re.search(r"""(src|href)=|url\(|@import|https?://(?!example)""", page)
    assert "</script><b>" not in page
    assert "Some &lt;Gateway&gt;" in page
    assert "{{" not in page
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert len(json.loads(data[1])["cells"]) == len(REPORT.cells)


def test_the_table_shows_pairs_and_findings() -> None:
    table = render_table(REPORT)
    assert "2 of 3 cells pass (66.7 %), 2 of 16 pairs served" in table
    assert "C>G whole" in table
    assert BAD.reason in table
