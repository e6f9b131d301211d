"""An upstream that says no: each client gets its own dialect's status, word and envelope for it."""

import json

import pytest
from tests.live.client import Client, Reply, Told
from tests.live.conftest import Journal, noted
from tests.live.vendor_errors import FACES, VENDOR_ERRORS, VendorError

from dragoman.conversation.failure import FailureKind as Kind
from dragoman.testing.exchange import Answer, Chunk
from dragoman.testing.server import FakeServer

ACTED_UPON = {
    Kind.CONTEXT_OVERFLOW,
    Kind.UPSTREAM_AUTHENTICATION,
    Kind.BILLING,
    Kind.MODEL_NOT_FOUND,
    Kind.QUOTA,
}
"""Kinds by whose code OpenAI's clients decide what to do; others keep a vendor's own code."""


def fails_as(client: Client, reply: Reply, kind: Kind) -> Told:
    """The error that an answer is: of this kind, in the client's own form."""
    told = client.read_error(reply)
    face = FACES[kind][client.name]
    assert (reply.status, told.word) == (face.status, face.word)
    if kind in ACTED_UPON and client.name in {"openai_chat", "openai_responses"}:
        assert told.code == face.code
    return told


def scripted(status: int, body: bytes, media_type: str, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, {"content-type": media_type, **(headers or {})}, (Chunk(0.0, body),))


def each_error() -> pytest.MarkDecorator:
    """Every vendor's every error, as the answer of an upstream of its dialect."""
    cases = [(dialect, error) for dialect, errors in VENDOR_ERRORS.items() for error in errors]
    ids = [f"{dialect}-{error.status}-{error.kind}" for dialect, error in cases]
    return pytest.mark.parametrize(("upstream", "error"), cases, indirect=["upstream"], ids=ids)


@each_error()
def test_a_vendors_error_reaches_every_client_in_its_own_form(
    client: Client,
    upstream: str,
    error: VendorError,
    route: str,
    stream: bool,
    fake: FakeServer,
    journal: Journal,
) -> None:
    fake.script.add(scripted(error.status, error.body, "application/json", error.headers))
    reply = client.get(route, stream=stream)
    assert len(fake.script.received) == 1
    if client.name == upstream == "anthropic" and error.kind is not Kind.UPSTREAM_AUTHENTICATION:
        assert (reply.status, reply.body) == (error.status, error.body)
        told = client.read_error(reply)
    else:
        told = fails_as(client, reply, error.kind)
    match error.kind:
        case Kind.UPSTREAM_AUTHENTICATION:
            assert error.words not in told.message
            assert "sk-up" not in reply.body.decode()
        case Kind.CONTEXT_OVERFLOW:
            assert phrase_of_an_overflow(client) in told.message
        case _:
            assert error.words in told.message
    assert noted(journal)["failure"] == error.kind


def phrase_of_an_overflow(client: Client) -> str:
    """By these words clients know that their history has to be shortened."""
    phrases = {
        "openai_chat": "maximum context length",
        "openai_responses": "exceeds the context window",
        "anthropic": "prompt is too long: ",
        "gemini": "The input token count",
    }
    return phrases[client.name]


@pytest.mark.parametrize("upstream", ["anthropic"], indirect=True)
@pytest.mark.parametrize("client", ["anthropic"], indirect=True)
@pytest.mark.parametrize("status", [400, 404, 422, 429, 500, 502, 503, 529])
def test_anthropics_own_error_goes_through_byte_for_byte(
    client: Client, route: str, status: int, stream: bool, fake: FakeServer
) -> None:
    """Clients match the wording, and the status is theirs to read."""
    body = (
        b'{ "type" : "error","error":{"message":"odd \\u00e9", "type":"x_error", "new": [1.0]}, "z": null}\n'
    )
    fake.script.add(scripted(status, body, "application/json; charset=utf-8"))
    reply = client.get(route, stream=stream)
    assert (reply.status, reply.body) == (status, body)


@each_error()
def test_retry_after_survives(
    client: Client, upstream: str, error: VendorError, route: str, stream: bool, fake: FakeServer
) -> None:
    fake.script.add(scripted(error.status, error.body, "application/json", error.headers))
    reply = client.get(route, stream=stream)
    waits = bool(error.headers) or b"retryDelay" in error.body
    assert reply.headers.get("retry-after") == ("7" if waits else None)
    if client.name == "gemini" and waits:
        delays = [detail for detail in json.loads(reply.body)["error"]["details"] if "retryDelay" in detail]
        assert len(delays) == 1
        assert 6 <= float(delays[0]["retryDelay"].removesuffix("s")) <= 7


PLAIN = [
    (400, Kind.INVALID_REQUEST),
    (401, Kind.UPSTREAM_AUTHENTICATION),
    (402, Kind.BILLING),
    (403, Kind.PERMISSION),
    (405, Kind.BAD_GATEWAY),
    (408, Kind.TIMEOUT),
    (409, Kind.CONFLICT),
    (413, Kind.TOO_LARGE),
    (415, Kind.BAD_GATEWAY),
    (418, Kind.INVALID_REQUEST),
    (429, Kind.RATE_LIMIT),
    (500, Kind.SERVER),
    (502, Kind.BAD_GATEWAY),
    (503, Kind.OVERLOADED),
    (504, Kind.TIMEOUT),
    (529, Kind.OVERLOADED),
    (599, Kind.SERVER),
]
BODIES = {
    "text": ("text/plain", b"no healthy upstream"),
    "html": (
        "text/html",
        b"<html>\r\n<head><title>no healthy upstream</title></head>\r\n<body><hr>nginx</body>\r\n</html>",
    ),
    "problem": ("application/problem+json", b'{"title": "no healthy upstream", "type": "about:blank"}'),
    "list": ("application/json", b'[{"error": {"message": "no healthy upstream"}}]'),
    "string": ("application/json", b'{"error": "no healthy upstream"}'),
    "detail": ("application/json", b'{"detail": "no healthy upstream"}'),
}


