"""OpenAI's SDK against every kind of upstream."""

import base64
import json
from collections.abc import Iterable
from typing import cast

import openai
import pydantic
import pytest
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageFunctionToolCall,
    ChatCompletionMessageParam,
    ChatCompletionToolMessageParam,
)
from openai.types.shared import ReasoningEffort
from tests.conftest import LiveGateway
from tests.sdk.conftest import SentTo, Upstream

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Response
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

HISTORY: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "Answer in one sentence."},
    {"role": "user", "content": "My name is Ada."},
    {"role": "assistant", "content": "Good evening, Ada."},
    {"role": "user", "content": "Say Good night, Ada."},
]

WEATHER: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
TIME: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {"name": "local_time", "description": "What the clock shows. Needs nothing."},
}


def text_of(chunks: Iterable[ChatCompletionChunk], choice: int = 0) -> list[str]:
    """The pieces of text that a stream brought for one choice."""
    return [
        one.delta.content
        for chunk in chunks
        for one in chunk.choices
        if one.index == choice and one.delta.content
    ]


# --- text


def test_a_conversation_arrives_whole_and_is_answered(
    openai_client: openai.OpenAI, upstream: Upstream, sent: SentTo
) -> None:
    answer = openai_client.chat.completions.create(model=upstream.model, messages=HISTORY)
    choice = answer.choices[0]
    assert choice.message.content == "Good night, Ada."
    assert (choice.message.role, choice.finish_reason, choice.index) == ("assistant", "stop", 0)
    assert answer.id.startswith("chatcmpl-")
    (request,) = sent()
    assert request.dialect == upstream.dialect
    assert request.system == "Answer in one sentence."
    assert request.turns == (
        ("user", "My name is Ada."),
        ("model", "Good evening, Ada."),
        ("user", "Say Good night, Ada."),
    )


def test_a_stream_comes_in_pieces_that_add_up(openai_client: openai.OpenAI, upstream: Upstream) -> None:
    with openai_client.chat.completions.create(
        model=upstream.model, messages=[{"role": "user", "content": "Count to 30"}], stream=True
    ) as stream:
        chunks = list(stream)
    pieces = text_of(chunks)
    assert len(pieces) > 3
    assert "".join(pieces) == " ".join(str(number) for number in range(1, 31))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [one.finish_reason for chunk in chunks for one in chunk.choices if one.finish_reason] == ["stop"]
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks)


def test_a_streamed_answer_is_the_same_as_a_whole_one(
    openai_client: openai.OpenAI, upstream: Upstream
) -> None:
    whole = openai_client.chat.completions.create(model=upstream.model, messages=HISTORY)
    with openai_client.chat.completions.stream(model=upstream.model, messages=HISTORY) as stream:
        streamed = stream.get_final_completion()
    assert streamed.choices[0].message.content == whole.choices[0].message.content
    assert streamed.choices[0].finish_reason == whole.choices[0].finish_reason


@pytest.mark.anyio
async def test_the_asynchronous_client_is_served_alike(gateway: LiveGateway, upstream: Upstream) -> None:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as client:
        answer = await client.chat.completions.create(model=upstream.model, messages=HISTORY)
        assert answer.choices[0].message.content == "Good night, Ada."
        stream = await client.chat.completions.create(model=upstream.model, messages=HISTORY, stream=True)
        async with stream:
            chunks = [chunk async for chunk in stream]
    assert "".join(text_of(chunks)) == "Good night, Ada."


# --- tools


def completed(
    client: openai.OpenAI,
    model: str,
    messages: list[ChatCompletionMessageParam],
    effort: ReasoningEffort | openai.Omit = openai.omit,
    *,
    streamed: bool,
) -> ChatCompletion:
    """An answer to a conversation with both tools; a streamed one put together by the SDK."""
    tools = [WEATHER, TIME]
    if not streamed:
        return client.chat.completions.create(
            model=model, messages=messages, tools=tools, reasoning_effort=effort
        )
    with client.chat.completions.stream(
        model=model, messages=messages, tools=tools, reasoning_effort=effort
    ) as stream:
        return stream.get_final_completion()


