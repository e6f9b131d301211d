"""The management API as a citizen of HTTP."""

import json

import pytest
from tests.console.api import Api, part

from dragoman.console.reading import MAX_BODY

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)]

JSON_TYPE = {"content-type": "application/json"}


@pytest.mark.parametrize("path", ["", "/"])
async def test_the_index_says_what_there_is(api: Api, path: str) -> None:
    told = await api.get(path)
    assert told.status == 200
    assert {"method": "POST", "path": "/dragoman/api/keys", "summary": "Make a key"} in told.list(
        "operations"
    )


@pytest.mark.parametrize(
    "path", ["/nothing", "/keys/", "/keys/a/b", "/keys/a/rotate/x", "//keys", "/../keys"]
)
async def test_what_is_not_there_is_not_found(api: Api, path: str) -> None:
    told = await api.get(path)
    assert (told.status, told.error["type"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/keys", "GET, POST, HEAD"),
        ("DELETE", "/keys", "GET, POST, HEAD"),
        ("POST", "/keys/ada", "GET, PATCH, DELETE, HEAD"),
        ("GET", "/keys/ada/rotate", "POST"),
        ("HEAD", "/keys/ada/rotate", "POST"),
        ("OPTIONS", "/keys", "GET, POST, HEAD"),
        ("POST", "/", "GET, HEAD"),
        ("POST", "", "GET, HEAD"),
        ("TRACE", "/usage", "GET, HEAD"),
        ("get", "/usage", "GET, HEAD"),
    ],
)
async def test_other_methods_are_refused_with_those_that_are_allowed(
    api: Api, method: str, path: str, allowed: str
) -> None:
    told = await api.send(method, path)
    assert told.status == 405
    assert told.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/", "/keys", "/budgets", "/openapi.json", "/nothing"])
async def test_head_is_answered_as_get_without_the_body(api: Api, path: str) -> None:
    whole, head = await api.get(path), await api.send("HEAD", path)
    assert head.body == b""
    assert head.status == whole.status
    drop = {"x-request-id"}
    assert {k: v for k, v in head.headers.items() if k not in drop} == {
        k: v for k, v in whole.headers.items() if k not in drop
    }
    assert int(head.headers["content-length"]) == len(whole.body)


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded", "", "json"])
async def test_only_json_is_taken(api: Api, media_type: str | None) -> None:
    headers = {} if media_type is None else {"content-type": media_type}
    told = await api.send("POST", "/keys", headers, b'{"name": "ada"}')
    assert (told.status, told.error["type"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"]
)
async def test_json_may_be_said_in_several_ways(api: Api, media_type: str) -> None:
    assert (await api.send("POST", "/keys", {"content-type": media_type}, b'{"name": "ada"}')).status == 201


@pytest.mark.parametrize("size", [MAX_BODY + 1, 3 * MAX_BODY, 8 * 1024 * 1024])
async def test_a_large_body_is_refused(api: Api, size: int) -> None:
    told = await api.send("POST", "/keys", JSON_TYPE, b" " * size)
    assert (told.status, told.error["type"]) == (413, "too_large")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"name"',
        b"{",
        b'{"name": "ada"} {}',
        b'{"name": "\xff"}',
        b'\xef\xbb\xbf{"name": "ada"}',
        b'{"name": "\\ud800"}',
        b'{"name": NaN}',
        b'{"priority": 1e999, "name": "a"}',
        b'{"priority": ' + b"9" * 5000 + b', "name": "a"}',
        b'{"name": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"x":' * 30_000 + b"1" + b"}" * 30_000,
    ],
)
async def test_what_is_no_such_json_is_refused(api: Api, body: bytes) -> None:
    told = await api.send("POST", "/keys", JSON_TYPE, body)
    assert (told.status, told.error["type"]) == (400, "invalid_request")
    assert len(told.body) < 2000


