"""Anthropic's SDK against every kind of upstream."""

import base64
from collections.abc import Iterable

import anthropic
import pydantic
import pytest
from anthropic.types import (
    ImageBlockParam,
    Message,
    MessageParam,
    TextBlock,
    ThinkingConfigParam,
    ToolParam,
    ToolResultBlockParam,
    ToolUseBlock,
)
from tests.conftest import LiveGateway
from tests.sdk.conftest import SentTo, Upstream

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Response
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

SYSTEM = "Answer in one sentence."
HISTORY: list[MessageParam] = [
    {"role": "user", "content": "My name is Ada."},
    {"role": "assistant", "content": "Good evening, Ada."},
    {"role": "user", "content": "Say Good night, Ada."},
]
QUESTION = "What is the weather in Paris and London, and what does the clock show?"

TOOLS: list[ToolParam] = [
    {
        "name": "get_weather",
        "description": "The weather in a city.",
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
    {
        "name": "local_time",
        "description": "What the clock shows. Needs nothing.",
        "input_schema": {"type": "object", "properties": {}},
    },
]

ADAPTIVE: ThinkingConfigParam = {"type": "adaptive", "display": "summarized"}
BUDGET: ThinkingConfigParam = {"type": "enabled", "budget_tokens": 2048}


def text_of(message: Message) -> str:
    """The visible text of an answer."""
    return "".join(block.text for block in message.content if isinstance(block, TextBlock))


def calls_of(message: Message) -> list[ToolUseBlock]:
    """The tool calls of an answer."""
    return [block for block in message.content if isinstance(block, ToolUseBlock)]


def answered(
    client: anthropic.Anthropic,
    model: str,
    messages: Iterable[MessageParam],
    thinking: ThinkingConfigParam | anthropic.Omit = anthropic.omit,
    *,
    streamed: bool,
) -> Message:
    """An answer to a conversation with both tools; a streamed one put together by the SDK."""
    if not streamed:
        return client.messages.create(
            model=model, max_tokens=4096, messages=messages, tools=TOOLS, thinking=thinking
        )
    with client.messages.stream(
        model=model, max_tokens=4096, messages=messages, tools=TOOLS, thinking=thinking
    ) as stream:
        return stream.get_final_message()


def with_results(message: Message, results: Iterable[str]) -> list[MessageParam]:
    """The answer as it came, and the results of its calls."""
    blocks = [
        ToolResultBlockParam(type="tool_result", tool_use_id=call.id, content=result)
        for call, result in zip(calls_of(message), results, strict=True)
    ]
    return [{"role": "assistant", "content": message.content}, {"role": "user", "content": blocks}]


# --- text


def test_a_conversation_arrives_whole_and_is_answered(
    anthropic_client: anthropic.Anthropic, upstream: Upstream, sent: SentTo
) -> None:
    message = anthropic_client.messages.create(
        model=upstream.model, max_tokens=500, system=SYSTEM, messages=HISTORY
    )
    assert text_of(message) == "Good night, Ada."
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    assert message.stop_sequence is None
    assert message.id.startswith("msg_")
    (request,) = sent()
    assert request.dialect == upstream.dialect
    assert request.system == SYSTEM
    assert request.turns == (
        ("user", "My name is Ada."),
        ("model", "Good evening, Ada."),
        ("user", "Say Good night, Ada."),
    )


def test_a_stream_comes_in_pieces_that_add_up(
    anthropic_client: anthropic.Anthropic, upstream: Upstream
) -> None:
    with anthropic_client.messages.stream(
        model=upstream.model, max_tokens=500, messages=[{"role": "user", "content": "Count to 30"}]
    ) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    assert len(pieces) > 3
    assert "".join(pieces) == " ".join(str(number) for number in range(1, 31)) == text_of(message)
    assert message.stop_reason == "end_turn"


def test_a_raw_stream_keeps_to_the_order_of_events(
    anthropic_client: anthropic.Anthropic, upstream: Upstream
) -> None:
    with anthropic_client.messages.create(
        model=upstream.model, max_tokens=500, messages=HISTORY, stream=True
    ) as stream:
        kinds = [event.type for event in stream]
    assert [kind for number, kind in enumerate(kinds) if kinds[number - 1] != kind] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


@pytest.mark.anyio
async def test_the_asynchronous_client_is_served_alike(gateway: LiveGateway, upstream: Upstream) -> None:
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client:
        message = await client.messages.create(model=upstream.model, max_tokens=500, messages=HISTORY)
        assert text_of(message) == "Good night, Ada."
        async with client.messages.stream(model=upstream.model, max_tokens=500, messages=HISTORY) as stream:
            assert text_of(await stream.get_final_message()) == "Good night, Ada."


# --- tools


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_parallel_tool_calls_are_answered_in_a_second_round(
    anthropic_client: anthropic.Anthropic, upstream: Upstream, sent: SentTo, *, streamed: bool
) -> None:
    messages: list[MessageParam] = [{"role": "user", "content": QUESTION}]
    first = answered(anthropic_client, upstream.model, messages, streamed=streamed)
    assert first.stop_reason == "tool_use"
    calls = calls_of(first)
    assert [(call.name, call.input) for call in calls] == [
        ("get_weather", {"city": "Paris"}),
        ("get_weather", {"city": "London"}),
        ("local_time", {}),
    ]
    assert len({call.id for call in calls}) == 3

    messages += with_results(first, ["sunny", "rain", "six o'clock"])
    second = answered(anthropic_client, upstream.model, messages, streamed=streamed)
    assert second.stop_reason == "end_turn"
    assert text_of(second) == (
        "get_weather answered: sunny\nget_weather answered: rain\nlocal_time answered: six o'clock"
    )
    assert sent()[-1].answered == (
        ("get_weather", {"city": "Paris"}, "sunny"),
        ("get_weather", {"city": "London"}, "rain"),
        ("local_time", {}, "six o'clock"),
    )


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("anthropic/claude-opus-4-6", ADAPTIVE),
        ("sonnet", BUDGET),
        ("gemini/gemini-3-pro-preview", ADAPTIVE),
        ("flash", BUDGET),
    ],
    ids=["opus-4.6", "sonnet-4.5", "gemini-3", "gemini-2.5"],
)
def test_signed_thinking_goes_back_to_the_vendor_that_signed_it(
    anthropic_client: anthropic.Anthropic,
    sent: SentTo,
    model: str,
    thinking: ThinkingConfigParam,
    *,
    streamed: bool,
) -> None:
    messages: list[MessageParam] = [{"role": "user", "content": QUESTION}]
    first = answered(anthropic_client, model, messages, thinking, streamed=streamed)
    thoughts = first.content[0]
    assert thoughts.type == "thinking"
    assert thoughts.thinking.startswith("This needs get_weather")
    assert thoughts.signature

    messages += with_results(first, ["sunny", "rain", "six o'clock"])
    second = answered(anthropic_client, model, messages, thinking, streamed=streamed)
    assert "get_weather answered: rain" in text_of(second)
    (signature,) = sent()[-1].issued
    if sent()[-1].dialect == "anthropic":
        assert signature == thoughts.signature


