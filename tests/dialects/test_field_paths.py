"""Losses are told in the client's own words."""

import json

import pytest

from dragoman.conversation.request import FunctionTool
from dragoman.dialects.dialect import Location
from dragoman.dialects.registry import DIALECTS

MEMBERS: dict[str, dict[str, object]] = {
    "openai_chat": {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    "openai_responses": {"model": "m", "input": "hi"},
    "anthropic": {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}

SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}}

SETTINGS: list[tuple[str, str, object, str]] = [
    ("openai_chat", "$.max_tokens", 20, "max_tokens"),
    ("openai_chat", "$.reasoning", "low", "reasoning"),
    ("openai_responses", "$.max_tokens", 20, "max_tokens"),
    ("openai_responses", "$.verbosity", "low", "verbosity"),
    ("openai_responses", "$.response_format", {"type": "json_object"}, "output"),
    ("openai_responses", "$.reasoning_effort", "low", "reasoning"),
    ("anthropic", "$.stop", ["x"], "stop"),
    ("anthropic", "$.user", "u", "user"),
    ("anthropic", "$.reasoning", {"type": "enabled", "budget_tokens": 1024}, "reasoning"),
    ("gemini", "$.max_tokens", 20, "max_tokens"),
    ("gemini", "$.stop", ["x"], "stop"),
    ("gemini", "$.n", 2, "candidates"),
    ("gemini", "$.reasoning", {"thinkingBudget": 0}, "reasoning"),
    ("gemini", "$.service_tier", "flex", "service_tier"),
]


@pytest.mark.parametrize(("client", "path", "value", "attribute"), SETTINGS)
def test_a_setting_lies_where_its_path_says(client: str, path: str, value: object, attribute: str) -> None:
    plain: dict[str, object] = json.loads(json.dumps(MEMBERS[client]))
    given: dict[str, object] = json.loads(json.dumps(MEMBERS[client]))
    *above, last = DIALECTS[client].field_paths[path].removeprefix("$.").split(".")
    within = given
    for name in above:
        within[name] = inner = dict[str, object]()
        within = inner
    within[last] = value
    parse = DIALECTS[client].parse_request
    before, after = (parse(json.dumps(body).encode(), Location("m")) for body in (plain, given))
    assert getattr(before, attribute) != getattr(after, attribute)


@pytest.mark.parametrize("client", ["openai_responses", "anthropic", "gemini"])
def test_the_schema_of_a_tool_lies_where_its_path_says(client: str) -> None:
    path = DIALECTS[client].field_paths
    if client == "gemini":
        assert path["$.tools[*].function.parameters"] == (
            "$.tools[0].functionDeclarations[*].parametersJsonSchema"
        )
        tools: list[object] = [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": SCHEMA}]}]
    else:
        field = (path.get("$.tools[*].function.parameters") or "$.tools[*].parameters").rpartition(".")[2]
        tools = [
            {"type": "function" if client == "openai_responses" else "custom", "name": "f", field: SCHEMA}
        ]
    body = json.dumps(MEMBERS[client] | {"tools": tools}).encode()
    (tool,) = DIALECTS[client].parse_request(body, Location("m")).tools
    assert isinstance(tool, FunctionTool)
    assert json.loads(tool.parameters or b"") == SCHEMA


@pytest.mark.parametrize("client", MEMBERS)
def test_every_path_begins_at_the_top(client: str) -> None:
    for known, own in DIALECTS[client].field_paths.items():
        assert known.startswith("$.")
        assert own.startswith("$.")


def test_chat_completions_has_the_words_that_losses_are_told_in_but_for_newer_names() -> None:
    assert list(DIALECTS["openai_chat"].field_paths) == ["$.max_tokens", "$.reasoning"]
