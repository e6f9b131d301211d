"""A client's mistakes: refused in its own words, with the field named, before anything goes upstream."""

import contextlib
import gzip
import http.client
import re
from urllib.parse import quote

import pytest
from tests.conftest import LiveGateway
from tests.live.bad_requests import DEEP, MISSING, TOP, Bad
from tests.live.client import MODELS, Ask, Client, Reply, texts
from tests.live.conftest import LONGEST_BODY

from dragoman.testing.json_value import decode_object
from dragoman.testing.server import FakeServer

INVALID = {
    "openai_chat": "invalid_request_error",
    "openai_responses": "invalid_request_error",
    "anthropic": "invalid_request_error",
    "gemini": "INVALID_ARGUMENT",
}
NOT_FOUND = {
    "openai_chat": "invalid_request_error",
    "openai_responses": "invalid_request_error",
    "anthropic": "not_found_error",
    "gemini": "NOT_FOUND",
}
TOO_LARGE = {
    "openai_chat": (413, "invalid_request_error"),
    "openai_responses": (413, "invalid_request_error"),
    "anthropic": (413, "request_too_large"),
    "gemini": (400, "INVALID_ARGUMENT"),
}


def names_the_field(client: Client, reply: Reply, field: str, says: str) -> None:
    """The answer is a refusal that names the field and says what was expected there."""
    assert reply.status == 400
    told = client.read_error(reply)
    assert told.word == INVALID[client.name]
    assert field in told.message
    assert re.search(says, told.message)
    if client.name != "anthropic":
        assert told.param is not None
        assert told.param.startswith(field)


def each(table: dict[str, list[Bad]]) -> pytest.MarkDecorator:
    """Every wrong request of a table, by a client of its dialect."""
    cases = [(name, bad) for name, bads in table.items() for bad in bads]
    return pytest.mark.parametrize(
        ("client", "bad"),
        cases,
        indirect=["client"],
        ids=[f"{name}-{bad.field}-{place}" for place, (name, bad) in enumerate(cases)],
    )


@each(TOP)
def test_a_wrong_member_is_refused_on_every_route(
    client: Client, bad: Bad, route: str, fake: FakeServer
) -> None:
    reply = client.get(route, body=client.request(route) | bad.members)
    names_the_field(client, reply, bad.field, bad.says)
    assert fake.script.received == ()


@pytest.mark.parametrize(
    ("client", "field"),
    [(name, field) for name, fields in MISSING.items() for field in fields],
    indirect=["client"],
)
def test_a_missing_member_is_refused_on_every_route(
    client: Client, field: str, route: str, stream: bool, fake: FakeServer
) -> None:
    body = client.request(route, stream=stream)
    del body[field]
    names_the_field(client, client.get(route, stream=stream, body=body), field, "required")
    assert fake.script.received == ()


@each(DEEP)
def test_a_mistake_deeper_inside_is_refused_too(
    client: Client, bad: Bad, route: str, upstream: str, fake: FakeServer
) -> None:
    """By the gateway where it reads the request, by the vendor where the request goes unread."""
    reply = client.get(route, body=client.request(route) | bad.members)
    if upstream == client.name:
        assert reply.status == 400
        assert client.read_error(reply).word == INVALID[client.name]
    else:
        names_the_field(client, reply, bad.field, bad.says)
        assert fake.script.received == ()


