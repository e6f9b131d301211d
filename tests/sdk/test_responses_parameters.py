"""Every parameter of OpenAI's Responses does its job, whoever the upstream is."""

import dataclasses
import json
from collections.abc import Callable

import openai
import pytest
from openai.types.responses import Response, ResponseFunctionToolCall
from tests.sdk.conftest import SentTo, Upstream
from tests.sdk.test_parameters import CITY, COUNTED, SCHEMA, Object, Said, check_sent, config

PARIS, LONDON = ("get_weather", {"city": "Paris"}), ("get_weather", {"city": "London"})
QUESTION = "What is the weather in Paris and London?"
TOOLS: list[Object] = [
    {
        "type": "function",
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": CITY,
        "strict": False,
    },
    {
        "type": "function",
        "name": "local_time",
        "description": "What the clock shows.",
        "parameters": {"type": "object", "properties": {}},
        "strict": False,
    },
]


def calls_of(answer: Response) -> list[tuple[str, object]]:
    """Names and arguments of the calls in an answer."""
    calls = [item for item in answer.output if isinstance(item, ResponseFunctionToolCall)]
    return [(call.name, json.loads(call.arguments)) for call in calls]


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One way to use a parameter: the request's fields, what becomes of them elsewhere (at Responses itself
    they are as they were), what the answer must be.
    """

    fields: Object
    chat: Said
    anthropic: Said
    gemini: Said
    holds: Callable[[Response], bool] = lambda answer: answer.output_text == COUNTED


def knob(name: str, value: object, chat: Said, anthropic: Said, gemini: Said) -> Parameter:
    """A parameter that steers the choice of words only: the answer has to come all the same."""
    return Parameter({name: value}, chat, anthropic, gemini)


def everywhere(name: str, value: object, said: Said) -> Parameter:
    """One that becomes the same at every other upstream."""
    return Parameter({name: value}, said, said, said)


def asked(**fields: object) -> Object:
    """The weather question with both tools, and what else is asked."""
    return {"input": QUESTION, "tools": TOOLS, **fields}


def form(**members: object) -> Object:
    """`text.format`."""
    return {"text": {"format": members}}


PARAMETERS: dict[str, Parameter] = {
    "nothing": Parameter({}, Said({"max_tokens": None}), Said({"max_tokens": 32000}), Said({})),
    "input as items": Parameter(
        {
            "input": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "input_text", "text": "Count to 20"}]},
            ]
        },
        Said({}),
        Said({"system": [{"type": "text", "text": "Be brief."}]}),
        Said({"systemInstruction": {"parts": [{"text": "Be brief."}]}}),
    ),
    "instructions": Parameter(
        {"instructions": "Be brief."},
        Said({"instructions": None}),
        Said({"system": [{"type": "text", "text": "Be brief."}]}),
        Said({"systemInstruction": {"parts": [{"text": "Be brief."}]}}),
        lambda answer: (answer.instructions, answer.output_text) == ("Be brief.", COUNTED),
    ),
    "temperature": knob(
        "temperature", 0.5, Said({"temperature": 0.5}), Said({"temperature": 0.5}), config(temperature=0.5)
    ),
    "temperature 2": knob(
        "temperature",
        2,
        Said({"temperature": 2}),
        Said({"temperature": 1}, "temperature;kind=approximated"),
        config(temperature=2),
    ),
    "top_p": knob("top_p", 0.5, Said({"top_p": 0.5}), Said({"top_p": 0.5}), config(topP=0.5)),
    "max_output_tokens": Parameter(
        {"max_output_tokens": 20, "input": "Count to 400"},
        Said({"max_tokens": 20, "max_completion_tokens": None}),
        Said({"max_tokens": 20}),
        config(maxOutputTokens=20),
        lambda answer: (
            answer.status == "incomplete"
            and answer.incomplete_details is not None
            and answer.incomplete_details.reason == "max_output_tokens"
        ),
    ),
    "metadata": Parameter(
        {"metadata": {"team": "blue"}},
        Said({"metadata": {"team": "blue"}}),
        Said({"metadata": None}, "metadata;kind=dropped"),
        Said({"labels": None}, "metadata;kind=dropped"),
        lambda answer: (answer.metadata, answer.output_text) == ({"team": "blue"}, COUNTED),
    ),
    "user": knob(
        "user", "ada", Said({"user": "ada"}), Said({"metadata.user_id": "ada"}), Said({}, "user;kind=dropped")
    ),
    "safety_identifier": knob(
        "safety_identifier",
        "ada",
        Said({"safety_identifier": "ada"}),
        Said({"metadata.user_id": "ada"}),
        Said({}, "user;kind=dropped"),
    ),
    "prompt_cache_key": knob(
        "prompt_cache_key",
        "key-1",
        Said({"prompt_cache_key": "key-1"}),
        Said({"prompt_cache_key": None}, "unknown_field;kind=dropped"),
        Said({"prompt_cache_key": None}, "unknown_field;kind=dropped"),
    ),
    "truncation disabled": everywhere("truncation", "disabled", Said({"truncation": None})),
    "not stored": everywhere("store", value=False, said=Said({"store": None})),
    "not in the background": everywhere("background", value=False, said=Said({"background": None})),
    "top_logprobs": Parameter(
        {"top_logprobs": 2, "include": ["message.output_text.logprobs"]},
        Said({"logprobs": True, "top_logprobs": 2}),
        Said({}, "refused"),
        config(responseLogprobs=True, logprobs=2),
    ),
    "text.format text": Parameter(
        form(type="text"), Said({"response_format": {"type": "text"}}), Said({}), Said({})
    ),
    "text.format json_schema": Parameter(
        {"input": 'Who is "Ada"?', **form(type="json_schema", name="person", strict=True, schema=SCHEMA)},
        Said({"response_format.json_schema": {"name": "person", "strict": True, "schema": SCHEMA}}),
        Said({"output_config.format": {"type": "json_schema", "schema": SCHEMA}}),
        config(responseMimeType="application/json", responseJsonSchema=SCHEMA),
        lambda answer: json.loads(answer.output_text) == {"name": "Ada"},
    ),
    "text.format json_object": Parameter(
        {"input": "Answer in JSON.", **form(type="json_object")},
        Said({"response_format": {"type": "json_object"}}, "json_mention;kind=emulated"),
        Said({"output_config": None}, "json_object;kind=emulated"),
        config(responseMimeType="application/json", responseJsonSchema=None),
        lambda answer: bool(answer.output_text),
    ),
    "tools": Parameter(
        asked(),
        Said({}),
        Said({}),
        Said({}),
        lambda answer: calls_of(answer) == [PARIS, LONDON] and len(answer.tools) == 2,
    ),
    "tool_choice auto": Parameter(
        asked(tool_choice="auto"),
        Said({"tool_choice": "auto"}),
        Said({"tool_choice": {"type": "auto"}}),
        Said({"toolConfig.functionCallingConfig": {"mode": "AUTO"}}),
        lambda answer: calls_of(answer) == [PARIS, LONDON],
    ),
    "tool_choice none": Parameter(
        asked(tool_choice="none"),
        Said({"tool_choice": "none"}),
        Said({"tool_choice": {"type": "none"}}),
        Said({"toolConfig.functionCallingConfig": {"mode": "NONE"}}),
        lambda answer: calls_of(answer) == [] and bool(answer.output_text),
    ),
    "tool_choice required": Parameter(
        asked(tool_choice="required", input="Count to 20"),
        Said({"tool_choice": "required"}),
        Said({"tool_choice": {"type": "any"}}),
        Said({"toolConfig.functionCallingConfig": {"mode": "ANY"}}),
        lambda answer: len(calls_of(answer)) == 1,
    ),
    "tool_choice by name": Parameter(
        asked(tool_choice={"type": "function", "name": "local_time"}),
        Said({"tool_choice": {"type": "function", "function": {"name": "local_time"}}}),
        Said({"tool_choice": {"type": "tool", "name": "local_time"}}),
        Said({"toolConfig.functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["local_time"]}}),
        lambda answer: calls_of(answer) == [("local_time", {})],
    ),
    "parallel_tool_calls": Parameter(
        asked(parallel_tool_calls=True),
        Said({}),
        Said({"parallel_tool_calls": None}),
        Said({"parallel_tool_calls": None}),
        lambda answer: calls_of(answer) == [PARIS, LONDON],
    ),
    "no parallel_tool_calls": Parameter(
        asked(parallel_tool_calls=False),
        Said({"parallel_tool_calls": False}),
        Said({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}),
        Said({}, "parallel_tool_calls;kind=emulated"),
        lambda answer: calls_of(answer) == [PARIS] and answer.parallel_tool_calls is False,
    ),
}


def send(client: openai.OpenAI, model: str, fields: Object) -> tuple[Response, str]:
    """An answer, and what its header says was lost."""
    raw = client.responses.with_raw_response.create(model=model, input="Count to 20", extra_body=fields)
    losses: str = raw.headers.get("x-dragoman-losses", "")
    return raw.parse(), losses


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_does_its_job_at_every_upstream(
    openai_client: openai.OpenAI, upstream: Upstream, sent: SentTo, name: str
) -> None:
    parameter = PARAMETERS[name]
    expected = {
        "openai_chat": parameter.chat,
        "openai_responses": Said(parameter.fields),
        "anthropic": parameter.anthropic,
        "gemini": parameter.gemini,
    }[upstream.dialect]
    if expected.losses == "refused":
        with pytest.raises(openai.BadRequestError) as caught:
            send(openai_client, upstream.model, parameter.fields)
        assert caught.value.param == name
        assert sent() == []
        return
    answer, losses = send(openai_client, upstream.model, parameter.fields)
    assert parameter.holds(answer), answer.model_dump_json(exclude_none=True)
    assert ";".join(losses.split(";")[:2]) == expected.losses
    for request in sent():
        check_sent(request.body, expected)


@pytest.mark.parametrize(
    ("effort", "model", "expected"),
    [
        ("low", "responses/gpt-5", Said({"reasoning": {"effort": "low"}})),
        ("high", "openai/gpt-5", Said({"reasoning_effort": "high"})),
        (
            "high",
            "anthropic/claude-opus-4-6",
            Said({"thinking.type": "adaptive", "output_config.effort": "high"}),
        ),
        ("low", "sonnet", Said({"thinking": {"type": "enabled", "budget_tokens": 2048}})),
        ("none", "sonnet", Said({"thinking": None})),
        ("low", "flash", Said({"generationConfig.thinkingConfig.thinkingBudget": 1024})),
        ("none", "flash", Said({"generationConfig.thinkingConfig.thinkingBudget": 0})),
        (
            "low",
            "gemini/gemini-3-pro-preview",
            Said({"generationConfig.thinkingConfig.thinkingLevel": "LOW"}),
        ),
    ],
)
def test_reasoning_effort_is_said_in_each_models_own_way(
    openai_client: openai.OpenAI, sent: SentTo, effort: str, model: str, expected: Said
) -> None:
    answer, losses = send(openai_client, model, {"reasoning": {"effort": effort}})
    assert losses == ""
    assert answer.output_text == COUNTED
    assert answer.usage is not None
    assert (answer.usage.output_tokens_details.reasoning_tokens > 0) is (effort != "none")
    check_sent(sent()[0].body, expected)


BAD: list[tuple[str, object]] = [
    ("temperature", -0.1),
    ("temperature", 2.1),
    ("temperature", "warm"),
    ("top_p", 1.1),
    ("max_output_tokens", 0),
    ("max_output_tokens", "all"),
    ("stream", "yes"),
    ("store", "yes"),
    ("top_logprobs", 21),
    ("instructions", 7),
    ("previous_response_id", 7),
    ("text", {"format": {"type": "xml"}}),
    ("text", {"format": {"type": "json_schema"}}),
    ("tools", {"name": "f"}),
    ("tools", [{"type": "function"}]),
    ("tool_choice", "sometimes"),
    ("metadata", {"team": 7}),
    ("user", 7),
    ("parallel_tool_calls", "yes"),
    ("reasoning", {"effort": 7}),
    ("input", 7),
    ("input", []),
    ("input", [{"content": "Hello"}]),
    ("input", [{"role": "user", "content": 7}]),
    ("model", 7),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=[f"{name}={value}" for name, value in BAD])
def test_a_value_out_of_range_is_refused_by_name(
    openai_client: openai.OpenAI, upstream: Upstream, name: str, value: object
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        send(openai_client, upstream.model, {name: value})
    assert (caught.value.param or "").replace("[", ".").split(".")[0] == name
    assert caught.value.type == "invalid_request_error"
