"""Settings and tools of requests."""

import json

import pytest

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
from dragoman.dialects.openai_responses.namespaces import Place, namespaces
from dragoman.dialects.openai_responses.parse_request import parse_request
from dragoman.dialects.openai_responses.wire import NAME

TOOL = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
SHELL = {"type": "custom", "name": "sh", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}}


def parse(**members: object) -> Request:
    return parse_request(json.dumps({"model": "m", "input": "hi", **members}).encode(), Location())


def refused(**members: object) -> str | None:
    with pytest.raises(FailureError) as caught:
        parse(**members)
    return caught.value.failure.param


def test_every_setting_has_its_place() -> None:
    got = parse(
        stream=True,
        temperature=0.5,
        top_p=0.9,
        max_output_tokens=100,
        top_logprobs=3,
        parallel_tool_calls=False,
        user="u",
        service_tier="flex",
        metadata={"a": "b"},
        text={"verbosity": "low"},
    )
    assert (got.dialect, got.model, got.stream, got.stream_usage) == (NAME, "m", True, True)
    assert (got.sampling.temperature, got.sampling.top_p, got.max_tokens) == (0.5, 0.9, 100)
    assert (got.top_logprobs, got.parallel_tool_calls, got.user) == (3, False, "u")
    assert (got.service_tier, got.metadata, got.verbosity) == ("flex", {"a": "b"}, "low")
    assert got.extras == ()


def test_log_probabilities_can_be_asked_for_by_include_alone() -> None:
    assert parse(include=["message.output_text.logprobs"]).top_logprobs == 0
    assert parse().top_logprobs is None


def test_the_form_of_the_answer_is_flat() -> None:
    form = {
        "type": "json_schema",
        "name": "n",
        "schema": {"type": "object"},
        "strict": True,
        "description": "d",
    }
    assert parse(text={"format": form}).output == OutputFormat(
        OutputMode.JSON_SCHEMA, b'{"type": "object"}', "n", "d", strict=True
    )
    assert parse(text={"format": {"type": "json_object"}}).output == OutputFormat(OutputMode.JSON_OBJECT)
    assert parse(text={"format": {"type": "text"}}).output == OutputFormat(OutputMode.TEXT)


def test_reasoning_is_visible_where_a_summary_is_asked_for() -> None:
    assert parse(reasoning={"effort": "high"}).reasoning == Reasoning("high", visible=False)
    assert parse(reasoning={"summary": "auto", "context": "all_turns"}).reasoning == Reasoning(
        visible=True,
        opaque=(Opaque(NAME, "summary", b'"auto"'), Opaque(NAME, "context", b'"all_turns"')),
    )
    assert parse(reasoning=None).reasoning is None


def test_an_unknown_effort_is_refused() -> None:
    assert refused(reasoning={"effort": "enormous"}) == "reasoning.effort"


def test_what_only_this_format_has_is_kept() -> None:
    got = parse(
        store=False,
        previous_response_id="resp_1",
        background=True,
        truncation="auto",
        max_tool_calls=2,
        include=["reasoning.encrypted_content", "file_search_call.results"],
        safety_identifier="who",
        prompt_cache_key="k",
    )
    assert {extra.field: extra.json for extra in got.extras} == {
        "store": b"false",
        "previous_response_id": b'"resp_1"',
        "background": b"true",
        "truncation": b'"auto"',
        "max_tool_calls": b"2",
        "include": b'["file_search_call.results"]',
        "safety_identifier": b'"who"',
        "prompt_cache_key": b'"k"',
    }
    assert got.user == "who"


def test_what_goes_without_saying_is_nothing_to_be_kept() -> None:
    got = parse(background=False, truncation="disabled", include=["reasoning.encrypted_content"], prompt=None)
    assert got.extras == ()


def test_functions_and_free_text_tools() -> None:
    got = parse(tools=[TOOL, {**SHELL, "allowed_callers": ["direct"]}, {"type": "function", "name": "bare"}])
    assert got.tools == (
        FunctionTool("f", "d", b'{"type": "object"}', strict=True),
        CustomTool(
            "sh",
            None,
            json.dumps(SHELL["format"]).encode(),
            opaque=(Opaque(NAME, "allowed_callers", b'["direct"]'),),
        ),
        FunctionTool("bare"),
    )


def test_tools_of_a_namespace_get_flat_names_that_lead_back() -> None:
    group = {"type": "namespace", "name": "ns", "description": "d", "tools": [TOOL, SHELL]}
    got = parse(tools=[group], tool_choice={"type": "function", "name": "f"})
    assert [tool.name for tool in got.tools if not isinstance(tool, ServerTool)] == ["ns__f", "ns__sh"]
    assert namespaces(got) == {"ns__f": Place("ns", "f", "d"), "ns__sh": Place("ns", "sh", "d")}
    assert got.tool_choice == ToolChoice(ToolChoiceMode.NAMED, ("ns__f",))


@pytest.mark.parametrize(
    "kind", ["web_search", "file_search", "mcp", "code_interpreter", "tool_search", "shell"]
)
def test_the_vendors_own_tools_are_kept_whole(kind: str) -> None:
    declared = {"type": kind, "x": 1.0}
    assert parse(tools=[declared]).tools == (ServerTool(NAME, kind, json.dumps(declared).encode()),)


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("auto", ToolChoice(ToolChoiceMode.AUTO)),
        ("none", ToolChoice(ToolChoiceMode.NONE)),
        ("required", ToolChoice(ToolChoiceMode.REQUIRED)),
        ({"type": "function", "name": "f"}, ToolChoice(ToolChoiceMode.NAMED, ("f",))),
        ({"type": "custom", "name": "sh"}, ToolChoice(ToolChoiceMode.NAMED, ("sh",))),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
            ToolChoice(ToolChoiceMode.ALLOWED, ("f",)),
        ),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "sh"}]},
            ToolChoice(ToolChoiceMode.REQUIRED_ALLOWED, ("sh",)),
        ),
    ],
)
def test_every_say_over_tool_calls(choice: object, wanted: ToolChoice) -> None:
    got = parse(tools=[TOOL, SHELL], tool_choice=choice)
    assert got.tool_choice == wanted
    assert got.extras == ()


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "web_search"},
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp", "server_label": "x"}]},
    ],
)
def test_a_choice_of_a_tool_that_the_vendor_runs_is_for_the_vendor(choice: dict[str, object]) -> None:
    got = parse(tools=[{"type": "web_search"}], tool_choice=choice)
    assert got.tool_choice is None
    assert [(extra.field, json.loads(extra.json)) for extra in got.extras] == [("tool_choice", choice)]


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": [{"name": "f"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": "f", "parameters": "x"}]}, "tools[0].parameters"),
        ({"tools": [{"type": "namespace", "name": "n"}]}, "tools[0].tools"),
        (
            {"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "custom"}]}]},
            "tools[0].tools[0].name",
        ),
        ({"tool_choice": "always"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "g"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"metadata": {"a": 1}}, "metadata[...]"),
        ({"include": "x"}, "include"),
        ({"user": 5}, "user"),
    ],
)
def test_an_error_names_the_field(members: dict[str, object], param: str) -> None:
    assert refused(**members) == param
