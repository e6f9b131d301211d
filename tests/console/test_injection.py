"""What people write to break things goes through every field and parameter, and breaks nothing."""

import copy
import json

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import LogCapture
from tests.console.api import Api, part
from tests.console.entries import entry, written

from dragoman.store.engine import Database
from dragoman.store.tables import METADATA
from dragoman.telemetry.log import console_line, json_line

pytestmark = pytest.mark.anyio

HARMLESS = (
    "'; DROP TABLE keys; --",
    "' OR '1'='1",
    '" OR ""="',
    "1); DELETE FROM teams WHERE (1=1",
    "%",
    "_",
    "a%' ESCAPE '",
    "\\",
    "\\'",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "{0.__class__}",
    "%(name)s",
    ":name",
    "$1",
    "?",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "=cmd|'/c calc'!A1",
    "config:old",
    "null",
    "NaN",
    "日本語 🦄 é",
    "ﷺ" * 20,
)
"""Text that means something elsewhere and nothing here."""
REFUSED = (
    "a\x00b",
    "a\r\nset-cookie: b=c",
    "a\nFAKE LOG LINE",
    "a\x1b[2Jb",
    "a\x07",
    "a\x7f",
    "a\x85b",
    "a\u2028b",
    "a\u202eb",
    "a\u200bb",
    "\ufeffa",
    "a\u2066b",
    "a\U000e0041b",
)
"""Text with characters that nobody sees, or that a terminal obeys."""

PARAMETERS = {
    "/keys": ("team", "owner", "tag", "cursor"),
    "/teams": ("cursor",),
    "/budgets": ("of", "cursor"),
    "/requests": (
        *("since", "until", "key", "team", "owner", "route", "model", "target", "dialect", "failure", "text"),
        "cursor",
    ),
    "/usage": ("since", "until", "key", "team", "route", "target"),
    "/summary": ("since", "until", "key", "team", "route", "target"),
}
KEY: dict[str, object] = {
    "name": "ada",
    "owner": "ada@example.com",
    "tags": ["x"],
    "routes": ["gpt-*"],
    "budgets": [{"amount": 1, "zone": "UTC"}],
    "team": "research",
}


async def rows(database: Database) -> dict[str, int]:
    """How many rows each table has."""

    async def work(connection: AsyncConnection) -> dict[str, int]:
        found: dict[str, int] = {}
        for table in METADATA.sorted_tables:
            counted = await connection.execute(select(func.count()).select_from(table))
            found[table.name] = counted.scalar_one()
        return found

    return await database.run(work)


def with_text(place: str, text: str) -> dict[str, object]:
    """The order of a key, with a text in one place."""
    order = copy.deepcopy(KEY)
    match place:
        case "tags" | "routes":
            order[place] = ["fine", text]
        case "zone":
            order["budgets"] = [{"amount": 1, "zone": text}]
        case "field":
            order[text] = 1
        case _:
            order[place] = text
    return order


@pytest.mark.parametrize("place", ["name", "owner", "tags", "routes"])
async def test_text_that_means_something_elsewhere_is_kept_as_it_is(
    api: Api, database: Database, log: LogCapture, place: str
) -> None:
    await api.post("/teams", {"name": "research"})
    for number, text in enumerate(HARMLESS):
        order = {**with_text(place, text), **({} if place == "name" else {"name": f"key {number}"})}
        told = await api.post("/keys", order)
        assert told.status == 201, (text, told.body)
        shown = (await api.get(f"/keys/{part(str(told.json['id']))}")).json
        assert shown[place] == order[place]
        assert (await api.get("/keys", limit=1000)).status == 200
    counted = await rows(database)
    assert (counted["keys"], counted["teams"]) == (len(HARMLESS), 1)
    for written_entry in log.entries:
        for line in (console_line(dict(written_entry)), json_line(dict(written_entry))):
            assert line.isprintable() or "\\u" in line
            assert "\n" not in line


