"""Every parameter of Chat Completions does its job, whoever the upstream is.

For each parameter and each kind of upstream: what of it reaches the upstream, what the answer's
`x-dragoman-losses` header says of the rest, and what the client gets.
"""

import dataclasses
import json
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.sdk.conftest import SentTo, Upstream

Object = dict[str, object]


class Said(NamedTuple):
    """What a parameter becomes on the way to an upstream.

    `body` are members of the body that reaches it, by path (`generationConfig.seed`), None for those
    that must not be there. `losses` is the header, its paths left out.
    """

    body: Object
    losses: str = ""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One way to use a parameter: the request's fields, what becomes of them, what the answer must be."""

    fields: Object
    openai: Said
    anthropic: Said
    gemini: Said
    holds: Callable[[ChatCompletion], bool] = lambda answer: bool(text_of(answer))


def text_of(answer: ChatCompletion) -> str:
    """The text of the first choice."""
    return answer.choices[0].message.content or ""


def calls_of(answer: ChatCompletion) -> list[tuple[str, object]]:
    """Names and arguments of the first choice's calls."""
    calls = answer.choices[0].message.tool_calls or []
    return [
        (call.function.name, json.loads(call.function.arguments)) for call in calls if call.type == "function"
    ]


def same(fields: Object) -> Said:
    """What OpenAI itself gets: the fields as they are."""
    return Said(fields)


def config(**members: object) -> Said:
    """Members of Google's `generationConfig`."""
    return Said({f"generationConfig.{name}": value for name, value in members.items()})


def member(body: Object, path: str) -> object:
    """The member of a body at a path, None where it has none."""
    value: object = body
    for step in path.split("."):
        if not isinstance(value, dict):
            return None
        value = msgspec.convert(value, Object).get(step)
    return value


COUNT = [{"role": "user", "content": "Count to 20"}]
COUNT_ON = [{"role": "user", "content": "Count to 400"}]
COUNTED = " ".join(str(number) for number in range(1, 21))
WEATHER = [{"role": "user", "content": "What is the weather in Paris and London?"}]
PARIS, LONDON = ("get_weather", {"city": "Paris"}), ("get_weather", {"city": "London"})
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
GET_WEATHER = {"name": "get_weather", "description": "The weather in a city.", "parameters": CITY}
LOCAL_TIME = {"name": "local_time", "description": "What the clock shows."}
TOOLS = [{"type": "function", "function": GET_WEATHER}, {"type": "function", "function": LOCAL_TIME}]
GOOGLE_TOOLS = [
    {
        "functionDeclarations": [
            {
                "name": "get_weather",
                "description": "The weather in a city.",
                "parametersJsonSchema": CITY,
            },
            LOCAL_TIME,
        ]
    }
]
ANTHROPIC_TOOLS: list[Object] = [
    {"name": "get_weather", "description": "The weather in a city.", "input_schema": CITY},
    {**LOCAL_TIME, "input_schema": {"type": "object", "properties": {}}},
]


def asked(**fields: object) -> Object:
    """The weather question with both tools, and what else is asked."""
    return {"messages": WEATHER, "tools": TOOLS, **fields}


def knob(name: str, value: object, anthropic: Said, gemini: Said) -> Parameter:
    """A parameter that steers the choice of words only: the answer has to come all the same."""
    return Parameter({name: value}, same({name: value}), anthropic, gemini, lambda a: text_of(a) == COUNTED)


