"""Rules that differ from model to model, as their profiles say."""

from collections.abc import Callable

import msgspec
import pytest

from dragoman.testing.exchange import Answer
from dragoman.testing.json_value import JSON, Object, decode_object
from dragoman.testing.provider import FakeProvider

Refusal = Callable[[Object], Object | None]
AnthropicRefusal = Callable[[Object], str | None]

FUNCTION: Object = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
LEGACY: Object = {"name": "get_weather", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    ("model", "fields", "accepted"),
    [
        ("gpt-5.1", {"reasoning_effort": "high"}, True),
        ("gpt-5", {}, True),
        ("o3", {"reasoning_effort": "low"}, True),
        ("gpt-5.4", {}, True),
        ("gpt-5.4", {"reasoning_effort": "none"}, True),
        ("gpt-5.4", {"reasoning_effort": "low"}, False),
        ("gpt-5.5", {}, True),
        ("gpt-5.5", {"reasoning_effort": "low"}, False),
        ("gpt-5.6", {}, False),
        ("gpt-5.6", {"reasoning_effort": "none"}, True),
        ("gpt-6-sol", {"reasoning_effort": "low"}, False),
        ("gpt-6-sol", {"reasoning_effort": "none"}, True),
        ("gpt-6-astra", {}, False),
        ("gpt-6-astra", {"reasoning_effort": "low"}, False),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_newer_models_take_function_tools_only_with_responses(
    openai_refusal: Refusal, model: str, fields: Object, accepted: bool, legacy: bool
) -> None:
    tools: Object = {"functions": [LEGACY]} if legacy else {"tools": [FUNCTION]}
    error = openai_refusal({"model": model, **tools, **fields})

    if accepted:
        assert error is None
    else:
        assert error is not None
        assert error["message"] == (
            f"Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. "
            "Please use /v1/responses instead."
        )


def test_the_same_models_take_function_tools_with_responses(responses_refusal: Refusal) -> None:
    tool: Object = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
    body: Object = {"model": "gpt-6-astra", "tools": [tool], "reasoning": {"effort": "low"}}

    assert responses_refusal(body) is None
    assert responses_refusal({**body, "reasoning": {"effort": "max"}}) is None
    assert responses_refusal({**body, "reasoning": {"effort": "none"}}) is not None


def called(call_id: str) -> list[JSON]:
    call: Object = {"id": call_id, "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    return [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": "21"},
    ]


def mistral(fields: Object) -> Answer:
    body = msgspec.json.encode({"model": "mistral-large-latest", **fields})
    headers = {"content-type": "application/json"}
    return FakeProvider().answer("POST", "/v1/chat/completions", "", headers, body)


@pytest.mark.parametrize(("call_id", "status"), [("aB3dE6gH9", 200), ("call_abc12", 400), ("abc", 400)])
def test_mistral_takes_ids_of_nine_letters_and_digits_only(call_id: str, status: int) -> None:
    answer = mistral({"messages": called(call_id)})

    assert answer.status == status
    if status == 400:
        assert decode_object(answer.body)["message"] == (
            f"Tool call id was {call_id} but must be a-z, A-Z, 0-9, with a length of 9."
        )


def test_mistral_gives_ids_that_it_takes() -> None:
    body: Object = {"messages": [{"role": "user", "content": "get_weather"}], "tools": [FUNCTION]}
    choices = decode_object(mistral(body).body)["choices"]
    assert isinstance(choices, list)
    choice = choices[0]
    assert isinstance(choice, dict)
    message = choice["message"]
    assert isinstance(message, dict)
    calls = message["tool_calls"]
    assert isinstance(calls, list)
    call = calls[0]
    assert isinstance(call, dict)

    assert mistral({"messages": called(str(call["id"]))}).status == 200


DISABLED: Object = {"type": "disabled"}
BETWEEN: Object = {"type": "between_tools"}


@pytest.mark.parametrize(
    ("model", "thinking", "effort", "accepted"),
    [
        ("claude-opus-5", DISABLED, "high", True),
        ("claude-opus-5", DISABLED, "xhigh", False),
        ("claude-sonnet-5", DISABLED, "max", True),
        ("claude-sonnet-5-5", DISABLED, "low", False),
        ("claude-sonnet-5-5", BETWEEN, "high", True),
        ("claude-sonnet-5-5", BETWEEN, "max", False),
        ("claude-opus-5", BETWEEN, "high", False),
        ("claude-opus-5-5", DISABLED, "low", False),
        ("claude-opus-4-8", DISABLED, "max", True),
    ],
)
def test_thinking_can_be_turned_off_where_the_model_and_its_effort_let_it(
    anthropic_refusal: AnthropicRefusal, model: str, thinking: Object, effort: str, accepted: bool
) -> None:
    message = anthropic_refusal({"model": model, "thinking": thinking, "output_config": {"effort": effort}})

    assert (message is None) is accepted, message


@pytest.mark.parametrize(
    ("model", "accepted"),
    [
        ("claude-opus-5-5", False),
        ("claude-sonnet-5-5", False),
        ("claude-fable-5", False),
        ("claude-opus-5", True),
        ("claude-sonnet-5", True),
        ("claude-sonnet-4-6", True),
    ],
)
def test_a_tool_call_can_be_demanded_of_some_models(
    anthropic_refusal: AnthropicRefusal, model: str, accepted: bool
) -> None:
    tool: Object = {"name": "get_weather", "input_schema": {"type": "object"}}
    message = anthropic_refusal({"model": model, "tools": [tool], "tool_choice": {"type": "any"}})

    assert (message is None) is accepted, message


@pytest.mark.parametrize(
    ("model", "accepted"),
    [
        ("claude-opus-4-8", True),
        ("claude-opus-5", True),
        ("claude-opus-5-5", True),
        ("claude-sonnet-5-5", True),
        ("claude-fable-5", True),
        ("claude-sonnet-5", False),
        ("claude-opus-4-7", False),
        ("claude-sonnet-4-5", False),
    ],
)
def test_an_instruction_can_stand_in_mid_conversation_with_some_models(
    anthropic_refusal: AnthropicRefusal, model: str, accepted: bool
) -> None:
    messages: list[JSON] = [{"role": "user", "content": "Hi"}, {"role": "system", "content": "Be brief."}]
    message = anthropic_refusal({"model": model, "messages": messages})

    assert message == (None if accepted else "role 'system' is not supported on this model")


@pytest.mark.parametrize(
    ("model", "accepted"),
    [("claude-sonnet-4-5", True), ("claude-sonnet-4-6", False), ("claude-opus-5", False)],
)
def test_the_older_models_go_on_from_a_prefill(
    anthropic_refusal: AnthropicRefusal, model: str, accepted: bool
) -> None:
    messages: list[JSON] = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "He"}]
    message = anthropic_refusal({"model": model, "messages": messages})

    assert (message is None) is accepted, message
