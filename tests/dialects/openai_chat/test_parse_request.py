"""Settings of a request, and what becomes of those that only this dialect has."""

import json

import pytest

from dragoman.conversation.blocks import CacheMark, Text
from dragoman.conversation.failure import FailureError
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    OutputFormat,
    OutputMode,
    Reasoning,
    Request,
    ServerTool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.dialect import Location
from dragoman.dialects.openai_chat import DIALECT

FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def parse(**members: object) -> Request:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], **members}
    return DIALECT.parse_request(json.dumps(body).encode(), Location())


def refused(**members: object) -> str | None:
    with pytest.raises(FailureError) as caught:
        parse(**members)
    return caught.value.failure.param


def test_a_small_request() -> None:
    got = parse()
    assert got.dialect == "openai_chat"
    assert got.model == "gpt-4o"
    assert got.messages[0].blocks == (Text("hi"),)
    assert got.candidates == 1
    assert got.extras == ()


def test_the_smaller_of_the_two_limits_wins() -> None:
    assert parse(max_tokens=10, max_completion_tokens=20).max_tokens == 10
    assert parse(max_tokens=30, max_completion_tokens=20).max_tokens == 20
    assert parse(max_completion_tokens=5).max_tokens == 5


def test_sampling_keeps_the_clients_numbers() -> None:
    got = parse(
        temperature=0.3, top_p=0.9, top_k=40, seed=2**70, presence_penalty=1, logit_bias={"5": -3}
    ).sampling
    assert (got.temperature, got.top_p, got.top_k, got.seed) == (0.3, 0.9, 40, 2**70)
    assert got.logit_bias == {"5": -3}


def test_stop_is_a_list_without_empty_sequences() -> None:
    assert parse(stop="END").stop == ("END",)
    assert parse(stop=["a", "", "b"]).stop == ("a", "b")


def test_log_probabilities_need_no_alternatives() -> None:
    assert parse().top_logprobs is None
    assert parse(logprobs=False).top_logprobs is None
    assert parse(logprobs=True).top_logprobs == 0
    assert parse(logprobs=True, top_logprobs=5).top_logprobs == 5
    assert parse(logprobs=3).top_logprobs == 3


def test_the_form_of_the_answer() -> None:
    assert parse(response_format={"type": "text"}).output == OutputFormat(OutputMode.TEXT)
    assert parse(response_format={"type": "json_object"}).output == OutputFormat(OutputMode.JSON_OBJECT)
    named = {"name": "n", "description": "d", "strict": True, "schema": {"type": "object"}}
    assert parse(response_format={"type": "json_schema", "json_schema": named}).output == OutputFormat(
        OutputMode.JSON_SCHEMA, b'{"type": "object"}', "n", "d", strict=True
    )


def test_a_grammar_is_only_for_hosts_of_this_dialect() -> None:
    got = parse(response_format={"type": "grammar", "grammar": "root ::= x"})
    assert got.output is None
    assert [extra.field for extra in got.extras] == ["response_format"]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"reasoning_effort": "high"}, Reasoning(effort="high")),
        ({"reasoning_effort": "default"}, None),
        ({"reasoning": {"effort": "low", "exclude": True}}, Reasoning(effort="low", visible=False)),
        ({"reasoning": {"max_tokens": 2000}}, Reasoning(budget=2000)),
        ({"reasoning": {"enabled": True}}, Reasoning(effort="medium")),
        ({"reasoning": {"enabled": False}}, Reasoning(effort="none")),
        ({"include_reasoning": False}, Reasoning(visible=False)),
        (
            {"thinking": {"type": "disabled"}},
            Reasoning(effort="none", opaque=(Opaque("openai_chat", "thinking", b'{"type": "disabled"}'),)),
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9}},
            Reasoning(
                budget=9,
                opaque=(Opaque("openai_chat", "thinking", b'{"type": "enabled", "budget_tokens": 9}'),),
            ),
        ),
    ],
)
def test_reasoning_in_every_hosts_words(members: dict[str, object], expected: Reasoning | None) -> None:
    assert parse(**members).reasoning == expected


def test_an_unknown_effort_is_refused() -> None:
    assert refused(reasoning_effort="heroic") == "reasoning_effort"
    assert refused(reasoning={"effort": "heroic"}) == "reasoning.effort"


def test_the_end_user_is_known_by_either_name() -> None:
    assert parse(user="u").user == "u"
    got = parse(safety_identifier="s")
    assert got.user == "s"
    assert got.extras == (Opaque("openai_chat", "safety_identifier", b'"s"'),)


def test_fields_that_only_this_dialect_has_ride_along_as_they_are() -> None:
    body = (
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"store":false,'
        b'"prediction":{"b":1.0},"audio":null}'
    )
    got = DIALECT.parse_request(body, Location())
    assert got.extras == (
        Opaque("openai_chat", "store", b"false"),
        Opaque("openai_chat", "prediction", b'{"b":1.0}'),
    )