PARAMETERS: dict[str, Parameter] = {
    "temperature 0": knob("temperature", 0, Said({"temperature": 0}), config(temperature=0)),
    "temperature 1": knob("temperature", 1, Said({"temperature": 1}), config(temperature=1)),
    "temperature 2": knob(
        "temperature", 2, Said({"temperature": 1}, "temperature;kind=approximated"), config(temperature=2)
    ),
    "top_p": knob("top_p", 0.5, Said({"top_p": 0.5}), config(topP=0.5)),
    "temperature and top_p": Parameter(
        {"temperature": 0.5, "top_p": 0.5},
        same({"temperature": 0.5, "top_p": 0.5}),
        Said({"temperature": 0.5, "top_p": None}, "top_p;kind=dropped"),
        config(temperature=0.5, topP=0.5),
    ),
    "presence_penalty": knob(
        "presence_penalty", 1.5, Said({}, "presence_penalty;kind=dropped"), config(presencePenalty=1.5)
    ),
    "frequency_penalty": knob(
        "frequency_penalty", -2, Said({}, "frequency_penalty;kind=dropped"), config(frequencyPenalty=-2)
    ),
    "logit_bias": knob(
        "logit_bias",
        {"50256": -100},
        Said({"logit_bias": None}, "logit_bias;kind=dropped"),
        Said({"logit_bias": None}, "logit_bias;kind=dropped"),
    ),
    "seed": knob("seed", 7, Said({"seed": None}, "seed;kind=dropped"), config(seed=7)),
    "user": knob("user", "ada", Said({"metadata.user_id": "ada"}), Said({}, "user;kind=dropped")),
    "metadata": knob(
        "metadata",
        {"team": "blue"},
        Said({"metadata": None}, "metadata;kind=dropped"),
        Said({"labels": None}, "metadata;kind=dropped"),
    ),
    "max_tokens": Parameter(
        {"max_tokens": 10, "messages": COUNT_ON},
        same({"max_tokens": 10, "max_completion_tokens": None}),
        Said({"max_tokens": 10}),
        config(maxOutputTokens=10, thinkingConfig=None),
        lambda answer: answer.choices[0].finish_reason == "length",
    ),
    "max_completion_tokens": Parameter(
        {"max_completion_tokens": 10, "messages": COUNT_ON},
        same({"max_completion_tokens": 10, "max_tokens": None}),
        Said({"max_tokens": 10}),
        config(maxOutputTokens=10),
        lambda answer: answer.choices[0].finish_reason == "length",
    ),
    "no limit": Parameter({}, Said({"max_tokens": None}), Said({"max_tokens": 32000}), Said({})),
    "stop as a string": Parameter(
        {"stop": " 7"},
        same({"stop": " 7"}),
        Said({"stop_sequences": [" 7"]}),
        config(stopSequences=[" 7"]),
        lambda answer: text_of(answer) == "1 2 3 4 5 6",
    ),
    "stop as an array": Parameter(
        {"stop": ["zero", " 7"]},
        same({"stop": ["zero", " 7"]}),
        Said({"stop_sequences": ["zero", " 7"]}),
        config(stopSequences=["zero", " 7"]),
        lambda answer: text_of(answer) == "1 2 3 4 5 6",
    ),
    "stop at white space": Parameter(
        {"stop": " "},
        same({"stop": " "}),
        Said({"stop_sequences": None}, "stop;kind=emulated"),
        config(stopSequences=[" "]),
        lambda answer: (text_of(answer), answer.choices[0].finish_reason) == ("1", "stop"),
    ),
    "n": Parameter(
        {"n": 3},
        same({"n": 3}),
        Said({"n": None}, "n;kind=emulated"),
        config(candidateCount=3),
        lambda answer: (
            [choice.index for choice in answer.choices] == [0, 1, 2]
            and all("1 2 3" in (choice.message.content or "") for choice in answer.choices)
        ),
    ),
    "logprobs": Parameter(
        {"logprobs": True, "top_logprobs": 2},
        same({"logprobs": True, "top_logprobs": 2}),
        Said({}, "refused"),
        config(responseLogprobs=True, logprobs=2),
        lambda answer: (
            (found := answer.choices[0].logprobs) is not None
            and "".join(token.token for token in found.content or []) == COUNTED
            and all(len(token.top_logprobs) == 2 for token in found.content or [])
        ),
    ),
    "no logprobs": knob("logprobs", value=False, anthropic=Said({}), gemini=Said({})),
    "response_format text": knob("response_format", {"type": "text"}, Said({}), Said({})),
    "response_format json_object": Parameter(
        {
            "messages": [{"role": "user", "content": "Answer in JSON."}],
            "response_format": {"type": "json_object"},
        },
        same({"response_format.type": "json_object"}),
        Said({"output_config": None}, "json_object;kind=emulated"),
        config(responseMimeType="application/json", responseJsonSchema=None),
    ),
    "response_format json_schema": Parameter(
        {
            "messages": [{"role": "user", "content": 'Who is "Ada"?'}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "person", "strict": True, "schema": SCHEMA},
            },
        },
        same({"response_format.json_schema.schema": SCHEMA}),
        Said({"output_config.format": {"type": "json_schema", "schema": SCHEMA}}),
        config(responseMimeType="application/json", responseJsonSchema=SCHEMA),
        lambda answer: json.loads(text_of(answer)) == {"name": "Ada"},
    ),
    "tools": Parameter(
        asked(),
        same({"tools": TOOLS}),
        Said({"tools": ANTHROPIC_TOOLS}),
        Said({"tools": GOOGLE_TOOLS}),
        lambda answer: (
            calls_of(answer) == [PARIS, LONDON] and answer.choices[0].finish_reason == "tool_calls"
        ),
    ),
    "tool_choice auto": Parameter(
        asked(tool_choice="auto"),
        same({"tool_choice": "auto"}),
        Said({"tool_choice": {"type": "auto"}}),
        Said({"toolConfig.functionCallingConfig": {"mode": "AUTO"}}),
        lambda answer: calls_of(answer) == [PARIS, LONDON],
    ),
    "tool_choice none": Parameter(
        asked(tool_choice="none"),
        same({"tool_choice": "none"}),
        Said({"tool_choice": {"type": "none"}, "tools": ANTHROPIC_TOOLS}),
        Said({"toolConfig.functionCallingConfig": {"mode": "NONE"}, "tools": GOOGLE_TOOLS}),
        lambda answer: calls_of(answer) == [] and bool(text_of(answer)),
    ),
    "tool_choice required": Parameter(
        asked(tool_choice="required", messages=COUNT),
        same({"tool_choice": "required"}),
        Said({"tool_choice": {"type": "any"}}),
        Said({"toolConfig.functionCallingConfig": {"mode": "ANY"}}),
        lambda answer: len(calls_of(answer)) == 1,
    ),
    "tool_choice by name": Parameter(
        asked(tool_choice={"type": "function", "function": {"name": "local_time"}}),
        same({"tool_choice": {"type": "function", "function": {"name": "local_time"}}}),
        Said({"tool_choice": {"type": "tool", "name": "local_time"}}),
        Said(
            {
                "toolConfig.functionCallingConfig": {
                    "mode": "ANY",
                    "allowedFunctionNames": ["local_time"],
                }
            }
        ),
        lambda answer: calls_of(answer) == [("local_time", {})],
    ),
    "parallel_tool_calls": Parameter(
        asked(parallel_tool_calls=True),
        same({"parallel_tool_calls": True}),
        Said({"parallel_tool_calls": None}),
        Said({"parallel_tool_calls": None}),
        lambda answer: calls_of(answer) == [PARIS, LONDON],
    ),
    "no parallel_tool_calls": Parameter(
        asked(parallel_tool_calls=False),
        same({"parallel_tool_calls": False}),
        Said({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}),
        Said({}, "parallel_tool_calls;kind=emulated"),
        lambda answer: calls_of(answer) == [PARIS],
    ),
}