async def test_a_body_is_refused_where_none_is_taken(api: Api) -> None:
    await api.post("/keys", {"name": "ada"})
    assert (await api.post("/keys/ada/disable", {"disabled": False})).status == 400
    assert (await api.post("/keys/ada/disable")).status == 200


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        ("/keys", "colour=red", "colour"),
        ("/keys", "limit=0", "limit"),
        ("/keys", "limit=1.5", "limit"),
        ("/keys", "limit=1001", "limit"),
        ("/keys", "limit=" + "9" * 400, "limit"),
        ("/keys", "limit=10&limit=20", "limit"),
        ("/keys", "state=asleep", "state"),
        ("/keys", "cursor=abc", "cursor"),
        ("/keys", "cursor=WyJhIiwiYiJd", "cursor"),
        ("/keys", "cursor=%C3%A9", "cursor"),
        ("/keys/ada", "verbose=1", "verbose"),
        ("/requests", "status=99", "status"),
        ("/requests", "status=two", "status"),
        ("/requests", "outcome=bad", "outcome"),
        ("/requests", "stream=perhaps", "stream"),
        ("/requests", "min_cost=-1", "min_cost"),
        ("/requests", "min_cost=nan", "min_cost"),
        ("/requests", "max_cost=inf", "max_cost"),
        ("/requests", "since=yesterday", "since"),
        ("/requests", "since=2026-13-01", "since"),
        ("/requests", "since=2026-11-22T10:00:00", "since"),
        ("/requests", "until=99999-01-01", "until"),
        ("/requests", "since=0001-01-01", "since"),
        ("/requests", "cursor=%F0%9F%A6%84", "cursor"),
        ("/requests", "limit=501", "limit"),
        ("/requests", "key=", "key"),
        ("/requests", "key=" + "x" * 513, "key"),
        ("/usage", "span=week", "span"),
        ("/usage", "by=owner", "by"),
        ("/usage", "span=hour&since=2020-01-01", "until"),
        ("/usage", "since=2026-11-02&until=2026-11-01", "since"),
        ("/summary", "order=beauty", "order"),
        ("/budgets", "kind=target", "kind"),
    ],
)
async def test_impossible_parameters_are_refused_by_their_name(
    api: Api, path: str, query: str, param: str
) -> None:
    await api.post("/keys", {"name": "ada"})
    told = await api.send("GET", path, query=query)
    assert told.status == 400, told.body
    assert told.error["param"] == param


@pytest.mark.parametrize("query", ["%ff=1", "team=%c3%28", "\xe9=1", "&".join(["tag=x"] * 300)])
async def test_a_query_that_is_no_text_is_refused(api: Api, query: str) -> None:
    assert (await api.send("GET", "/keys", query=query)).status == 400


async def test_no_origin_may_read_an_answer(api: Api) -> None:
    for origin in ("https://evil.example", "http://gateway.example.evil", "null", "http://["):
        told = await api.send("GET", "/keys", {"origin": origin})
        assert told.status == 403
        assert not [name for name in told.headers if name.startswith("access-control")]


async def test_a_preflight_is_given_nothing(api: Api) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    told = await api.presenting(None).send("OPTIONS", "/keys", headers)
    assert told.status == 403
    assert not [name for name in told.headers if name.startswith("access-control")]


async def test_pages_of_the_same_origin_may_ask(api: Api) -> None:
    headers = {"origin": "http://gateway.example", "sec-fetch-site": "same-origin"}
    assert (await api.send("GET", "/keys", headers)).status == 200
    assert (await api.send("GET", "/keys", {"sec-fetch-site": "cross-site"})).status == 403


async def test_no_browser_takes_an_answer_for_a_page(api: Api) -> None:
    for told in (await api.get("/keys"), await api.get("/nothing"), await api.presenting("x").get("/")):
        assert told.headers["x-content-type-options"] == "nosniff"
        assert told.headers["content-type"] == "application/json"
        assert "default-src 'none'" in told.headers["content-security-policy"]


async def test_every_answer_has_an_id_of_its_own(api: Api) -> None:
    told = [await api.get("/keys"), await api.get("/nothing"), await api.presenting(None).get("/")]
    assert len({one.headers["x-request-id"] for one in told}) == 3


async def test_a_bug_is_told_without_its_details(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_asked: object) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr("dragoman.access.issuing.Issuing.keys", broken)
    told = await api.get("/keys")
    assert (told.status, told.error["type"]) == (500, "server")
    assert "secret of the house" not in told.body.decode()
    assert told.headers["x-request-id"] in str(told.error["message"])


async def test_names_with_slashes_are_no_paths(api: Api) -> None:
    await api.post("/keys", {"name": "ada"})
    assert (await api.get(f"/keys/{part('../keys/ada')}")).status == 404
    assert json.loads((await api.get("/keys/ada")).body)["name"] == "ada"
