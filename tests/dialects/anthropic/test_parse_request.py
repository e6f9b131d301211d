"""Requests from the wire: the top level."""

import contextlib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import CacheMark, Text
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import (
    FunctionTool,
    OutputMode,
    Request,
    Role,
    Sampling,
    ServerTool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.anthropic import DIALECT
from dragoman.dialects.dialect import Location

Parse = Callable[..., Request]


def test_the_knobs_of_a_request_are_read(parse: Parse) -> None:
    request = parse(
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop_sequences=["END"],
        stream=True,
        metadata={"user_id": "u-1"},
        service_tier="standard_only",
        cache_control={"type": "ephemeral", "ttl": "1h"},
    )
    assert request.dialect == "anthropic"
    assert request.model == "claude"
    assert request.max_tokens == 100
    assert request.sampling == Sampling(temperature=0.5, top_p=0.9, top_k=40)
    assert request.stop == ("END",)
    assert request.stream
    assert request.stream_usage
    assert request.user == "u-1"
    assert request.service_tier == "default"
    assert request.cache == CacheMark("1h")


def test_minus_one_as_some_libraries_send_it_says_nothing(parse: Parse) -> None:
    assert parse(top_p=-1, top_k=-1).sampling == Sampling()


def test_null_is_nothing(parse: Parse) -> None:
    request = parse(
        system=None,
        tools=None,
        tool_choice=None,
        thinking=None,
        output_config=None,
        metadata=None,
        stream=None,
    )
    assert request == parse()


BAD_FIELDS: list[tuple[dict[str, object], str]] = [
    ({"model": ""}, "model"),
    ({"model": None}, "model"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"max_tokens": "many"}, "max_tokens"),
    ({"temperature": 1.5}, "temperature"),
    ({"top_p": 2}, "top_p"),
    ({"top_p": -0.5}, "top_p"),
    ({"top_k": -2}, "top_k"),
    ({"stop_sequences": "END"}, "stop_sequences"),
    ({"stop_sequences": [1]}, "stop_sequences[0]"),
    ({"stream": "yes"}, "stream"),
    ({"messages": []}, "messages"),
    ({"messages": {}}, "messages"),
    ({"messages": ["hello"]}, "messages[0]"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"system": 5}, "system"),
    ({"system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}, "system[0].type"),
    ({"tools": "t"}, "tools"),
    ({"tools": [{"description": "no name", "input_schema": {}}]}, "tools[0].name"),
    ({"tools": [{"name": "t"}]}, "tools[0].input_schema"),
    ({"tools": [{"name": "t", "input_schema": True}]}, "tools[0].input_schema"),
    ({"tool_choice": "auto"}, "tool_choice"),
    ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
    ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    ({"output_config": {"format": {"type": "json_schema", "schema": 1}}}, "output_config.format.schema"),
    ({"metadata": {"user_id": 7}}, "metadata.user_id"),
    ({"cache_control": {"type": "forever"}}, "cache_control.type"),
]


@pytest.mark.parametrize(("fields", "param"), BAD_FIELDS)
def test_a_bad_field_is_named(parse: Parse, fields: dict[str, object], param: str) -> None:
    with pytest.raises(FailureError) as caught:
        parse(**fields)
    failure = caught.value.failure
    assert failure.kind is FailureKind.INVALID_REQUEST
    assert failure.param == param
    assert param in failure.message


@pytest.mark.parametrize("field", ["model", "max_tokens", "messages"])
def test_a_missing_field_is_named(field: str) -> None:
    whole: dict[str, object] = {
        "model": "m",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "x"}],
    }
    del whole[field]
    with pytest.raises(FailureError) as caught:
        DIALECT.parse_request(msgspec.json.encode(whole), Location())
    assert caught.value.failure.param == field
    assert "required" in caught.value.failure.message


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"model":"\xff"}', b"[" * 5000])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(FailureError) as caught:
        DIALECT.parse_request(body, Location())
    assert caught.value.failure.kind is FailureKind.INVALID_REQUEST


@given(st.binary(max_size=200))
@settings(max_examples=100)
def test_any_bytes_give_a_request_or_a_failure(body: bytes) -> None:
    for read in (DIALECT.parse_request, DIALECT.read_head):
        with contextlib.suppress(FailureError):
            read(body, Location())


def test_system_is_a_text_or_blocks(parse: Parse) -> None:
    assert parse(system="Be kind.").system == (Text("Be kind."),)
    assert parse(system="").system == ()
    blocks = [
        {"type": "text", "text": "One."},
        {"type": "text", "text": "Two.", "cache_control": {"type": "ephemeral"}},
    ]
    assert parse(system=blocks).system == (Text("One."), Text("Two.", cache=CacheMark()))


def test_a_leading_system_message_is_the_system_prompt_and_a_later_one_stays_in_place(parse: Parse) -> None:
    request = parse(
        system="One.",
        messages=[
            {"role": "system", "content": "Two."},
            {"role": "user", "content": "Hello"},
            {"role": "system", "content": "Three."},
        ],
    )
    assert request.system == (Text("One."), Text("Two."))
    assert [message.role for message in request.messages] == [Role.USER, Role.SYSTEM]
    assert request.messages[1].blocks == (Text("Three."),)