RESPONSES_TOOLS: list[Object] = [
    {"type": "function", **GET_WEATHER, "strict": False},
    {"type": "function", **LOCAL_TIME, "parameters": {"type": "object", "properties": {}}, "strict": False},
]
RESPONSES: dict[str, Said] = {
    "presence_penalty": Said({"presence_penalty": None}, "presence_penalty;kind=dropped"),
    "frequency_penalty": Said({"frequency_penalty": None}, "frequency_penalty;kind=dropped"),
    "logit_bias": Said({"logit_bias": None}, "logit_bias;kind=dropped"),
    "seed": Said({"seed": None}, "seed;kind=dropped"),
    "max_tokens": Said({"max_output_tokens": 16, "max_tokens": None}, "max_tokens;kind=approximated"),
    "max_completion_tokens": Said({"max_output_tokens": 16}, "max_tokens;kind=approximated"),
    "no limit": Said({"max_output_tokens": None}),
    "stop as a string": Said({"stop": None}, "stop;kind=emulated"),
    "stop as an array": Said({"stop": None}, "stop;kind=emulated"),
    "stop at white space": Said({"stop": None}, "stop;kind=emulated"),
    "n": Said({"n": None}, "n;kind=emulated"),
    "logprobs": Said({"top_logprobs": 2, "include": ["message.output_text.logprobs"]}),
    "no logprobs": Said({"top_logprobs": None, "logprobs": None}),
    "response_format text": Said({"response_format": None}),
    "response_format json_object": Said({"text.format": {"type": "json_object"}}),
    "response_format json_schema": Said(
        {"text.format": {"type": "json_schema", "name": "person", "schema": SCHEMA, "strict": True}}
    ),
    "tools": Said({"tools": RESPONSES_TOOLS}),
    "tool_choice by name": Said({"tool_choice": {"type": "function", "name": "local_time"}}),
    "parallel_tool_calls": Said({"parallel_tool_calls": None}),
}
"""What Responses gets where that is not what OpenAI's other format gets."""


def send(client: openai.OpenAI, model: str, fields: Object) -> tuple[ChatCompletion, str]:
    """An answer, and what its header says was lost."""
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "Count to 20"}], extra_body=fields
    )
    losses: str = raw.headers.get("x-dragoman-losses", "")
    return raw.parse(), losses