@pytest.mark.parametrize("effort", ["low", "high"])
def test_reasoning_that_stays_hidden_is_counted(
    anthropic_client: anthropic.Anthropic, sent: SentTo, effort: str
) -> None:
    message = anthropic_client.messages.create(
        model="openai/gpt-5",
        max_tokens=500,
        messages=HISTORY,
        thinking={"type": "adaptive"},
        extra_body={"output_config": {"effort": effort}},
    )
    assert text_of(message) == "Good night, Ada."
    assert message.usage.output_tokens_details is not None
    assert message.usage.output_tokens_details.thinking_tokens
    assert sent()[0].body["reasoning_effort"] == effort


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("anthropic/claude-opus-4-6", "gemini/gemini-3-pro-preview"),
        ("anthropic/claude-opus-4-6", "gpt-4o"),
        ("gemini/gemini-3-pro-preview", "anthropic/claude-opus-4-6"),
        ("gemini/gemini-3-pro-preview", "gpt-4o"),
    ],
)
def test_signed_thinking_is_kept_from_other_vendors(
    anthropic_client: anthropic.Anthropic, sent: SentTo, first: str, second: str
) -> None:
    messages: list[MessageParam] = [{"role": "user", "content": QUESTION}]
    message = answered(anthropic_client, first, messages, ADAPTIVE, streamed=False)
    messages += with_results(message, ["sunny", "rain", "six o'clock"])
    message = answered(anthropic_client, second, messages, streamed=False)
    assert "get_weather answered: rain" in text_of(message)
    assert sent()[-1].issued == ()
    assert "dgm1." not in str(sent()[-1].body)


# --- content and form


