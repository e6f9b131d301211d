"""The small parts: pages, moments, text, what fields mean."""

import asyncio
import time

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dragoman.console.field_texts import field_texts
from dragoman.console.key_resources import IssuedKey, KeyChange
from dragoman.console.opening import DeferredManagement, is_management
from dragoman.console.paging import Place, page
from dragoman.console.problem import ProblemError
from dragoman.console.reading import is_visible, parse_moment, shown


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_pages_hold_everything_once_and_in_order(size: int, *, falling: bool) -> None:
    things: list[tuple[Place, int]] = [((float(number // 3), f"id{number}"), number) for number in range(8)]
    found: list[int] = []
    cursor: str | None = None
    while True:
        some, cursor = page(things, size, cursor, falling=falling)
        assert len(some) <= size
        found += some
        if cursor is None:
            break
    assert found == sorted(range(8), reverse=falling)


@pytest.mark.parametrize("cursor", ["", "x", "!!", "bnVsbA", "WzEsMl0", "W251bGwsIngiXQ", "é"])
def test_a_cursor_of_somebody_else_is_refused(cursor: str) -> None:
    with pytest.raises(ProblemError) as refused:
        page([((1.0, "a"), 1)], 1, cursor)
    assert refused.value.problem.param == "cursor"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-22", 1_795_305_600.0),
        ("2026-11-22T00:00:00Z", 1_795_305_600.0),
        ("2026-11-22T01:00:00+01:00", 1_795_305_600.0),
        ("2026-11-22T01:00:00 01:00", 1_795_305_600.0),
        ("2026-11-22T00:00:00.5Z", 1_795_305_600.5),
        ("1970-01-01", 0.0),
    ],
)
def test_moments_are_read_as_they_are_written(text: str, seconds: float) -> None:
    assert parse_moment(text, "since") == seconds


@pytest.mark.parametrize("text", ["", "now", "1795305600", "2026-11-22T00:00:00", "1969-12-31", "2026-02-30"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ProblemError):
        parse_moment(text, "since")


def test_text_is_said_back_without_what_a_terminal_obeys() -> None:
    assert shown("a\x1b[2J\u202eb é 🦄") == "a�[2J�b é 🦄"
    assert is_visible("é 日本語 🦄")
    assert not is_visible("a\u200bb")


def test_fields_are_described_by_the_text_under_them_also_in_what_they_are_derived_from() -> None:
    texts = field_texts(IssuedKey)
    assert texts["key"] == "What clients present."
    assert texts["owner"] == "Whom it was given to."
    assert set(field_texts(KeyChange)) == set(KeyChange.__struct_fields__)


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("/dragoman/api", True),
        ("/dragoman/api/", True),
        ("/dragoman/api/keys", True),
        ("/dragoman/apix", False),
        ("/dragoman", False),
        ("/v1/dragoman/api/", False),
    ],
)
def test_which_paths_are_ours(path: str, *, ours: bool) -> None:
    assert is_management(path) is ours


@pytest.mark.anyio
async def test_the_application_is_built_once_and_at_the_first_request() -> None:
    built: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        built.append(str(scope["path"]))

    def build() -> ASGIApp:
        time.sleep(0.05)
        built.append("built")
        return app

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None: ...

    deferred = DeferredManagement(build)
    assert built == []
    await asyncio.gather(*(deferred({"path": str(number)}, receive, send) for number in range(3)))
    assert built[0] == "built"
    assert sorted(built[1:]) == ["0", "1", "2"]
