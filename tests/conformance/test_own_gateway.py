"""A part of the matrix with this project's own gateway over real sockets."""

from collections.abc import Callable

import pytest

from dragoman.conformance.cell import Cell, Verdict, score
from dragoman.conformance.runner import Pattern

Measured = Callable[..., list[Cell]]

FEATURES = (
    "text",
    "system",
    "image-inline",
    "call-parallel",
    "call-exact-numbers",
    "results-parallel",
    "signature-round-trip",
    "usage-reasoning",
    "grammar-calls",
    "error-429",
    "stream-error-later",
)


def test_what_every_pair_can_do_passes(measured: Measured) -> None:
    cells = measured(*(Pattern(feature) for feature in FEATURES))
    wrong = [cell for cell in cells if cell.verdict is not Verdict.PASS]
    assert wrong == []
    assert score(cells).counted > 16 * len(FEATURES)


def test_what_an_upstream_cannot_do_is_refused(measured: Measured) -> None:
    cells = measured(Pattern("audio", upstream="anthropic"))
    assert {(cell.client, cell.verdict) for cell in cells} == {
        ("openai_chat", Verdict.REFUSED),
        ("gemini", Verdict.REFUSED),
    }


def test_clients_that_cannot_ask_have_no_cell(measured: Measured) -> None:
    cells = measured(Pattern("stop", upstream="anthropic"))
    assert {cell.client for cell in cells} == {"openai_chat", "anthropic", "gemini"}


@pytest.mark.parametrize("feature", ["departure-streamed", "streams-at-once", "models"])
def test_what_takes_time_or_another_endpoint_passes(measured: Measured, feature: str) -> None:
    cells = measured(Pattern(feature, "anthropic", "openai_chat"))
    assert [cell.verdict for cell in cells] == [Verdict.PASS]
