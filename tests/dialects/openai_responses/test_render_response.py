"""Whole answers for our clients."""

import json
from typing import Any

import msgspec
import pytest

from dragoman.conversation.blocks import Text, ToolCall
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Message,
    OutputFormat,
    OutputMode,
    Reasoning,
    Request,
    Role,
    Sampling,
    ServerTool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Location, Reply
from dragoman.dialects.openai_responses import DIALECT
from dragoman.dialects.openai_responses.parse_request import INSTRUCTIONS
from dragoman.testing.grammar.openai_responses import check_response

Json = dict[str, Any]
SCHEMA = b'{"type":"object","properties":{"n":{"const":1.0}}}'


def rendered(
    *blocks: Text | ToolCall, request: Request | None = None, answer: Json | None = None, **fields: Any
) -> Json:
    """The answer to a request; `answer` is what is different of it."""
    asked = request or Request("openai_responses", "asked", (Message(Role.USER, (Text("hi"),)),), **fields)
    choice = Choice(0, blocks or (Text("Hi"),), Stop(StopReason.END))
    response = msgspec.structs.replace(Response("msg_01", "claude", (choice,)), **(answer or {}))
    body = DIALECT.render_response(response, Reply(asked, Location(), 1700000005, "f" * 24, "fp", "p/m"))
    assert check_response(body) == []
    return json.loads(body)


def asked(**fields: Any) -> Json:
    """The answer to a request in the wire format itself."""
    body = json.dumps({"model": "asked", "input": "hi", **fields}, indent=2).encode()
    return rendered(request=DIALECT.parse_request(body, Location()))


def test_the_whole_object() -> None:
    assert rendered(answer={"usage": Usage(input=3, output=2)}) == {
        "id": "resp_01",
        "object": "response",
        "created_at": 1700000005,
        "status": "completed",
        "completed_at": 1700000005,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "model": "claude",
        "output": [
            {
                "id": rendered()["output"][0]["id"],
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "Hi"}],
            }
        ],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": "auto",
        "store": True,
        "temperature": 1.0,
        "top_p": 1.0,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "top_logprobs": 0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "truncation": "disabled",
        "usage": {
            "input_tokens": 3,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 5,
        },
        "user": None,
        "metadata": {},
    }


@pytest.mark.parametrize(
    "field",
    [
        {"instructions": "Be brief."},
        {"max_output_tokens": 99},
        {"temperature": 0.5},
        {"top_p": 0.25},
        {"top_logprobs": 3},
        {"parallel_tool_calls": False},
        {"previous_response_id": "resp_0"},
        {"prompt_cache_key": "k"},
        {"safety_identifier": "s"},
        {"service_tier": "flex"},
        {"store": False},
        {"truncation": "auto"},
        {"max_tool_calls": 2},
        {"metadata": {"a": "b"}},
        {"user": "u"},
        {"reasoning": {"effort": "low", "summary": "auto", "context": "all_turns"}},
        {"text": {"format": {"type": "json_object"}, "verbosity": "low"}},
        {"prompt": {"id": "pmpt_1"}},
        {"prompt_cache_options": {"mode": "explicit", "ttl": "30m"}},
    ],
    ids=lambda field: next(iter(field)),
)
def test_what_was_asked_is_repeated(field: Json) -> None:
    answer = asked(**field)
    assert {name: answer[name] for name in field} == field


def test_tools_are_repeated_as_they_were_declared() -> None:
    tools: list[Json] = [
        {
            "type": "function",
            "name": "look",
            "description": "See",
            "parameters": {"type": "object"},
            "strict": True,
        },
        {"type": "custom", "name": "patch", "description": "Edit", "format": {"type": "text"}},
        {"type": "web_search", "search_context_size": "low"},
    ]
    choice = {"type": "function", "name": "look"}
    answer = asked(tools=tools, tool_choice=choice)
    assert answer["tools"] == tools
    assert answer["tool_choice"] == choice


def test_tools_of_a_namespace_are_repeated_together() -> None:
    inside: Json = {"type": "function", "name": "find", "description": "F", "parameters": {}, "strict": False}
    group: Json = {
        "type": "namespace",
        "name": "code",
        "description": "Code",
        "tools": [inside, {**inside, "name": "read"}],
    }
    assert asked(tools=[group])["tools"] == [group]