def calls_of(answer: ChatCompletion) -> list[ChatCompletionMessageFunctionToolCall]:
    """The tool calls of an answer's only choice."""
    return [call for call in answer.choices[0].message.tool_calls or [] if call.type == "function"]


def with_results(answer: ChatCompletion, results: Iterable[str]) -> list[ChatCompletionMessageParam]:
    """The answer's message as it came, whatever fields it has, and the results of its calls."""
    message = answer.choices[0].message.model_dump(exclude_none=True, exclude={"parsed"})
    return [
        cast("ChatCompletionMessageParam", message),
        *(
            ChatCompletionToolMessageParam(role="tool", tool_call_id=call.id, content=result)
            for call, result in zip(calls_of(answer), results, strict=True)
        ),
    ]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_parallel_tool_calls_are_answered_in_a_second_round(
    openai_client: openai.OpenAI, upstream: Upstream, sent: SentTo, *, streamed: bool
) -> None:
    question = "What is the weather in Paris and London, and what does the clock show?"
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": question}]
    first = completed(openai_client, upstream.model, messages, streamed=streamed)
    assert first.choices[0].finish_reason == "tool_calls"
    calls = calls_of(first)
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("get_weather", {"city": "Paris"}),
        ("get_weather", {"city": "London"}),
        ("local_time", {}),
    ]
    assert len({call.id for call in calls}) == 3

    messages += with_results(first, ["sunny", "rain", "six o'clock"])
    second = completed(openai_client, upstream.model, messages, streamed=streamed)
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content == (
        "get_weather answered: sunny\nget_weather answered: rain\nlocal_time answered: six o'clock"
    )
    assert sent()[-1].answered == (
        ("get_weather", {"city": "Paris"}, "sunny"),
        ("get_weather", {"city": "London"}, "rain"),
        ("local_time", {}, "six o'clock"),
    )


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "model", ["anthropic/claude-opus-4-6", "sonnet", "gemini/gemini-3-pro-preview", "flash"]
)
def test_signed_reasoning_goes_back_to_the_vendor_that_signed_it(
    openai_client: openai.OpenAI, sent: SentTo, model: str, *, streamed: bool
) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": "What is the weather in Paris and London?"}
    ]
    first = completed(openai_client, model, messages, "high", streamed=streamed)
    extra = first.choices[0].message.model_extra or {}
    (detail,) = extra["reasoning_details"]
    opaque = detail.get("signature") or detail["data"]
    assert opaque.startswith("dgm1.")
    if sent()[0].dialect == "anthropic":
        assert extra["reasoning_content"] == detail["text"] != ""

    messages += with_results(first, ["sunny", "rain"])
    second = completed(openai_client, model, messages, "high", streamed=streamed)
    assert second.choices[0].message.content == "get_weather answered: sunny\nget_weather answered: rain"
    assert len(sent()[-1].issued) == 1


def test_reasoning_that_stays_hidden_is_counted(openai_client: openai.OpenAI, sent: SentTo) -> None:
    answer = openai_client.chat.completions.create(
        model="openai/gpt-5", messages=HISTORY, reasoning_effort="low", max_completion_tokens=500
    )
    assert answer.choices[0].message.content == "Good night, Ada."
    assert answer.usage is not None
    assert answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens
    assert sent()[0].body["reasoning_effort"] == "low"


# --- content and form


def test_an_image_arrives_byte_for_byte(
    openai_client: openai.OpenAI, upstream: Upstream, sent: SentTo, red_dot: bytes
) -> None:
    url = f"data:image/png;base64,{base64.b64encode(red_dot).decode()}"
    answer = openai_client.chat.completions.create(
        model=upstream.model,
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What colour is this?"},
                    {"type": "image_url", "image_url": {"url": url}},
                ],
            }
        ],
    )
    assert (answer.choices[0].message.content or "").startswith("I received 1 image.")
    assert sent()[0].images == (("image/png", red_dot),)
    assert sent()[0].turns == (("user", "What colour is this?"),)


