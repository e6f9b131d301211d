"""What error bodies of any make say."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.dialects.error_text import MAX_MESSAGE, ErrorText, read_error, read_error_value


def read(body: object) -> ErrorText:
    return read_error(body if isinstance(body, bytes) else json.dumps(body).encode())


SILENT: list[object] = [
    {},
    [],
    None,
    5,
    True,
    {"error": {}},
    {"detail": [1]},
    {"error": [{}]},
    b"",
    b"{",
    b'{"error":{"mess',
    b"[{",
    b"<html></html>",
]
MESSAGES: list[tuple[object, str]] = [
    ({"error": {"message": "openai", "type": "t", "param": None, "code": None}}, "openai"),
    ({"type": "error", "error": {"type": "api_error", "message": "anthropic"}}, "anthropic"),
    ([{"error": {"code": 400, "message": "google", "status": "INVALID_ARGUMENT"}}], "google"),
    ({"error": "a string"}, "a string"),
    ({"code": "Client specified an invalid argument", "error": "xai"}, "xai"),
    ({"object": "error", "message": "mistral", "type": "t", "code": "3051"}, "mistral"),
    ({"error": {"error_description": "oauth"}}, "oauth"),
    ({"error": {"error": "inside"}}, "inside"),
    ({"detail": "fastapi"}, "fastapi"),
    ({"detail": [{"loc": ["body", "a", 0], "msg": "x"}, {"msg": "y"}]}, "body.a.0: x; y"),
    ({"title": "Bad", "status": 400, "detail": "rfc 7807"}, "rfc 7807"),
    ({"title": "only a title", "type": "about:blank"}, "only a title"),
    ({"error": {"message": {"detail": "nested"}}}, "nested"),
    ({"errors": [{"code": 1000, "message": "cloudflare"}]}, "cloudflare"),
    ({"error": {"message": 5}}, "5"),
    ({"error": {}, "message": "beside"}, "beside"),
    (
        {"error": {"message": "Provider returned error", "metadata": {"raw": '{"message":"deep"}'}}},
        "Provider returned error: deep",
    ),
    ('"a string"', "a string"),
    ({"message": " two\nlines\u0007 "}, "two\nlines"),
    (b"plain  text\n here", "plain text here"),
    (b"[Errno 5] no JSON", "[Errno 5] no JSON"),
    (b"a < b", "a < b"),
    (b"m\x00\x1b", "m"),
    (b"\xff\xfe", "\ufffd\ufffd"),
    (b"<html><title> </title><h1>heading</h1></html>", "heading"),
    (b"<!doctype html><style>p{}</style><p>No&nbsp;<b>title</b></p><script>x()</script>", "No title"),
    *((body, "") for body in SILENT),
]


@pytest.mark.parametrize(("body", "message"), MESSAGES)
def test_the_message_is_found_in_every_form_of_body(body: object, message: str) -> None:
    assert (read_error(body.encode()) if isinstance(body, str) else read(body)).message == message


@pytest.mark.parametrize(
    ("error", "word", "code", "status"),
    [
        ({"type": "t", "code": "c"}, "t", "c", None),
        ({"status": "UNAVAILABLE", "code": 503}, "UNAVAILABLE", "", 503),
        ({"type": "error", "code": "404"}, "", "", 404),
        ({"status": "429"}, "", "", 429),
        ({"code": 40001}, "", "", None),
        ({"code": True, "status": 200}, "", "", None),
        ({"code": "c", "details": {"error_code": "exact"}}, "", "exact", None),
        ({"code": 400, "innererror": {"code": "Filtered"}}, "", "Filtered", 400),
        ({"code": "c", "innererror": {"code": "Filtered"}}, "", "c", None),
    ],
)
@pytest.mark.parametrize("nested", [True, False])
def test_words_and_numbers_are_told_apart(
    error: dict[str, object], word: str, code: str, status: int | None, nested: bool
) -> None:
    got = read({"error": error} if nested else error)
    assert (got.type, got.code, got.status) == (word, code, status)
    assert got.inner == error


def test_a_status_beside_the_error_counts_too() -> None:
    assert read({"statusCode": 503, "error": {"message": "m"}}).status == 503


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"code": 40001, "message": "m"}, True),
        ({"type": "t"}, True),
        ({"status": 400}, True),
        ({"message": "m"}, False),
        ({"id": "x", "type": "error"}, False),
    ],
)
def test_an_error_is_known_by_its_name(body: object, named: bool) -> None:
    assert read(body).named is named


def test_the_field_at_fault_is_kept() -> None:
    assert read({"error": {"message": "m", "param": "messages[0]"}}).param == "messages[0]"
    assert read({"error": {"message": "m", "param": 5}}).param is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Incorrect API key provided: sk-proj-abc***xyz9.", "Incorrect API key provided: [key]."),
        ("key sk-abcdefghijkl at", "key [key] at"),
        ("gsk_abc123def456, nvapi-1234567", "[key], [key]"),
        ("Invalid API key: AIzaSyDUMMYDUMMYDUMMY!", "Invalid API key: [key]!"),
        ("api key: hush", "api key: [key]"),
        ("GET https://x.org/v1?alt=sse&key=AbC-1_2 failed", "GET https://x.org/v1?alt=sse&key=[key] failed"),
        ("/x?access_token=hush&a=1", "/x?access_token=[key]&a=1"),
        ("Bearer ya29.a0AfH6SMBdummydummy refused", "[key] refused"),
        ("token ya29.a0AfH6SMBdummydummy", "token [key]"),
        ("reached in org-Abc123Def456 on tokens", "reached in [account] on tokens"),
        ("denied on projects/my-project/locations/x", "denied on projects/[project]/locations/x"),
        ("for consumer 'project_number:348715329010'", "for consumer 'project_number:[project]'"),
        ("the rk-files and hf-space, org-level", "the rk-files and hf-space, org-level"),
    ],
)
def test_secrets_are_taken_out(said: str, told: str) -> None:
    for body in ({"error": {"message": said}}, {"detail": said}, said.encode()):
        assert read(body).message == told


def test_a_long_message_is_cut() -> None:
    for body in (b"x" * 100_000, b'{"message":"' + b"x" * 5000 + b'"}'):
        assert read_error(body).message == "x" * (MAX_MESSAGE - 1) + "…"


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(body: bytes) -> None:
    read_error(body)


NAMES = [
    "error",
    "errors",
    "message",
    "detail",
    "details",
    "code",
    "status",
    "type",
    "loc",
    "metadata",
    "raw",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=12,
)


@settings(max_examples=100)
@given(JSON)
def test_no_json_makes_it_raise(value: object) -> None:
    assert len(read_error_value(value).message) <= MAX_MESSAGE