@pytest.mark.parametrize(("status", "kind"), PLAIN)
@pytest.mark.parametrize(("media_type", "body"), BODIES.values(), ids=BODIES)
def test_an_error_of_something_on_the_way_is_told_by_its_status(
    client: Client, route: str, status: int, kind: Kind, media_type: str, body: bytes, fake: FakeServer
) -> None:
    fake.script.add(scripted(status, body, media_type))
    told = fails_as(client, client.get(route), kind)
    assert "<" not in told.message
    assert ("no healthy upstream" in told.message) == (kind is not Kind.UPSTREAM_AUTHENTICATION)


@pytest.mark.parametrize(("status", "kind"), PLAIN)
def test_an_error_without_a_body_is_told_by_its_status(
    client: Client, route: str, status: int, kind: Kind, stream: bool, fake: FakeServer
) -> None:
    fake.script.add(scripted(status, b"", "text/plain"))
    fails_as(client, client.get(route, stream=stream), kind)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304, 300])
def test_a_redirect_is_not_followed(
    client: Client, route: str, status: int, stream: bool, fake: FakeServer
) -> None:
    headers = {"location": f"{fake.url}/v1/chat/completions"}
    fake.script.add(scripted(status, b"", "text/plain", headers))
    told = fails_as(client, client.get(route, stream=stream), Kind.BAD_GATEWAY)
    assert str(status) in told.message
    assert fake.url not in told.message
    assert len(fake.script.received) == 1


NO_ANSWER = {
    "page": ("text/html", b"<html><head><title>Sign in</title></head><body>Sign in</body></html>"),
    "page_as_json": ("application/json", b"<html><head><title>Sign in</title></head></html>"),
    "text": ("text/plain", b"OK"),
    "nothing": ("application/json", b""),
    "null": ("application/json", b"null"),
    "list": ("application/json", b"[]"),
    "string": ("application/json", b'"OK"'),
    "number": ("application/json", b"200"),
    "empty_object": ("application/json", b"{}"),
    "another_object": ("application/json", b'{"status": "ok"}'),
    "cut_off": ("application/json", b'{"id": "x", "choices": [{"index": 0, "message": {"ro'),
    "wrong_types": ("application/json", b'{"choices": 5, "output": 5, "content": 5, "candidates": 5}'),
    "nulls": ("application/json", b'{"choices": null, "output": null, "content": null, "candidates": null}'),
    "empty_lists": ("application/json", b'{"choices": [], "candidates": []}'),
    "invalid_utf_8": ("application/json", b'{"choices": "\xff"}'),
    "deep": ("application/json", b'{"choices": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
    "binary": ("application/octet-stream", bytes(range(256))),
}


@pytest.mark.parametrize(("media_type", "body"), NO_ANSWER.values(), ids=NO_ANSWER)
def test_a_good_status_over_something_else_is_a_bad_gateway(
    client: Client, route: str, media_type: str, body: bytes, stream: bool, fake: FakeServer
) -> None:
    fake.script.add(scripted(200, body, media_type))
    fails_as(client, client.get(route, stream=stream), Kind.BAD_GATEWAY)


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_an_answer_in_a_coding_that_it_is_not_in_is_a_bad_gateway(
    client: Client, route: str, coding: str, stream: bool, fake: FakeServer
) -> None:
    fake.script.add(scripted(200, b'{"choices": []}', "application/json", {"content-encoding": coding}))
    fails_as(client, client.get(route, stream=stream), Kind.BAD_GATEWAY)


ERRORS_UNDER_200 = {
    "openai_responses": [
        (Kind.OVERLOADED, b'{"error": {"message": "busy", "code": 503}}'),
        (Kind.RATE_LIMIT, b'{"error": {"message": "busy", "type": "rate_limit_error", "code": null}}'),
        (Kind.SERVER, b'{"id": "x", "output": null, "error": {"message": "busy"}}'),
        (
            Kind.RATE_LIMIT,
            b'{"status": "failed", "output": [], "error": {"message": "busy", "code": "rate_limit_error"}}',
        ),
    ],
    "openai_chat": [
        (Kind.OVERLOADED, b'{"error": {"message": "busy", "code": 503}}'),
        (Kind.RATE_LIMIT, b'{"error": {"message": "busy", "type": "rate_limit_error", "code": null}}'),
        (Kind.SERVER, b'{"id": "x", "choices": null, "error": {"message": "busy"}}'),
    ],
    "anthropic": [
        (Kind.OVERLOADED, b'{"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}'),
        (Kind.RATE_LIMIT, b'{"type": "error", "error": {"type": "rate_limit_error", "message": "busy"}}'),
    ],
    "gemini": [
        (Kind.OVERLOADED, b'{"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}'),
        (Kind.RATE_LIMIT, b'{"error": {"code": 429, "message": "busy", "status": "RESOURCE_EXHAUSTED"}}'),
    ],
}


@pytest.mark.parametrize(
    ("upstream", "kind", "body"),
    [(dialect, kind, body) for dialect, errors in ERRORS_UNDER_200.items() for kind, body in errors],
    indirect=["upstream"],
)
def test_an_error_under_a_good_status_is_an_error(
    client: Client, route: str, kind: Kind, body: bytes, stream: bool, fake: FakeServer
) -> None:
    fake.script.add(scripted(200, body, "application/json"))
    told = fails_as(client, client.get(route, stream=stream), kind)
    assert "busy" in told.message