def test_identity_and_tier_and_verbosity() -> None:
    got = parse(
        service_tier="flex",
        metadata={"k": "v"},
        verbosity="low",
        cache_control={"type": "ephemeral", "ttl": "1h"},
    )
    assert (got.service_tier, got.metadata, got.verbosity, got.cache) == (
        "flex",
        {"k": "v"},
        "low",
        CacheMark("1h"),
    )


def test_streaming_and_its_usage() -> None:
    got = parse(stream=True, stream_options={"include_usage": True})
    assert got.stream
    assert got.stream_usage
    assert not parse(stream=True).stream_usage


# --- tools ---------------------------------------------------------------------------------------


def test_function_tools_keep_their_schema_byte_for_byte() -> None:
    body = (
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":'
        b'{"name":"f","description":"d","strict":true,"parameters":{ "z":1.0, "a":[] }},"cache_control":{}}]}'
    )
    assert DIALECT.parse_request(body, Location()).tools == (
        FunctionTool("f", "d", b'{ "z":1.0, "a":[] }', strict=True, cache=CacheMark()),
    )


def test_a_tool_without_parameters_has_none() -> None:
    assert parse(tools=[{"type": "function", "function": {"name": "f"}}]).tools == (FunctionTool("f"),)


def test_free_text_tools() -> None:
    got = parse(tools=[{"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}}])
    assert got.tools == (CustomTool("c", None, b'{"type": "text"}'),)


def test_tools_of_other_types_are_the_hosts_own() -> None:
    got = parse(tools=[{"type": "web_search", "web_search": {"enable": True}}]).tools[0]
    assert got == ServerTool(
        "openai_chat", "web_search", b'{"type": "web_search", "web_search": {"enable": true}}'
    )


def test_web_search_options_switch_on_a_tool() -> None:
    assert parse(web_search_options={}).tools == (ServerTool("openai_chat", "web_search_options", b"{}"),)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", ToolChoice(ToolChoiceMode.AUTO)),
        ("none", ToolChoice(ToolChoiceMode.NONE)),
        ("required", ToolChoice(ToolChoiceMode.REQUIRED)),
        ("any", ToolChoice(ToolChoiceMode.REQUIRED)),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice(ToolChoiceMode.NAMED, ("f",))),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            ToolChoice(ToolChoiceMode.ALLOWED, ("f",)),
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
            ToolChoice(ToolChoiceMode.REQUIRED_ALLOWED, ("f",)),
        ),
    ],
)
def test_the_say_over_tools(choice: object, expected: ToolChoice) -> None:
    assert parse(tools=[FUNCTION], tool_choice=choice).tool_choice == expected


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"tools": [{"function": {"name": "f"}}]}, "tools[0].type"),
    ({"tools": [FUNCTION, {"type": "function"}]}, "tools[1].function"),
    ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
        "tools[0].function.parameters",
    ),
    ({"tools": {}}, "tools"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": [FUNCTION], "tool_choice": "maybe"}, "tool_choice"),
    (
        {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "g"}}},
        "tool_choice",
    ),
    ({"tools": [FUNCTION], "tool_choice": {"type": "function"}}, "tool_choice.function.name"),
    ({"functions": [{"name": "f"}], "tools": [FUNCTION]}, "functions"),
    ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call.name"),
    ({"functions": [{"name": "f"}], "function_call": "required"}, "function_call"),
    ({"functions": [{}]}, "functions[0].name"),
    ({"metadata": {"a": 1}}, "metadata[...]"),
    ({"seed": "x"}, "seed"),
]


@pytest.mark.parametrize(("members", "param"), REFUSED)
def test_what_openai_refuses_is_refused_by_name(members: dict[str, object], param: str) -> None:
    assert refused(**members) == param


def test_the_retired_functions_are_tools_one_call_at_a_time() -> None:
    got = parse(functions=[{"name": "f", "parameters": {"type": "object"}}], function_call={"name": "f"})
    assert got.legacy_functions
    assert got.tools == (FunctionTool("f", None, b'{"type": "object"}'),)
    assert got.tool_choice == ToolChoice(ToolChoiceMode.NAMED, ("f",))
    assert got.parallel_tool_calls is False


def test_parallel_calls_are_the_clients_choice() -> None:
    assert parse(tools=[FUNCTION], parallel_tool_calls=False).parallel_tool_calls is False
    assert parse(tools=[FUNCTION]).parallel_tool_calls is None


def test_the_retired_functions_need_no_say_over_them() -> None:
    assert parse(functions=[{"name": "f"}]).tool_choice is None
    assert parse(functions=[{"name": "f"}], function_call="none").tool_choice == ToolChoice(
        ToolChoiceMode.NONE
    )


def test_a_free_text_tool_needs_its_declaration() -> None:
    assert refused(tools=[{"type": "custom"}]) == "tools[0].custom"
