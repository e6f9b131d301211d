"""`docs/metrics.md` and the code tell the same."""

import re
from pathlib import Path

import pytest

from dragoman.conversation.failure import FailureKind
from dragoman.telemetry.instruments import INSTRUMENTS, Instrument
from dragoman.telemetry.metrics import STATES

PAGE = Path(__file__).parents[2].joinpath("docs", "metrics.md").read_text("utf-8")
ROWS = {
    cells[0].strip("`"): cells
    for line in PAGE.splitlines()
    if line.startswith("| `dragoman_")
    for cells in [[cell.strip() for cell in line.strip("|").split(" | ")]]
}
LABELS = {match[1] for match in re.finditer(r"^\| `(\w+)` \| [^|]+ \|$", PAGE, re.MULTILINE)}
QUERIES = "\n".join(re.findall(r"```(?:promql|yaml)\n(.*?)```", PAGE, re.DOTALL))


def test_the_page_has_a_row_for_every_metric_in_the_order_of_the_code() -> None:
    assert list(ROWS) == [one.name for one in INSTRUMENTS]


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda one: one.name)
def test_a_row_tells_what_the_metric_is(instrument: Instrument) -> None:
    _, kind, labels, unit, meaning = ROWS[instrument.name]
    assert kind == instrument.kind
    assert tuple(re.findall(r"`(\w+)`", labels)) == instrument.labels
    assert meaning == instrument.meaning
    assert (unit == "seconds") == instrument.name.endswith("_seconds")


def test_every_label_is_explained_and_no_other() -> None:
    assert {label for one in INSTRUMENTS for label in one.labels} == LABELS


def test_queries_ask_for_metrics_and_labels_that_there_are() -> None:
    known = {one.name: one for one in INSTRUMENTS}
    asked = re.findall(r"(dragoman_\w+)(?:\{([^}]*)\})?", QUERIES)
    assert len(asked) > 15
    for name, selector in asked:
        instrument = known.get(name) or known[re.sub("_(bucket|sum|count)$", "", name)]
        assert set(re.findall(r"(\w+)=", selector)) <= set(instrument.labels), name


def test_queries_ask_for_values_that_there_are() -> None:
    kinds = {kind.value for kind in FailureKind}
    values = {"failure": kinds, "kind": kinds | {"input", "cache_read", "cache_write"}, "state": set(STATES)}
    for label, known in values.items():
        for said in re.findall(rf'{label}=~?"([^"]+)"', QUERIES):
            assert set(said.split("|")) <= known
