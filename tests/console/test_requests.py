"""The search of the ledger through the management API, on every database."""

import pytest
from tests.console.api import Api, part
from tests.console.entries import entry, written

from dragoman.store.engine import Database
from dragoman.store.entry import BodyEntry, UsageCounts

pytestmark = pytest.mark.anyio


async def test_a_request_is_answered_with_all_that_is_known(api: Api, database: Database) -> None:
    team = {"team_id": "config:research", "team_name": "research"}
    await written(database, entry(1, **team, tags=("x",), owner="ada"))
    told = await api.get("/requests")
    assert told.json["next"] is None
    (found,) = told.list("requests")
    assert found["began"] == "2026-11-22T13:30:01Z"
    assert found["key"] == {"id": "key_1", "name": "ada"}
    assert found["team"] == {"id": "config:research", "name": "research"}
    assert found["usage"] == {"input": 1000, "output": 100, "cache_read": 50}
    assert (found["cost"], found["status"], found["tags"]) == (0.0035, 200, ["x"])


async def test_one_request_has_its_attempts_and_how_its_cost_comes_about(
    api: Api, database: Database
) -> None:
    await written(database, entry(1, bodies=(BodyEntry("request", "application/json", b"{}"),)))
    told = (await api.get("/requests/req_1")).json
    attempts, charges, bodies = told["attempts"], told["charges"], told["bodies"]
    assert isinstance(attempts, list)
    assert isinstance(attempts[0], dict)
    assert attempts[0]["cost_lines"] == [
        {"kind": "input", "count": 1000, "price": "2.5", "cost": "0.0025"},
        {"kind": "output", "count": 100, "price": "10", "cost": "0.001"},
    ]
    assert charges == [{"account": "key:key_1/month/UTC/0", "amount": 0.0035}]
    url = "/dragoman/api/requests/req_1/bodies/request"
    assert bodies == [
        {"kind": "request", "media_type": "application/json", "size": 2, "truncated": False, "url": url}
    ]


async def test_what_is_not_known_is_null_and_never_zero(api: Api, database: Database) -> None:
    await written(database, entry(1, cost=None, unpriced=True, usage=UsageCounts(), total=None))
    (found,) = (await api.get("/requests")).list("requests")
    assert (found["cost"], found["unpriced"], found["usage"], found["total"]) == (None, True, {}, None)


async def test_requests_are_listed_a_page_at_a_time_the_latest_first(api: Api, database: Database) -> None:
    await written(database, *(entry(number) for number in range(7)))
    ids: list[str] = []
    cursor: dict[str, object] = {}
    while True:
        told = await api.get("/requests", limit=3, **cursor)
        ids += [str(one["request_id"]) for one in told.list("requests")]
        if told.json["next"] is None:
            break
        cursor = {"cursor": told.json["next"]}
    assert ids == [f"req_{number}" for number in range(6, -1, -1)]


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({}, {1, 2, 3, 4}),
        ({"since": "2026-11-22T13:30:03Z"}, {3, 4}),
        ({"since": "2026-11-22T14:30:03+01:00"}, {3, 4}),
        ({"until": "2026-11-22T13:30:03Z"}, {1, 2}),
        ({"since": "2026-11-22", "until": "2026-11-23"}, {1, 2, 3, 4}),
        ({"until": "2026-11-22"}, set[int]()),
        ({"key": "key_2"}, {2}),
        ({"key": "grace"}, {2}),
        ({"team": "research"}, {2}),
        ({"owner": "grace@example.com"}, {2}),
        ({"route": "other"}, {3}),
        ({"model": "claude"}, {3}),
        ({"target": "anthropic/claude"}, {3}),
        ({"dialect": "gemini"}, {3}),
        ({"status": 502}, {4}),
        ({"outcome": "failed"}, {4}),
        ({"outcome": "ok"}, {1, 2, 3}),
        ({"failure": "bad_gateway"}, {4}),
        ({"min_cost": 0.0036}, {2}),
        ({"max_cost": 0.0035}, {1, 3, 4}),
        ({"min_cost": 0.0035, "max_cost": 0.0035}, {1, 3, 4}),
        ({"stream": True}, {1}),
        ({"cached": True}, {2}),
        ({"unpriced": True}, {3}),
        ({"estimated": True}, {4}),
        ({"text": "req_3"}, {3}),
        ({"text": "up_4"}, {4}),
        ({"outcome": "failed", "status": 200}, set[int]()),
    ],
)
async def test_requests_are_found_by_everything_that_is_said(
    api: Api, database: Database, parameters: dict[str, object], found: set[int]
) -> None:
    await written(
        database,
        entry(1, stream=True),
        entry(
            2,
            key_id="key_2",
            key_name="grace",
            owner="grace@example.com",
            team_id="config:research",
            team_name="research",
            cached=True,
            cost=4_000_000,
        ),
        entry(3, route="other", model="claude", target="anthropic/claude", dialect="gemini", unpriced=True),
        entry(4, status=502, failure="bad_gateway", estimated=True),
    )
    told = await api.get("/requests", **parameters)
    assert told.status == 200, told.body
    assert {str(one["request_id"]) for one in told.list("requests")} == {f"req_{n}" for n in found}


async def test_a_body_is_given_as_it_was_kept(api: Api, database: Database) -> None:
    stream = b"data: {}\n\n\xff"
    await written(
        database,
        entry(
            1,
            bodies=(
                BodyEntry("request", "application/json", b'{"a": 1}'),
                BodyEntry("answer", "text/event-stream", stream, truncated=True),
            ),
        ),
    )
    request, answer = [await api.get(f"/requests/req_1/bodies/{kind}") for kind in ("request", "answer")]
    assert (request.body, request.headers["content-type"]) == (b'{"a": 1}', "application/json")
    assert request.headers["x-dragoman-truncated"] == "false"
    assert (answer.body, answer.headers["content-type"]) == (stream, "text/event-stream")
    assert answer.headers["x-dragoman-truncated"] == "true"


@pytest.mark.parametrize(
    "media_type", ["text/html", "image/svg+xml", "text/html\r\nset-cookie: a=b", "", "\x00"]
)
async def test_no_browser_shows_a_body_as_a_page(api: Api, database: Database, media_type: str) -> None:
    await written(database, entry(1, bodies=(BodyEntry("answer", media_type, b"<script>alert(1)</script>"),)))
    told = await api.get("/requests/req_1/bodies/answer")
    assert told.headers["content-type"] == "application/octet-stream"
    assert told.headers["content-disposition"] == "attachment"
    assert "sandbox" in told.headers["content-security-policy"]
    assert "set-cookie" not in told.headers


async def test_what_is_not_in_the_ledger_is_not_found(api: Api, database: Database) -> None:
    await written(database, entry(1))
    for path in (
        "/requests/req_2",
        "/requests/req_1/bodies/request",
        "/requests/req_1/bodies/x",
        "/requests/%00",
    ):
        told = await api.get(path)
        assert (told.status, told.error["type"]) == (404, "not_found")


async def test_ids_of_any_form_lead_to_their_request(api: Api, database: Database) -> None:
    odd = "req é'%\";--"
    kept = BodyEntry("request", "application/json", b"{}")
    await written(database, entry(1, request_id=odd, bodies=(kept,)))
    told = (await api.get(f"/requests/{part(odd)}")).json
    bodies = told["bodies"]
    assert isinstance(bodies, list)
    assert isinstance(bodies[0], dict)
    assert (await api.get(str(bodies[0]["url"]).removeprefix("/dragoman/api"))).body == b"{}"
