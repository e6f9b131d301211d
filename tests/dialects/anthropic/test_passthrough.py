"""Requests of this dialect on their way through unread, and the models endpoints."""

from collections.abc import Callable

import msgspec
import pytest
from anthropic.types import ModelInfo

from dragoman.conversation.failure import FailureError
from dragoman.dialects.anthropic import DIALECT
from dragoman.dialects.dialect import Location, ModelCard, Target

BODY = (
    b'{ "model": "claude-a",\n"max_tokens":5, "messages":[{"role":"user","content":"x","new":1.0}],'
    b'"of_the_future":{"b":1e5,"a":[]},"stream":true}'
)


def test_the_head_is_what_routing_needs() -> None:
    head = DIALECT.read_head(BODY, Location())
    assert (head.model, head.stream, head.stream_usage, head.candidates, head.sealed) == (
        "claude-a",
        True,
        True,
        1,
        False,
    )
    assert bytes(head.fields["of_the_future"]) == b'{"b":1e5,"a":[]}'


def test_only_the_model_is_swapped(target: Callable[..., Target]) -> None:
    passed = DIALECT.passthrough(DIALECT.read_head(BODY, Location()), BODY, target())
    assert passed.wire.path == "/v1/messages"
    assert passed.wire.headers == (("anthropic-version", "2023-06-01"),)
    assert passed.wire.body == BODY.replace(b"claude-a", b"claude-model")
    assert not passed.hide_usage


def test_the_same_model_leaves_every_byte_alone(target: Callable[..., Target]) -> None:
    body = BODY.replace(b"claude-a", b"claude-model")
    passed = DIALECT.passthrough(DIALECT.read_head(body, Location()), body, target())
    assert passed.wire.body is body


@pytest.mark.parametrize(
    ("old", "new", "param"),
    [
        (b'"max_tokens":5', b'"max_tokens":-5', "max_tokens"),
        (b'"max_tokens":5', b'"max_tokens":5,"temperature":2', "temperature"),
        (b'"max_tokens":5', b'"max_tokens":5,"tools":{}', "tools"),
        (b'[{"role":"user","content":"x","new":1.0}]', b"[]", "messages"),
        (b'[{"role":"user","content":"x","new":1.0}]', b"[ \n ]", "messages"),
        (b'"model": "claude-a"', b'"model": 5', "model"),
    ],
)
def test_a_bad_field_is_refused_before_anything_is_sent(old: bytes, new: bytes, param: str) -> None:
    with pytest.raises(FailureError) as caught:
        DIALECT.read_head(BODY.replace(old, new), Location())
    assert caught.value.failure.param == param


def test_frames_with_usage_stay() -> None:
    frames = b"event: message_delta\ndata: {}\n\n"
    assert DIALECT.hide_usage(frames) is frames


def test_facts_of_the_format() -> None:
    assert DIALECT.name == "anthropic"
    assert DIALECT.credential == ("x-api-key", "")
    assert DIALECT.forwarded == ("anthropic-",)
    assert DIALECT.stream_type(Location()).startswith("text/event-stream")


def test_models_are_listed_on_one_page() -> None:
    cards = [ModelCard("claude-a", 0, "anthropic", 64000), ModelCard("gpt", 1_700_000_000, "openai")]
    assert msgspec.json.decode(DIALECT.render_models(cards)) == {
        "data": [
            {
                "type": "model",
                "id": "claude-a",
                "display_name": "claude-a",
                "created_at": "1970-01-01T00:00:00Z",
                "lifecycle": "active",
                "max_tokens": 64000,
            },
            {
                "type": "model",
                "id": "gpt",
                "display_name": "gpt",
                "created_at": "2023-11-14T22:13:20Z",
                "lifecycle": "active",
            },
        ],
        "has_more": False,
        "first_id": "claude-a",
        "last_id": "gpt",
    }
    assert DIALECT.render_models([]) == b'{"data":[],"has_more":false,"first_id":null,"last_id":null}'


def test_the_vendors_own_library_reads_a_model() -> None:
    model = ModelInfo.model_validate_json(DIALECT.render_model(ModelCard("claude-a", 0, "anthropic")))
    assert (model.id, model.created_at.year) == ("claude-a", 1970)


PREFILL = b'{"model":"m", "max_tokens":5,"messages":[ {"role":"user","content":"x"},%s ] ,"new":1.0}'


@pytest.mark.parametrize(
    ("last", "sent"),
    [
        (b'{"role":"assistant","content":"I am \\n"}', b'{"role":"assistant","content":"I am"}'),
        (
            b'{"content":[{"type":"new"},{"type":"text","text":"I am ","n":1.0}],"role":"assistant"}',
            b'{"content":[{"type":"new"},{"type":"text","text":"I am","n":1.0}],"role":"assistant"}',
        ),
        (
            b'{"role":"assistant","content":[{"type":"text","text":"I"},{"type":"text","text":" "}]}',
            b'{"role":"assistant","content":[{"type":"text","text":"I"}]}',
        ),
    ],
)
def test_a_prefill_goes_through_without_the_white_space_at_its_end(
    target: Callable[..., Target], last: bytes, sent: bytes
) -> None:
    body = PREFILL % last
    head = DIALECT.read_head(body, Location())
    got = DIALECT.passthrough(head, body, target(prefill=True)).wire.body
    messages = b'[{"role":"user","content":"x"},%s]' % sent
    assert got == b'{"model":"claude-model", "max_tokens":5,"messages":%s ,"new":1.0}' % messages
    # models that take no prefill refuse it themselves
    assert DIALECT.passthrough(head, body, target(prefill=False)).wire.body == body.replace(
        b'"m"', b'"claude-model"'
    )


def test_a_prefill_of_white_space_alone_is_left_out(target: Callable[..., Target]) -> None:
    body = PREFILL % b'{"role":"assistant","content":" "}'
    got = DIALECT.passthrough(DIALECT.read_head(body, Location()), body, target()).wire.body
    assert b'"messages":[{"role":"user","content":"x"}]' in got


@pytest.mark.parametrize(
    "last",
    [
        b'{"role":"assistant","content":"I am"}',
        b'{"role":"assistant","content":[]}',
        b'{"role":"assistant","content":[{"type":"new","text":"I am "}]}',
        b'{"role":"assistant","content":5}',
        b'{"role":"assistant"}',
        b'{"role":"user","content":"x "}',
        b'{"assistant":1}',
        b'["assistant"]',
    ],
)
def test_any_other_last_message_goes_through_as_it_came(target: Callable[..., Target], last: bytes) -> None:
    body = PREFILL % last
    got = DIALECT.passthrough(DIALECT.read_head(body, Location()), body, target()).wire.body
    assert got == body.replace(b'"m"', b'"claude-model"')