def test_an_image_arrives_byte_for_byte(
    anthropic_client: anthropic.Anthropic, upstream: Upstream, sent: SentTo, red_dot: bytes
) -> None:
    message = anthropic_client.messages.create(
        model=upstream.model,
        max_tokens=500,
        messages=[
            {
                "role": "user",
                "content": [
                    {
                        "type": "image",
                        "source": {
                            "type": "base64",
                            "media_type": "image/png",
                            "data": base64.b64encode(red_dot).decode(),
                        },
                    },
                    {"type": "text", "text": "What colour is this?"},
                ],
            }
        ],
    )
    assert text_of(message).startswith("I received 1 image.")
    assert sent()[0].images == (("image/png", red_dot),)
    assert sent()[0].turns == (("user", "What colour is this?"),)


def test_a_tools_picture_and_a_tools_failure_arrive(
    anthropic_client: anthropic.Anthropic, upstream: Upstream, sent: SentTo, red_dot: bytes
) -> None:
    messages: list[MessageParam] = [{"role": "user", "content": "What is the weather in Paris and London?"}]
    first = answered(anthropic_client, upstream.model, messages, streamed=False)
    paris, london = calls_of(first)
    picture: ImageBlockParam = {
        "type": "image",
        "source": {
            "type": "base64",
            "media_type": "image/png",
            "data": base64.b64encode(red_dot).decode(),
        },
    }
    results: list[ToolResultBlockParam] = [
        {"type": "tool_result", "tool_use_id": paris.id, "content": [picture]},
        {"type": "tool_result", "tool_use_id": london.id, "content": "no signal", "is_error": True},
    ]
    messages.append({"role": "assistant", "content": first.content})
    messages.append({"role": "user", "content": results})
    second = answered(anthropic_client, upstream.model, messages, streamed=False)
    assert "no signal" in text_of(second)
    assert ("image/png", red_dot) in sent()[-1].images
    failed = [one for one in sent()[-1].answered if "no signal" in one.result]
    assert [one.arguments for one in failed] == [{"city": "London"}]


class Person(pydantic.BaseModel):
    """What a JSON Schema asks for."""

    name: str
    age: int
    languages: list[str]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_json_output_keeps_to_its_schema(
    anthropic_client: anthropic.Anthropic, upstream: Upstream, *, streamed: bool
) -> None:
    messages: list[MessageParam] = [{"role": "user", "content": 'Who is 36 years old and called "Ada"?'}]
    if streamed:
        with anthropic_client.messages.stream(
            model=upstream.model, max_tokens=500, messages=messages, output_format=Person
        ) as stream:
            person = stream.get_final_message().parsed_output
    else:
        person = anthropic_client.messages.parse(
            model=upstream.model, max_tokens=500, messages=messages, output_format=Person
        ).parsed_output
    assert person is not None
    assert (person.name, person.age) == ("Ada", 36)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_text_ends_before_a_stop_sequence(
    anthropic_client: anthropic.Anthropic, upstream: Upstream, *, streamed: bool
) -> None:
    messages: list[MessageParam] = [{"role": "user", "content": "Count to 20"}]
    stops = ["zero", " 7"]
    if streamed:
        with anthropic_client.messages.stream(
            model=upstream.model, max_tokens=500, messages=messages, stop_sequences=stops
        ) as stream:
            message: Message = stream.get_final_message()
    else:
        message = anthropic_client.messages.create(
            model=upstream.model, max_tokens=500, messages=messages, stop_sequences=stops
        )
    assert text_of(message) == "1 2 3 4 5 6"
    if upstream.dialect == "anthropic":
        assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", " 7")
    else:
        # the others do not say what has stopped them
        assert message.stop_reason in {"end_turn", "stop_sequence"}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_token_limit_ends_the_answer(
    anthropic_client: anthropic.Anthropic, upstream: Upstream, *, streamed: bool
) -> None:
    messages: list[MessageParam] = [{"role": "user", "content": "Count to 400"}]
    if streamed:
        with anthropic_client.messages.stream(
            model=upstream.model, max_tokens=60, messages=messages
        ) as stream:
            message: Message = stream.get_final_message()
    else:
        message = anthropic_client.messages.create(model=upstream.model, max_tokens=60, messages=messages)
    assert text_of(message).startswith("1 2 3 4 5 6 7 8 9 10")
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens == 60


# --- usage


def test_usage_says_what_the_upstream_said(
    anthropic_client: anthropic.Anthropic, upstream: Upstream, fake: FakeServer, counted: Response
) -> None:
    fake.script.add(counted, counted)
    whole = anthropic_client.messages.create(model=upstream.model, max_tokens=500, messages=HISTORY)
    with anthropic_client.messages.stream(model=upstream.model, max_tokens=500, messages=HISTORY) as stream:
        streamed = stream.get_final_message()
    for usage in (whole.usage, streamed.usage):
        assert usage.input_tokens == 60
        assert usage.cache_read_input_tokens == 40
        assert usage.cache_creation_input_tokens == 0
        assert usage.output_tokens == 8


