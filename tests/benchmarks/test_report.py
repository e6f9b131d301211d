"""The report: tables, targets and figures of what was measured."""

import xml.etree.ElementTree as ET

import pytest

from benchmarks.report import files, render, table
from benchmarks.results import (
    Curve,
    Delay,
    Large,
    Machine,
    Memory,
    OpenStreams,
    Point,
    Reading,
    Results,
    Row,
    Run,
    Start,
)
from benchmarks.targets import verdicts

SAME, OTHER = "OpenAI to OpenAI", "OpenAI to Anthropic"


def row(server: str, pair: str, cpu: float) -> Row:
    return Row(server, pair, [Reading(cpu * share, 1000, 2, 9) for share in (0.9, 1.0, 3.0)])


@pytest.fixture
def results() -> Results:
    return Results(
        machine=Machine("A processor", 2, 8.0, "Linux 6", "CPython 3.11", {"nginx": "1.22"}),
        runs={"unary": Run("benchmarks/run", "2026-11-22", "abc", 60, 5)},
        absent={"LiteLLM": "no network"},
        unary=[
            row("nginx", SAME, 12),
            row("Dragoman", SAME, 90),
            row("Dragoman", OTHER, 110),
            Row("Portkey", SAME, error='404: {"error": "a | b"}'),
        ],
        streams=[row("nginx", SAME, 700), row("Dragoman", SAME, 1100), row("Dragoman", OTHER, 1900)],
        delays=[
            Delay("direct", SAME, "500/s", 500, 0.2, 0.5),
            Delay("direct", SAME, "80 %", 7000, 0.3, 1.0),
            Delay("nginx", SAME, "500/s", 500, 0.3, 0.7),
            Delay("Dragoman", SAME, "500/s", 500, 0.5, 1.5),
            Delay("Dragoman", SAME, "80 %", 7000, 1.5, 14.0),
            Delay("Portkey", SAME, "500/s", error="answers 300 requests a second at most"),
        ],
        memory=[Memory("Dragoman", 60, 66, 67)],
        open_streams=OpenStreams(5000, 48, 250, 21.5, 5000, 0.02, 0.01, 0.0, 0.4),
        large=[Large("copying proxy", 10, 4.0), Large("Dragoman", 10, 9.0)],
        starts=[Start("Dragoman, to the first answer", 0.7), Start("dragoman --help", 0.12)],
        curves=[
            Curve("messages", SAME, [Point(size, 100 + 2 * size) for size in (1, 10, 100, 1000)]),
            Curve("chunks", OTHER, error="at 1: 500"),
        ],
        flames=["flame-unary.svg"],
    )


def test_every_figure_is_held_against_its_target(results: Results) -> None:
    found = {verdict.what: verdict for verdict in verdicts(results)}
    assert found["CPU for one answer, passed through"].measured == 90
    assert found["CPU for one answer, passed through, to nginx"].words == "**no**, 50 % more"
    assert found["CPU for a stream, passed through, to nginx"].met
    assert found["CPU for a stream, translated, to nginx"].words == "**no**, 9 % more"
    assert found[f"delay added at 500 requests/s, p50, {SAME}"].measured == pytest.approx(0.3)
    assert not found[f"delay added at 80 % of saturation, p99, {SAME}"].met
    assert found["CPU for a request of 10 MB, to a copying proxy"].measured == 2.25
    assert found["5,000 open streams, slower than without a gateway, p99"].met
    assert found[f"exponent of growth with messages, {SAME}"].met


def test_what_could_not_be_measured_has_not_reached_its_target(results: Results) -> None:
    found = {verdict.what: verdict for verdict in verdicts(results)}
    broken = found[f"exponent of growth with pieces of a stream, {OTHER}"]
    assert not broken.met
    assert broken.words == "**not measured**: `at 1: 500`"


def test_one_bad_pair_spoils_the_target_of_its_kind(results: Results) -> None:
    results.unary.append(Row("Dragoman", "OpenAI to Google", error="502"))
    found = {verdict.what: verdict for verdict in verdicts(results)}
    assert found["CPU for one answer, translated"].error == "OpenAI to Google: 502"


def test_the_page_tells_machine_versions_absent_peers_and_failures(results: Results) -> None:
    page = render(results)
    for words in (
        "A processor, 2 cores",
        "nginx 1.22",
        "LiteLLM (no network)",
        '| Portkey, OpenAI to OpenAI: **fails**, `404: {"error": "a \\| b"}` |',
        "| Dragoman, OpenAI to OpenAI | 90.0 | 7.5 | 1,000 | 2.0 | 9.0 |",
        "21.5 KB of memory for each",
        "`benchmarks/run`",
    ):
        assert words in page


def test_every_figure_on_the_page_is_a_file_of_the_report(results: Results) -> None:
    written = dict(files(results))
    page = written.pop("README.md")
    for name, text in written.items():
        ET.fromstring(text)  # noqa: S314 - our own
        assert f"]({name})" in page
    named = {part.partition(")")[0] for part in page.split("](")[1:]}
    assert named - {"results.json", "flame-unary.svg"} == set(written)


def test_notes_are_linked_where_there_are_some(results: Results) -> None:
    assert "](notes.md)" not in render(results)
    assert "](notes.md)" in render(results, notes=True)


def test_a_report_of_nothing_is_a_page() -> None:
    assert [name for name, _ in files(Results())] == ["README.md"]


def test_all_rows_of_a_table_have_as_many_cells_as_its_head(results: Results) -> None:
    cells = 0
    for line in render(results).replace("\\|", "").splitlines():
        if line.startswith("|"):
            cells = cells or line.count("|")
            assert line.count("|") == cells
        else:
            cells = 0


def test_columns_after_the_first_are_aligned_right() -> None:
    assert table(("a", "b"), [["x", "1"]]) == "| a | b |\n|---|---:|\n| x | 1 |"