def check_sent(request: Object, expected: Said) -> None:
    """Hold what reached an upstream against what should."""
    assert {path: member(request, path) for path in expected.body} == expected.body


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_does_its_job_at_every_upstream(
    openai_client: openai.OpenAI, upstream: Upstream, sent: SentTo, name: str
) -> None:
    parameter = PARAMETERS[name]
    expected = {
        "openai_chat": parameter.openai,
        "openai_responses": RESPONSES.get(name, parameter.openai),
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
        ("low", "openai/gpt-5", Said({"reasoning_effort": "low"})),
        ("high", "openai/gpt-5", Said({"reasoning_effort": "high"})),
        (
            "high",
            "anthropic/claude-opus-4-6",
            Said({"thinking.type": "adaptive", "output_config.effort": "high"}),
        ),
        ("low", "sonnet", Said({"thinking": {"type": "enabled", "budget_tokens": 2048}})),
        ("high", "sonnet", Said({"thinking": {"type": "enabled", "budget_tokens": 16384}})),
        ("none", "sonnet", Said({"thinking": None})),
        ("low", "flash", config(thinkingConfig={"thinkingBudget": 1024})),
        ("none", "flash", config(thinkingConfig={"thinkingBudget": 0})),
        ("low", "gemini/gemini-3-pro-preview", config(thinkingConfig={"thinkingLevel": "LOW"})),
    ],
)
def test_reasoning_effort_is_said_in_each_models_own_way(
    openai_client: openai.OpenAI, sent: SentTo, effort: str, model: str, expected: Said
) -> None:
    answer, losses = send(openai_client, model, {"reasoning_effort": effort})
    assert losses == ""
    assert text_of(answer) == COUNTED
    assert answer.usage is not None
    details = answer.usage.completion_tokens_details
    reasoned = 0 if details is None else details.reasoning_tokens or 0
    assert (reasoned > 0) is (effort != "none")
    check_sent(sent()[0].body, expected)


@pytest.mark.parametrize(
    ("options", "shown"), [(None, False), ({"include_usage": False}, False), ({"include_usage": True}, True)]
)
def test_a_stream_shows_usage_to_those_who_ask(
    openai_client: openai.OpenAI, upstream: Upstream, options: Object | None, *, shown: bool
) -> None:
    with openai_client.chat.completions.create(
        model=upstream.model,
        messages=[{"role": "user", "content": "Count to 20"}],
        stream=True,
        extra_body={} if options is None else {"stream_options": options},
    ) as stream:
        chunks: list[ChatCompletionChunk] = list(stream)
    text = "".join(one.delta.content or "" for chunk in chunks for one in chunk.choices)
    assert text == COUNTED
    counted = [chunk for chunk in chunks if chunk.usage is not None]
    assert len(counted) == shown
    assert [chunk for chunk in chunks if not chunk.choices] == counted
    if shown:
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens >= 13


BAD: list[tuple[str, object]] = [
    ("temperature", -0.1),
    ("temperature", 2.1),
    ("temperature", "warm"),
    ("top_p", 1.1),
    ("top_p", -1),
    ("n", 0),
    ("n", 129),
    ("n", "two"),
    ("presence_penalty", 2.5),
    ("frequency_penalty", -2.5),
    ("logit_bias", {"50256": 101}),
    ("logit_bias", [1]),
    ("max_tokens", 0),
    ("max_tokens", "all"),
    ("max_completion_tokens", -1),
    ("stop", 7),
    ("stop", [7]),
    ("seed", "seven"),
    ("user", 7),
    ("stream", "yes"),
    ("logprobs", "yes"),
    ("top_logprobs", 21),
    ("response_format", {"type": "xml"}),
    ("response_format", {"type": "json_schema"}),
    ("tools", {"name": "f"}),
    ("tools", [{"type": "function"}]),
    ("tool_choice", "sometimes"),
    ("metadata", {"team": 7}),
    ("stream_options", {"include_usage": True}),
    ("messages", "Hello"),
    ("messages", []),
    ("messages", [{"content": "Hello"}]),
    ("messages", [{"role": "user", "content": 7}]),
    ("model", 7),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=[f"{name}={value}" for name, value in BAD])
def test_a_value_out_of_range_is_refused_by_name(
    openai_client: openai.OpenAI, upstream: Upstream, name: str, value: object
) -> None:
    refused_by_name(openai_client, upstream.model, name, value)


@pytest.mark.parametrize("model", ["openai/gpt-5", "sonnet", "flash", "gemini/gemini-3-pro-preview"])
def test_an_unknown_reasoning_effort_is_refused_by_name(openai_client: openai.OpenAI, model: str) -> None:
    refused_by_name(openai_client, model, "reasoning_effort", "enormous")


def refused_by_name(client: openai.OpenAI, model: str, name: str, value: object) -> None:
    """Hold an error against the parameter that it is about."""
    with pytest.raises(openai.BadRequestError) as caught:
        send(client, model, {name: value})
    assert (caught.value.param or "").replace("[", ".").split(".")[0] == name
    assert caught.value.type == "invalid_request_error"