@pytest.mark.parametrize("place", ["name", "owner", "tags", "routes", "zone", "team", "field"])
async def test_text_that_nobody_sees_is_refused_everywhere(
    api: Api, database: Database, log: LogCapture, place: str
) -> None:
    await api.post("/teams", {"name": "research"})
    log.entries.clear()
    for text in REFUSED:
        told = await api.post("/keys", with_text(place, text))
        assert told.status == 400, (text, told.body)
        assert told.error["type"] == "invalid_request"
        assert text not in json.dumps(told.json, ensure_ascii=False)
        assert (await api.post("/teams", {"name": text})).status == 400
    counted = await rows(database)
    assert (counted["keys"], counted["teams"]) == (0, 1)
    assert log.entries == []


@pytest.mark.parametrize("path", PARAMETERS)
async def test_no_parameter_finds_or_breaks_more_than_it_says(
    api: Api, database: Database, path: str
) -> None:
    await written(database, entry(1), entry(2))
    await api.post("/teams", {"name": "research"})
    await api.post("/keys", {"name": "ada", "team": "research"})
    before = await rows(database)
    for name in PARAMETERS[path]:
        for text in HARMLESS:
            if text == "config:old" and name == "of":
                continue  # there is such a team
            told = await api.get(path, **{name: text})
            assert told.status in {200, 400}, (name, text, told.body)
            if told.status == 200:
                found = [value for value in told.json.values() if isinstance(value, list)]
                assert not any(found), (name, text)
            else:
                assert told.error["param"] == name
        for text in REFUSED:
            told = await api.get(path, **{name: text})
            assert (told.status, told.error["param"]) == (400, name), (text, told.body)
    assert await rows(database) == before


async def test_no_part_of_a_path_finds_or_breaks_anything(api: Api, database: Database) -> None:
    await written(database, entry(1))
    await api.post("/keys", {"name": "ada"})
    before = await rows(database)
    for text in (*HARMLESS, *REFUSED, "x" * 5000):
        its = part(text)
        told = [
            await api.get(f"/keys/{its}"),
            await api.patch(f"/keys/{its}", {"owner": "x"}),
            await api.delete(f"/keys/{its}"),
            await api.post(f"/keys/{its}/rotate", {}),
            await api.get(f"/teams/{its}"),
            await api.delete(f"/teams/{its}"),
            await api.get(f"/requests/{its}"),
            await api.get(f"/requests/{its}/bodies/request"),
            await api.get(f"/requests/req_1/bodies/{its}"),
            await api.get(f"/{its}"),
        ]
        assert {one.status for one in told} <= {404, 405}, (text, [one.body for one in told])
        assert not any("\n" in value or "\r" in value for one in told for value in one.headers.values())
    assert await rows(database) == before


async def test_what_clients_wrote_into_the_ledger_is_shown_as_it_is(api: Api, database: Database) -> None:
    for number, text in enumerate((*HARMLESS, *REFUSED)):
        await written(database, entry(number, model=text, error=text, key_name=text, tags=(text,)))
        told = await api.get(f"/requests/req_{number}")
        assert told.status == 200
        request = told.json["request"]
        assert isinstance(request, dict)
        kept = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
        assert (request["model"], request["error"], request["tags"]) == (kept, kept, [kept])
        assert told.body.isascii() or told.body.decode()
        assert not any(control in told.body for control in (b"\x1b", b"\n", b"\r", b"\x00"))


async def test_headers_of_whoever_asks_come_back_nowhere(api: Api) -> None:
    await api.post("/keys", {"name": "ada"})
    for text in ("'; DROP TABLE keys; --", '"01", "', "\x1b[2J", "é", '"' * 5000, "9" * 5000):
        told = await api.patch("/keys/ada", {"owner": "x"}, {"if-match": text})
        assert told.status == 412
        assert text not in str(told.headers)