def test_a_hosted_tool_that_was_chosen_is_repeated() -> None:
    choice = {"type": "web_search"}
    assert asked(tools=[{"type": "web_search"}], tool_choice=choice)["tool_choice"] == choice


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(ToolChoiceMode.NONE), "none"),
        (ToolChoice(ToolChoiceMode.REQUIRED), "required"),
        (ToolChoice(ToolChoiceMode.NAMED, ("patch",)), {"type": "custom", "name": "patch"}),
        (
            ToolChoice(ToolChoiceMode.REQUIRED_ALLOWED, ("look",)),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "look"}],
            },
        ),
    ],
)
def test_the_say_over_tools(choice: ToolChoice, expected: object) -> None:
    tools = (FunctionTool("look", parameters=SCHEMA), CustomTool("patch"))
    answer = rendered(tools=tools, tool_choice=choice)
    assert answer["tool_choice"] == expected
    assert [tool["type"] for tool in answer["tools"]] == ["function", "custom"]


def test_a_request_of_another_kind_is_repeated_in_this_formats_words() -> None:
    request = Request(
        "openai_responses",
        "asked",
        (),
        system=(Text("Be brief.", opaque=(INSTRUCTIONS,)), Text("Be kind.")),
        sampling=Sampling(temperature=0.1, presence_penalty=0.5),
        output=OutputFormat(OutputMode.JSON_SCHEMA, SCHEMA, "sum"),
        tools=(ServerTool("openai_responses", "web_search", b'{"type": "web_search"}'),),
        reasoning=Reasoning(effort="high"),
        extras=(Opaque("anthropic", "store", b"1"), Opaque("openai_responses", "unheard_of", b"1")),
    )
    answer = rendered(request=request)
    assert answer["instructions"] == "Be brief."
    assert answer["presence_penalty"] == 0.5
    assert answer["text"]["format"]["schema"] == json.loads(SCHEMA)
    assert answer["text"]["format"]["name"] == "sum"
    assert answer["tools"] == [{"type": "web_search"}]
    assert answer["reasoning"]["effort"] == "high"
    assert answer["store"] is True
    assert "unheard_of" not in answer


def test_what_developers_say_in_items_is_no_part_of_the_instructions() -> None:
    items = [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": "hi"}]
    for instructions in ("Be brief.", None):
        body = json.dumps({"model": "m", "input": items, "instructions": instructions}).encode()
        assert rendered(request=DIALECT.parse_request(body, Location()))["instructions"] == instructions


def test_the_answer_names_the_one_before_it() -> None:
    assert rendered()["previous_response_id"] is None
    assert asked(previous_response_id="resp_0")["previous_response_id"] == "resp_0"
    request = DIALECT.parse_request(b'{"model":"m","input":"hi"}', Location())
    reply = Reply(request, Location(), 7, "x", "fp", "o", previous="resp_1")
    whole = DIALECT.render_response(Response("r", "m", (Choice(0, (), Stop(StopReason.END)),)), reply)
    assert json.loads(whole)["previous_response_id"] == "resp_1"


def test_the_tier_that_served_goes_before_the_one_that_was_asked_for() -> None:
    assert rendered(answer={"service_tier": "priority"}, service_tier="auto")["service_tier"] == "priority"


def test_calls_of_a_namespaces_tools_are_told_with_it() -> None:
    tool = {"type": "function", "name": "find", "parameters": {"type": "object"}}
    body = json.dumps(
        {"model": "m", "input": "hi", "tools": [{"type": "namespace", "name": "code", "tools": [tool]}]}
    )
    request = DIALECT.parse_request(body.encode(), Location())
    (item,) = rendered(ToolCall("c1", "code__find", "{}"), request=request)["output"]
    assert (item["namespace"], item["name"]) == ("code", "find")


def test_only_the_first_choice_has_a_place() -> None:
    stop = Stop(StopReason.END)
    choices = (Choice(0, (Text("Hi"),), stop), Choice(1, (Text("Ho"),), stop))
    (item,) = rendered(answer={"choices": choices})["output"]
    assert item["content"][0]["text"] == "Hi"