class Person(pydantic.BaseModel):
    """What a JSON Schema asks for."""

    name: str
    age: int
    languages: list[str]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_json_output_keeps_to_its_schema(
    openai_client: openai.OpenAI, upstream: Upstream, *, streamed: bool
) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": 'Who is 36 years old and called "Ada"?'}
    ]
    if streamed:
        with openai_client.chat.completions.stream(
            model=upstream.model, messages=messages, response_format=Person
        ) as stream:
            parsed = stream.get_final_completion().choices[0].message.parsed
    else:
        parsed = (
            openai_client.chat.completions.parse(
                model=upstream.model, messages=messages, response_format=Person
            )
            .choices[0]
            .message.parsed
        )
    assert parsed is not None
    assert (parsed.name, parsed.age) == ("Ada", 36)


@pytest.mark.parametrize("stop", ["7", ["zero", " 7"]], ids=["string", "array"])
def test_text_ends_before_a_stop_sequence(
    openai_client: openai.OpenAI, upstream: Upstream, stop: str | list[str]
) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Count to 20"}]
    expected = "1 2 3 4 5 6" + (" " if isinstance(stop, str) else "")
    answer = openai_client.chat.completions.create(model=upstream.model, messages=messages, stop=stop)
    assert answer.choices[0].message.content == expected
    assert answer.choices[0].finish_reason == "stop"
    with openai_client.chat.completions.create(
        model=upstream.model, messages=messages, stop=stop, stream=True
    ) as stream:
        chunks = list(stream)
    assert "".join(text_of(chunks)) == expected
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_token_limit_ends_the_answer(openai_client: openai.OpenAI, upstream: Upstream) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Count to 400"}]
    answer = openai_client.chat.completions.create(model=upstream.model, messages=messages, max_tokens=60)
    text = answer.choices[0].message.content or ""
    assert text.startswith("1 2 3 4 5 6 7 8 9 10")
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 60
    with openai_client.chat.completions.create(
        model=upstream.model,
        messages=messages,
        max_tokens=60,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)
    assert "".join(text_of(chunks)) == text
    assert chunks[-2].choices[0].finish_reason == "length"
    assert chunks[-1].usage == answer.usage