def test_tools_of_the_client_keep_their_schema_as_written_and_the_vendors_own_ride_along() -> None:
    body = (
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"tools":['
        b'{"name":"f","description":"d","input_schema":{"type": "object","maximum":1.0},"strict":true,'
        b'"cache_control":{"type":"ephemeral"},"defer_loading":true},'
        b'{"type":"custom","name":"g","input_schema":{"type":"object"}},'
        b'{"type":"web_search_20250305","name":"web_search","max_uses":3}]}'
    )
    tools = DIALECT.parse_request(body, Location()).tools
    assert tools == (
        FunctionTool(
            "f",
            "d",
            b'{"type": "object","maximum":1.0}',
            strict=True,
            cache=CacheMark(),
            opaque=(Opaque("anthropic", "defer_loading", b"true"),),
        ),
        FunctionTool("g", None, b'{"type":"object"}'),
        ServerTool(
            "anthropic",
            "web_search_20250305",
            b'{"type":"web_search_20250305","name":"web_search","max_uses":3}',
        ),
    )


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, ToolChoice(ToolChoiceMode.AUTO)),
        ({"type": "any"}, ToolChoice(ToolChoiceMode.REQUIRED)),
        ({"type": "none"}, ToolChoice(ToolChoiceMode.NONE)),
        ({"type": "tool", "name": "f"}, ToolChoice(ToolChoiceMode.NAMED, ("f",))),
    ],
)
def test_tool_choice_is_read(parse: Parse, choice: dict[str, object], expected: ToolChoice) -> None:
    assert parse(tool_choice=choice).tool_choice == expected
    assert parse(tool_choice=choice).parallel_tool_calls is None
    assert parse(tool_choice={**choice, "disable_parallel_tool_use": True}).parallel_tool_calls is False


@pytest.mark.parametrize(
    ("thinking", "effort", "budget", "visible"),
    [
        ({"type": "enabled", "budget_tokens": 2048}, None, 2048, True),
        ({"type": "enabled", "budget_tokens": 2048, "display": "omitted"}, None, 2048, False),
        ({"type": "adaptive"}, None, -1, None),
        ({"type": "adaptive", "display": "summarized"}, None, -1, True),
        ({"type": "disabled"}, "none", None, None),
        ({"type": "between_tools"}, "none", None, None),
        ({"type": "of_the_future"}, None, -1, None),
    ],
)
def test_thinking_is_read(
    parse: Parse, thinking: dict[str, object], effort: str | None, budget: int | None, visible: bool | None
) -> None:
    reasoning = parse(thinking=thinking).reasoning
    assert reasoning is not None
    assert (reasoning.effort, reasoning.budget, reasoning.visible) == (effort, budget, visible)
    assert reasoning.opaque == (Opaque("anthropic", "thinking", msgspec.json.encode(thinking)),)


def test_effort_goes_along_with_adaptive_thinking_and_alone(parse: Parse) -> None:
    both = parse(thinking={"type": "adaptive"}, output_config={"effort": "low"}).reasoning
    assert both is not None
    assert (both.effort, both.budget) == ("low", None)
    alone = parse(output_config={"effort": "max"}).reasoning
    assert alone is not None
    assert alone.effort == "max"
    assert alone.opaque == ()


def test_the_output_format_is_read_from_its_new_and_its_old_place(parse: Parse) -> None:
    asked = {"type": "json_schema", "schema": {"type": "object"}}
    for request in (parse(output_config={"format": asked}), parse(output_format=asked)):
        assert request.output is not None
        assert request.output.mode is OutputMode.JSON_SCHEMA
        assert request.output.schema == b'{"type":"object"}'
        assert request.extras == ()


def test_fields_that_only_this_format_has_ride_along(parse: Parse) -> None:
    request = parse(container="c-1", speed="fast", output_config={"effort": "low", "task_budget": 5})
    assert set(request.extras) == {
        Opaque("anthropic", "container", b'"c-1"'),
        Opaque("anthropic", "speed", b'"fast"'),
        Opaque("anthropic", "output_config.task_budget", b"5"),
    }


def test_no_more_messages_than_the_vendor_takes(parse: Parse) -> None:
    message = {"role": "user", "content": ""}
    assert len(parse(messages=[message] * 100_000).messages) == 100_000
    with pytest.raises(FailureError) as caught:
        parse(messages=[message] * 100_001)
    assert caught.value.failure.param == "messages"


def test_a_body_that_is_no_utf8_is_refused_as_a_whole() -> None:
    body = (
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"\xff"}]}]}'
    )
    with pytest.raises(FailureError) as caught:
        DIALECT.parse_request(body, Location())
    assert caught.value.failure == Failure(
        FailureKind.INVALID_REQUEST, "The request body is not valid UTF-8."
    )
