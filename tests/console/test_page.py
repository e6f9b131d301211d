"""`docs/management.md` is true: its commands work, and its tables have what there is."""

import json
import re
from pathlib import Path

import pytest
from tests.console.api import Api
from tests.console.entries import entry, written

from dragoman.console.problem import STATUS
from dragoman.store.engine import Database

PAGE = Path(__file__).parents[2] / "docs" / "management.md"


def commands() -> list[tuple[str, str, str, object]]:
    """Method, path, query and body of every command of the page."""
    found: list[tuple[str, str, str, object]] = []
    for command in PAGE.read_text().replace("\\\n", " ").split("    curl -s ")[1:]:
        place = re.search(r'"\$API(?P<path>/[^"?]*)(?:\?(?P<query>[^"]*))?"', command)
        assert place, command
        body = re.search(r"-d '(?P<body>[^']*)'", command)
        method = re.match(r"-X (\w+)", command)
        word = method[1] if method else "POST" if body else "GET"
        found.append((word, place["path"], place["query"] or "", json.loads(body["body"]) if body else None))
    return found


@pytest.mark.anyio
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_every_command_of_the_page_works_in_its_order(api: Api, database: Database) -> None:
    await written(database, entry(1, request_id="req_6f1d2c3b4a5968778695a4b3", cost=2_000_000_000))
    ran = commands()
    assert len(ran) >= 12
    for method, path, query, body in ran:
        headers = {} if body is None else {"content-type": "application/json"}
        sent = b"" if body is None else json.dumps(body).encode()
        told = await api.send(method, path, headers, sent, query)
        assert told.status in {200, 201}, (method, path, told.body)
        if path == "/requests":
            assert len(told.list("requests")) == 1, query


def test_every_kind_of_problem_is_on_the_page() -> None:
    page = PAGE.read_text()
    for kind, status in STATUS.items():
        if kind != "server":
            assert f"`{kind}`" in page
            assert str(status) in page