def test_as_many_choices_come_as_were_asked_for(openai_client: openai.OpenAI, upstream: Upstream) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Count to 12"}]
    answer = openai_client.chat.completions.create(model=upstream.model, messages=messages, n=2)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert all("1 2 3" in (choice.message.content or "") for choice in answer.choices)
    assert [choice.finish_reason for choice in answer.choices] == ["stop", "stop"]
    assert answer.usage is not None
    with openai_client.chat.completions.create(
        model=upstream.model, messages=messages, n=2, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    for choice in answer.choices:
        assert "".join(text_of(chunks, choice.index)) == choice.message.content
        reasons = [
            one.finish_reason for chunk in chunks for one in chunk.choices if one.index == choice.index
        ]
        assert [reason for reason in reasons if reason] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == answer.usage.total_tokens


def test_knobs_of_other_vendors_models_are_accepted(openai_client: openai.OpenAI, upstream: Upstream) -> None:
    answer = openai_client.chat.completions.create(
        model=upstream.model,
        messages=HISTORY,
        presence_penalty=0.5,
        frequency_penalty=-0.5,
        seed=7,
        logit_bias={"50256": -100},
        user="ada",
        temperature=1.5,
    )
    assert answer.choices[0].message.content == "Good night, Ada."


# --- usage


def test_usage_says_what_the_upstream_said(
    openai_client: openai.OpenAI, upstream: Upstream, fake: FakeServer, counted: Response
) -> None:
    fake.script.add(counted, counted)
    answer = openai_client.chat.completions.create(model=upstream.model, messages=HISTORY)
    with openai_client.chat.completions.create(
        model=upstream.model, messages=HISTORY, stream=True, stream_options={"include_usage": True}
    ) as stream:
        *_, last = stream
    assert last.choices == []
    for usage in (answer.usage, last.usage):
        assert usage is not None
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (100, 8, 108)
        assert usage.prompt_tokens_details is not None
        assert usage.prompt_tokens_details.cached_tokens == 40


# --- errors


def test_an_unknown_model_is_not_found(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no-such-model") as caught:
        openai_client.chat.completions.create(model="no-such-model", messages=HISTORY)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_a_wrong_key_is_refused(gateway: LiveGateway, upstream: Upstream) -> None:
    with (
        openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.chat.completions.create(model=upstream.model, messages=HISTORY)
    assert caught.value.code == "invalid_api_key"
    assert "sk-wrong" not in str(caught.value)


BAD: list[tuple[str, object, str]] = [
    ("temperature", 5, "temperature"),
    ("temperature", "hot", "temperature"),
    ("n", 0, "n"),
    ("messages", [], "messages"),
    ("messages", [{"role": "wizard", "content": "Hello"}], "messages[0].role"),
    ("tools", [{"type": "function", "function": {}}], "tools[0].function.name"),
    ("max_tokens", "many", "max_tokens"),
]


@pytest.mark.parametrize(("field", "value", "param"), BAD, ids=[f"{bad[0]}={bad[1]}" for bad in BAD])
def test_a_bad_parameter_is_named(
    openai_client: openai.OpenAI, upstream: Upstream, field: str, value: object, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        openai_client.chat.completions.create(
            model=upstream.model, messages=HISTORY, extra_body={field: value}
        )
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


def test_an_upstreams_limit_is_a_rate_limit_with_its_delay(
    openai_client: openai.OpenAI, upstream: Upstream, fake: FakeServer
) -> None:
    fake.script.add(Failure(FailureKind.RATE_LIMIT, "Slow down, please.", retry_after=7))
    with pytest.raises(openai.RateLimitError, match="Slow down, please") as caught:
        openai_client.chat.completions.create(model=upstream.model, messages=HISTORY)
    assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_an_upstreams_failure_is_a_server_error(
    openai_client: openai.OpenAI, upstream: Upstream, fake: FakeServer, *, streamed: bool
) -> None:
    fake.script.add(Failure(FailureKind.SERVER, "The model has fallen over."))
    with pytest.raises(openai.InternalServerError, match="fallen over") as caught:
        openai_client.chat.completions.create(model=upstream.model, messages=HISTORY, stream=streamed)
    assert caught.value.status_code == 500


def test_a_refused_upstream_key_is_not_the_clients_fault(
    openai_client: openai.OpenAI, upstream: Upstream, fake: FakeServer
) -> None:
    fake.script.add(Failure(FailureKind.AUTHENTICATION, "Incorrect API key provided."))
    with pytest.raises(openai.InternalServerError) as caught:
        openai_client.chat.completions.create(model=upstream.model, messages=HISTORY)
    assert caught.value.status_code == 502


def test_a_stream_that_breaks_off_raises(
    openai_client: openai.OpenAI, upstream: Upstream, fake: FakeServer, broken: Scripted
) -> None:
    fake.script.add(broken)
    pieces: list[ChatCompletionChunk] = []
    with (
        openai_client.chat.completions.create(model=upstream.model, messages=HISTORY, stream=True) as stream,
        pytest.raises(openai.APIError) as caught,
    ):
        pieces.extend(stream)
    if broken.failure is not None:
        assert broken.failure.message in str(caught.value)
    assert text_of(pieces)
    assert all(one.finish_reason is None for chunk in pieces for one in chunk.choices)


# --- models


def test_the_models_are_listed(openai_client: openai.OpenAI) -> None:
    models = {model.id: model for model in openai_client.models.list()}
    assert {"gpt-4o", "sonnet", "flash"} <= models.keys()
    assert models["sonnet"].object == "model"
    assert openai_client.models.retrieve("sonnet") == models["sonnet"]
    with pytest.raises(openai.NotFoundError):
        openai_client.models.retrieve("no-such-model")