NO_OBJECT = {
    "nothing": b"",
    "blank": b"  \n",
    "word": b"hello",
    "form": b"model=gpt-4o&stream=true",
    "single_quotes": b"{'model': 'gpt-4o'}",
    "byte_order_mark": b"\xef\xbb\xbf{}",
    "utf_16": '{"model": "gpt-4o"}'.encode("utf-16"),
    "gzip": gzip.compress(b'{"model": "gpt-4o"}'),
    "list": b"[]",
    "text": b'"hello"',
    "number": b"5",
    "null": b"null",
    "two": b"{}{}",
    "deep_lists": b"[" * 50_000,
    "deep_objects": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("body", NO_OBJECT.values(), ids=NO_OBJECT)
def test_a_body_that_is_no_json_object_is_refused(
    client: Client, body: bytes, route: str, stream: bool, fake: FakeServer
) -> None:
    reply = client.get(route, stream=stream, body=body)
    told = client.read_error(reply)
    assert (reply.status, told.word) == (400, INVALID[client.name])
    assert re.search("JSON|UTF-8|nested", told.message)
    assert fake.script.received == ()


FLAWS = {
    "nothing_after_a_comma": b"",
    "not_a_number": b'"x": NaN',
    "leading_zero": b'"x": 01',
    "comment": b'"x": 1 // one',
    "unquoted_name": b"x: 1",
    "no_value": b'"x"',
    "open": b'"x": [',
    "too_much_closed": b'"x": 1}',
    "nul": b'"x": 1\x00',
    "nul_in_text": b'"x": "\x00"',
    "newline_in_text": b'"x": "\n"',
    "bad_escape": b'"x": "\\x41"',
    "lone_surrogate": b'"x": "\\ud800"',
    "invalid_utf_8": b'"x": "\xff\xfe"',
    "overlong_utf_8": b'"x": "\xc0\xaf"',
    "surrogate_in_utf_8": b'"x": "\xed\xa0\x80"',
    "deep_lists": b'"x": ' + b"[" * 100_000 + b"]" * 100_000,
    "deep_objects": b'"x": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
}


@pytest.mark.parametrize("flaw", FLAWS.values(), ids=FLAWS)
def test_a_flaw_at_the_end_of_a_good_body_is_noticed_on_every_route(
    client: Client, flaw: bytes, route: str, fake: FakeServer
) -> None:
    good = client.ask(route).body
    reply = client.get(route, body=good[:-1] + b", " + flaw + b"}")
    told = client.read_error(reply)
    assert (reply.status, told.word) == (400, INVALID[client.name])
    assert re.search("JSON|UTF-8|nested", told.message)
    assert fake.script.received == ()


def test_a_refusal_does_not_quote_the_body_at_length(client: Client, fake: FakeServer) -> None:
    reply = client.get("gpt-4o", body=b'{"model": "' + b"x" * 50_000)
    assert reply.status == 400
    assert len(reply.body) < 1_000
    assert fake.script.received == ()


@pytest.mark.parametrize(("budget", "stream"), [(100, False), (5_000, True)], indirect=["stream"])
@pytest.mark.parametrize("client", ["anthropic"], indirect=True)
def test_a_thinking_budget_out_of_its_vendors_range_makes_no_fault_of_ours(
    client: Client, budget: int, route: str, upstream: str, stream: bool
) -> None:
    """Its range differs between hosts: the vendor judges it, and elsewhere it is brought into range."""
    body = client.request(route, stream=stream)
    body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    assert client.get(route, body=body, stream=stream).status == (400 if upstream == "anthropic" else 200)


@pytest.mark.parametrize(
    "model", ["nothing-like-it", "openai/", "/", "nowhere/gpt-4o", "a\x00b", "a\r\nx-y: z", "\u2603" * 200]
)
def test_an_unknown_model_is_not_found(client: Client, model: str, stream: bool, fake: FakeServer) -> None:
    ask = client.ask(model, stream=stream)
    if client.name == "gemini":
        ask = ask._replace(target=client.target(quote(model, safe=""), stream=stream))
    reply = client.send(ask)
    told = client.read_error(reply)
    assert (reply.status, told.word) == (404, NOT_FOUND[client.name])
    if client.name.startswith("openai_"):
        assert told.code == "model_not_found"
    assert "gpt-4o" in told.message
    assert fake.script.received == ()


PATHS = (
    "/",
    "/v1",
    "/v1/nothing",
    "/v2/models",
    "/v1/models/",
    "//v1/models",
    "/v1/%2e%2e/x",
    "/%ff%00%0d%0a",
)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_not_found(client: Client, path: str, method: str, fake: FakeServer) -> None:
    reply = client.send(client.ask("gpt-4o")._replace(method=method, target=path))
    told = client.read_error(reply)
    assert (reply.status, told.word) == (404, NOT_FOUND[client.name])
    assert fake.script.received == ()


OWN_PATHS = [
    ("anthropic", "/v1/messages/batches"),
    ("anthropic", "/v1/files"),
    ("gemini", "/v1/models/flash:predict"),
    ("gemini", "/v1beta/cachedContents"),
    ("openai_chat", "/v1/audio/speech"),
    ("openai_chat", "/v1/chat/completions/"),
    ("openai_responses", "/v1/conversations"),
    ("openai_responses", "/v1/responses/compact"),
]


@pytest.mark.parametrize(("client", "path"), OWN_PATHS, indirect=["client"])
def test_what_a_vendor_has_and_the_gateway_has_not_is_not_found(
    client: Client, path: str, fake: FakeServer
) -> None:
    ask = client.ask("gpt-4o")
    headers = {**ask.headers, "authorization": f"Bearer {client.gateway.key}"}
    reply = client.send(ask._replace(target=path, headers=headers))
    told = client.read_error(reply)
    assert (reply.status, told.word) == (404, NOT_FOUND[client.name])
    assert path in told.message
    assert fake.script.received == ()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_wrong_method_is_named_with_the_right_one(
    client: Client, method: str, stream: bool, fake: FakeServer
) -> None:
    reply = client.send(client.ask("gpt-4o", stream=stream)._replace(method=method))
    told = client.read_error(reply)
    assert reply.status == 405
    assert reply.headers["allow"] == "POST"
    assert method in told.message
    assert "POST" in told.message
    assert fake.script.received == ()


def test_models_are_only_there_to_be_read(client: Client, fake: FakeServer) -> None:
    path = "/v1beta/models" if client.name == "gemini" else "/v1/models"
    for target in (path, f"{path}/flash"):
        reply = client.send(client.ask("flash")._replace(target=target))
        client.read_error(reply)
        assert (reply.status, reply.headers["allow"]) == (405, "GET")
    assert fake.script.received == ()


def padded(client: Client, route: str, size: int) -> bytes:
    """A good request of so many bytes."""
    empty = len(client.ask(route, body=client.request(route, words="")).body)
    return client.ask(route, body=client.request(route, words="x" * (size - empty))).body


def test_the_largest_body_is_taken_and_a_larger_one_refused(
    client: Client, upstream: str, hasty: LiveGateway, fake: FakeServer
) -> None:
    at_hasty = client.at(hasty)
    route = f"fake_{upstream}"
    assert at_hasty.get(route, body=padded(client, route, LONGEST_BODY)).status == 200
    fake.script.clear()
    for size in (LONGEST_BODY + 1, 10 * LONGEST_BODY):
        reply = at_hasty.get(route, body=padded(client, route, size))
        told = at_hasty.read_error(reply)
        assert (reply.status, told.word) == TOO_LARGE[client.name]
        assert str(LONGEST_BODY) in told.message
    assert fake.script.received == ()


def test_a_body_that_never_says_how_long_it_is_may_not_be_longer(
    client: Client, hasty: LiveGateway, fake: FakeServer
) -> None:
    ask = client.ask("fake_openai_chat", body=padded(client, "fake_openai_chat", LONGEST_BODY + 1))
    connection = http.client.HTTPConnection("127.0.0.1", hasty.port, timeout=10)
    with contextlib.closing(connection):
        connection.request(ask.method, ask.target, iter([ask.body]), ask.headers, encode_chunked=True)
        assert connection.getresponse().status == TOO_LARGE[client.name][0]
    assert fake.script.received == ()


def with_content_type(client: Client, route: str, value: str | None) -> Ask:
    ask = client.ask(route)
    headers = {name: text for name, text in ask.headers.items() if name != "content-type"}
    return ask._replace(headers=headers if value is None else {**headers, "content-type": value})


@pytest.mark.parametrize(
    "value", [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"]
)
def test_another_content_type_is_refused(
    client: Client, value: str | None, route: str, fake: FakeServer
) -> None:
    reply = client.send(with_content_type(client, route, value))
    told = client.read_error(reply)
    assert (reply.status, told.word) == (400, INVALID[client.name])
    assert "application/json" in told.message
    assert fake.script.received == ()


@pytest.mark.parametrize(
    "value", ["application/json; charset=utf-8", "Application/JSON", "application/x+json"]
)
def test_a_content_type_may_be_written_in_any_way_that_means_json(
    client: Client, value: str, route: str
) -> None:
    assert client.send(with_content_type(client, route, value)).status == 200


@pytest.mark.parametrize("client", ["openai_chat", "openai_responses", "anthropic"], indirect=True)
def test_a_model_that_is_named_twice_is_the_same_for_gateway_and_upstream(
    client: Client, upstream: str, route: str, fake: FakeServer
) -> None:
    """Else a client could be let through for one model and be answered by another."""
    whole = client.ask(route).body
    for first in (route, "nothing-like-it"):
        fake.script.clear()
        twice = b'{"model": "%b", ' % first.encode() + whole[1:]
        assert client.get(route, body=twice).status == 200
        (received,) = fake.script.received
        if upstream != "gemini":
            assert re.findall(rb'"model":\s*"([^"]*)"', received.body) == [MODELS[upstream].encode()]


def test_odd_but_valid_text_arrives(client: Client, route: str, fake: FakeServer) -> None:
    words = 'tell \x00\x01\x1f\x7f\u0085\u2028\ufeff\ufffe\U0001f600 "\\/'
    body = client.request(route, words=words)
    assert client.get(route, body=body).status == 200
    (received,) = fake.script.received
    assert words in texts(decode_object(received.body))
