"""What is kept of bodies holds no secret, and, where only the form is kept, nothing that people wrote."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.config.bookkeeping import Ledger
from dragoman.ledger.bodies import BodyKeeper
from dragoman.ledger.json_shape import shape
from dragoman.store.entry import BodyEntry
from dragoman.telemetry.redaction import MASK, Redactor

SECRET = "upstream-secret-123"


def keeper(**settings: object) -> BodyKeeper:
    return BodyKeeper(msgspec.convert(settings, Ledger), Redactor([SECRET]))


def full(content: bytes, media_type: str = "application/json", **settings: object) -> BodyEntry:
    entry = keeper(bodies="full", **settings).keep("request", media_type, content)
    assert entry is not None
    return entry


def test_nothing_is_kept_unless_it_was_asked_for() -> None:
    assert not keeper().kept
    assert keeper().keep("request", "application/json", b"{}") is None
    assert keeper(bodies="full").keep("answer", "application/json", b"") is None


def test_a_body_without_secrets_is_kept_as_it_was() -> None:
    content = b'{ "b" : 1.0, "a": "\\u00e9", "a": 2e0 }'
    assert full(content) == BodyEntry("request", "application/json", content, truncated=False)
    stream = b"data: {}\n\ndata: [DONE]\n\n"
    assert full(stream, "text/event-stream").content == stream


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("application/json", f'{{"key": "{SECRET}", "n": 1}}'),
        ("application/json; charset=utf-8", f'{{"a": ["x {SECRET} y"]}}'),
        ("application/json", f'{{"{SECRET}": 1}}'),
        ("application/json", '{"a": "upstream\\u002dsecret-123"}'),
        ("application/json", f'{{"broken": "{SECRET}'),
        ("text/event-stream", f'data: {{"a": "{SECRET}"}}\n\n'),
        ("multipart/form-data", f"--x\r\n{SECRET}\r\n"),
        ("application/json", '{"a": "Bearer sk-abcdefghijklmnop"}'),
    ],
)
def test_secrets_are_taken_out(media_type: str, content: str) -> None:
    kept = full(content.encode(), media_type).content.decode()
    assert MASK in kept
    assert "secret-123" not in kept
    assert "abcdefghijklmnop" not in kept


def test_what_the_configured_patterns_match_is_taken_out() -> None:
    patterns = (r"[\w.]+@[\w.]+", r"\b\d{4}-\d{4}\b")
    kept = full(b'{"a": "write to jo\\u0065@example.org or 1234-5678"}', redact=patterns)
    assert kept.content == b'{"a":"write to [redacted] or [redacted]"}'
    stream = full(b"data: joe@example.org\n\n", "text/event-stream", redact=patterns)
    assert stream.content == b"data: [redacted]\n\n"


def test_a_long_body_is_cut_between_characters() -> None:
    kept = full("é".encode() * 100, "text/plain", max_body_bytes=51)
    assert kept == BodyEntry("request", "text/plain", "é".encode() * 25, truncated=True)
    assert full(b"x" * 51, "text/plain", max_body_bytes=51).truncated is False
    assert full(b"x" * 51, "text/plain", max_body_bytes=0) == BodyEntry("request", "text/plain", b"", True)


@pytest.mark.parametrize("offset", range(0, 25, 3))
def test_a_secret_at_the_cut_does_not_escape(offset: int) -> None:
    content = b"x" * (1000 - offset) + SECRET.encode() + b"y" * 100_000
    kept = full(content, "text/plain", max_body_bytes=1000)
    assert kept.truncated
    assert b"upst" not in kept.content
    assert len(kept.content) <= 1000


def test_no_secret_slides_into_what_is_kept_when_others_are_taken_out() -> None:
    content = (SECRET * 5000).encode()
    kept = full(content, "text/plain", max_body_bytes=20_000)
    assert b"secret" not in kept.content


def test_bytes_that_are_no_text_are_kept_as_what_they_resemble() -> None:
    assert full(b"\xff\x00a", "application/octet-stream").content == "\ufffd\x00a".encode()


CHAT = {
    "model": "gpt-4o",
    "temperature": 0.5,
    "max_tokens": 100,
    "stream": True,
    "user": "alice@example.org",
    "stop": ["Alice"],
    "metadata": {"alice": "x"},
    "messages": [
        {"role": "system", "content": "You know Alice."},
        {"role": "user", "name": "Alice", "content": "Hello!"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://alice.example.org/me.png"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "Weather for Alice",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            },
        }
    ],
}


def test_of_a_request_only_its_form_is_kept() -> None:
    entry = keeper(bodies="metadata").keep("request", "application/json", json.dumps(CHAT).encode())
    assert entry is not None
    assert json.loads(entry.content) == {
        "model": "gpt-4o",
        "temperature": 0.5,
        "max_tokens": 100,
        "stream": True,
        "user": "(17 characters)",
        "stop": ["(5 characters)"],
        "metadata": "(1 fields)",
        "messages": [
            {"role": "system", "content": "(15 characters)"},
            {"role": "user", "name": "(5 characters)", "content": "(6 characters)"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "(13 characters)"},
                    {"type": "image_url", "image_url": {"url": "(image/png, 4 characters)", "detail": "low"}},
                    {"type": "image_url", "image_url": {"url": "(32 characters)"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": "(17 characters)"},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "(5 characters)"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "get_weather",
                    "description": "(17 characters)",
                    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
                },
            }
        ],
    }


def test_counts_stay_and_vectors_do_not() -> None:
    assert shape({"usage": {"input_tokens": 5, "details": {"cached": 3}}, "score": 0.25}) == {
        "usage": {"input_tokens": 5, "details": {"cached": 3}},
        "score": "(number)",
    }
    assert shape({"data": [{"index": 0, "embedding": [0.1, 0.2, 0.3]}]}) == {
        "data": [{"index": 0, "embedding": "(3 numbers)"}]
    }


def test_what_a_tool_is_given_is_content_and_a_conversation_named_input_is_not() -> None:
    assert shape({"type": "tool_use", "name": "f", "input": {"alice": 1}}) == {
        "type": "tool_use",
        "name": "f",
        "input": "(1 fields)",
    }
    assert shape({"functionCall": {"name": "f", "args": {"alice": [1]}}}) == {
        "functionCall": {"name": "f", "args": "(1 fields)"}
    }
    assert shape({"input": [{"type": "message", "role": "user", "content": "Alice"}]}) == {
        "input": [{"type": "message", "role": "user", "content": "(5 characters)"}]
    }


def test_of_what_is_no_json_only_the_size_is_kept() -> None:
    keep = keeper(bodies="metadata").keep
    stream = keep("answer", "text/event-stream", b"data: Alice\n\ndata: [DONE]\n\n")
    broken = keep("request", "application/json", b'{"Alice": ')
    other = keep("request", "multipart/form-data; boundary=Alice", b"--Alice")
    deep = keep("request", "application/json", b"[" * 100_000)
    contents = [json.loads(one.content) if one else None for one in (stream, broken, other, deep)]
    assert contents == [
        {"bytes": 27, "events": 2},
        {"bytes": 10, "valid": False},
        {"bytes": 7},
        {"bytes": 100_000, "valid": False},
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.just("ALICE was here"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["model", "text", "role", "name", "type", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_no_sentence_survives_wherever_it_stands(value: object) -> None:
    entry = keeper(bodies="metadata").keep("request", "application/json", json.dumps(value).encode())
    assert entry is not None
    assert b"ALICE" not in entry.content