# --- errors


def test_an_unknown_model_is_not_found(anthropic_client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="no-such-model") as caught:
        anthropic_client.messages.create(model="no-such-model", max_tokens=500, messages=HISTORY)
    assert caught.value.type == "not_found_error"
    assert caught.value.request_id


def test_a_wrong_key_is_refused(gateway: LiveGateway, upstream: Upstream) -> None:
    with (
        anthropic.Anthropic(base_url=gateway.url, api_key="sk-wrong", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError) as caught,
    ):
        client.messages.create(model=upstream.model, max_tokens=500, messages=HISTORY)
    assert caught.value.type == "authentication_error"
    assert "sk-wrong" not in str(caught.value)


BAD: list[tuple[str, object, str]] = [
    ("max_tokens", 0.5, "max_tokens"),
    ("max_tokens", "many", "max_tokens"),
    ("messages", [], "messages"),
    ("messages", [{"role": "wizard", "content": "Hello"}], "messages.0.role"),
    ("messages", [{"role": "user", "content": [{"type": "text"}]}], "messages.0.content.0"),
    ("tools", [{"name": "f"}], "tools.0"),
    ("stop_sequences", "END", "stop_sequences"),
]


@pytest.mark.parametrize(("field", "value", "place"), BAD, ids=[f"{bad[0]}={bad[1]}" for bad in BAD])
def test_a_bad_parameter_is_named(
    anthropic_client: anthropic.Anthropic, upstream: Upstream, field: str, value: object, place: str
) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        anthropic_client.messages.create(
            model=upstream.model, max_tokens=500, messages=HISTORY, extra_body={field: value}
        )
    assert caught.value.type == "invalid_request_error"
    assert place in caught.value.message.replace("[", ".").replace("]", "")


def test_an_upstreams_limit_is_a_rate_limit_with_its_delay(
    anthropic_client: anthropic.Anthropic, upstream: Upstream, fake: FakeServer
) -> None:
    fake.script.add(Failure(FailureKind.RATE_LIMIT, "Slow down, please.", retry_after=7))
    with pytest.raises(anthropic.RateLimitError, match="Slow down, please") as caught:
        anthropic_client.messages.create(model=upstream.model, max_tokens=500, messages=HISTORY)
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.type == "rate_limit_error"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_an_upstreams_failure_is_a_server_error(
    anthropic_client: anthropic.Anthropic, upstream: Upstream, fake: FakeServer, *, streamed: bool
) -> None:
    fake.script.add(Failure(FailureKind.SERVER, "The model has fallen over."))
    with pytest.raises(anthropic.InternalServerError, match="fallen over") as caught:
        anthropic_client.messages.create(
            model=upstream.model, max_tokens=500, messages=HISTORY, stream=streamed
        )
    assert (caught.value.status_code, caught.value.type) == (500, "api_error")


def test_an_overloaded_upstream_is_overloaded_for_the_client(
    anthropic_client: anthropic.Anthropic, upstream: Upstream, fake: FakeServer
) -> None:
    fake.script.add(Failure(FailureKind.OVERLOADED, "Too much to do."))
    with pytest.raises(anthropic.APIStatusError, match="Too much to do") as caught:
        anthropic_client.messages.create(model=upstream.model, max_tokens=500, messages=HISTORY)
    assert (caught.value.status_code, caught.value.type) == (529, "overloaded_error")


def test_a_stream_that_breaks_off_raises(
    anthropic_client: anthropic.Anthropic, upstream: Upstream, fake: FakeServer, broken: Scripted
) -> None:
    fake.script.add(broken)
    kinds: list[str] = []
    with (
        anthropic_client.messages.create(
            model=upstream.model, max_tokens=500, messages=HISTORY, stream=True
        ) as stream,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        kinds.extend(event.type for event in stream)
    if broken.failure is not None:
        assert broken.failure.message in str(caught.value)
    assert "content_block_delta" in kinds
    assert not {"message_delta", "message_stop"}.intersection(kinds)


# --- models


def test_the_models_are_listed(anthropic_client: anthropic.Anthropic) -> None:
    models = {model.id: model for model in anthropic_client.models.list()}
    assert {"gpt-4o", "sonnet", "flash"} <= models.keys()
    assert models["sonnet"].type == "model"
    assert anthropic_client.models.retrieve("sonnet") == models["sonnet"]
    with pytest.raises(anthropic.NotFoundError):
        anthropic_client.models.retrieve("no-such-model")
