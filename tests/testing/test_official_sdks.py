"""The vendors' own SDKs against the fake: what they read is what the vendor would have sent."""

# pyright: reportUnknownMemberType=false
# google-genai's types name those of an image library that is not installed

import base64
import struct
from collections.abc import Iterator
from typing import Literal

import anthropic
import openai
import pytest
from anthropic.types import MessageParam, ToolParam
from google import genai
from google.genai import errors as google_errors
from google.genai import types
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam
from openai.types.responses import FunctionToolParam, ResponseInputParam

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.testing.json_value import decode_json
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer, fake_server
from dragoman.testing.vectors import embed

KEY = "fake-key"
PARAMETERS: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
BUSY = Failure(FailureKind.OVERLOADED, "Too busy.")
TEXT = Response("", "", (Choice(0, (Text("one two three four five six"),), Stop(StopReason.END)),))


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with fake_server(FakeProvider(keys=frozenset({KEY}))) as fake:
        yield fake


@pytest.fixture(autouse=True)
def _nothing_laid_out(server: FakeServer) -> None:
    server.script.clear()


@pytest.fixture
def gpt(server: FakeServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def claude(server: FakeServer) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=server.url, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def gemini(server: FakeServer) -> Iterator[genai.Client]:
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=server.url))
    yield client
    client.close()


HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello"}]
OPENAI_TOOL: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": PARAMETERS},
}


def test_openai_reads_a_whole_answer(gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.create(model="gpt-4o", messages=HELLO, n=2, logprobs=True, top_logprobs=1)

    assert [choice.message.content for choice in answer.choices] == ["hello", "In other words (2): hello"]
    assert answer.choices[0].logprobs is not None
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_openai_reads_a_stream(gpt: openai.OpenAI) -> None:
    stream = gpt.chat.completions.create(
        model="gpt-4o", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)

    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == "hello"
    assert chunks[-1].usage is not None


def test_openai_runs_a_tool_loop(gpt: openai.OpenAI) -> None:
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Weather in Paris and Rome?"}]
    with gpt.chat.completions.stream(model="gpt-4o", messages=messages, tools=[OPENAI_TOOL]) as stream:
        message = stream.get_final_completion().choices[0].message
    calls = message.tool_calls or []
    messages.append(
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.function.name, "arguments": call.function.arguments},
                }
                for call in calls
            ],
        }
    )
    results: list[ChatCompletionMessageParam] = [
        {"role": "tool", "tool_call_id": call.id, "content": call.function.arguments} for call in calls
    ]
    messages += results
    answer = gpt.chat.completions.create(model="gpt-4o", messages=messages, tools=[OPENAI_TOOL])

    assert answer.choices[0].message.content == (
        'get_weather answered: {"city":"Paris"}\nget_weather answered: {"city":"Rome"}'
    )


def test_openai_sees_refusals_as_its_own(gpt: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="decimal above maximum value") as refused:
        gpt.chat.completions.create(model="gpt-4o", messages=HELLO, temperature=9)
    with pytest.raises(openai.AuthenticationError, match="Incorrect API key provided"):
        gpt.with_options(api_key="wrong-key").models.list()

    assert refused.value.param == "temperature"


def test_openai_sees_failures_before_and_within_a_stream(gpt: openai.OpenAI, server: FakeServer) -> None:
    server.script.add(BUSY, Scripted(TEXT, frames=2, failure=BUSY))
    with pytest.raises(openai.InternalServerError, match=r"Too busy\."):
        gpt.chat.completions.create(model="gpt-4o", messages=HELLO)
    stream = gpt.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)

    with pytest.raises(openai.APIError, match=r"Too busy\."):
        list(stream)


def test_openai_lists_models(gpt: openai.OpenAI) -> None:
    assert "demo" in [model.id for model in gpt.models.list()]
    assert gpt.models.retrieve("demo").owned_by == "demo"


ANTHROPIC_TOOL: ToolParam = {"name": "get_weather", "input_schema": PARAMETERS}
HI: list[MessageParam] = [{"role": "user", "content": "Say hello"}]


def test_anthropic_reads_a_whole_answer(claude: anthropic.Anthropic) -> None:
    answer = claude.messages.create(model="claude-haiku-4-5", max_tokens=50, messages=HI)

    assert [block.text for block in answer.content if block.type == "text"] == ["hello"]
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens == 2


def test_anthropic_runs_a_tool_loop_with_thoughts(claude: anthropic.Anthropic) -> None:
    messages: list[MessageParam] = [{"role": "user", "content": "Weather in Paris?"}]
    with claude.messages.stream(
        model="claude-haiku-4-5",
        max_tokens=4000,
        thinking={"type": "enabled", "budget_tokens": 1024},
        tools=[ANTHROPIC_TOOL],
        messages=messages,
    ) as stream:
        first = stream.get_final_message()
    thoughts, call = first.content
    assert thoughts.type == "thinking"
    assert call.type == "tool_use"
    assert call.input == {"city": "Paris"}

    messages.append({"role": "assistant", "content": first.content})
    messages.append(
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "21"}]}
    )
    answer = claude.messages.create(
        model="claude-haiku-4-5",
        max_tokens=4000,
        thinking={"type": "enabled", "budget_tokens": 1024},
        tools=[ANTHROPIC_TOOL],
        messages=messages,
    )

    assert [block.text for block in answer.content if block.type == "text"] == ["get_weather answered: 21"]


def test_anthropic_sees_refusals_as_its_own(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="maximum allowed number of output tokens"):
        claude.messages.create(model="claude-haiku-4-5", max_tokens=64_001, messages=HI, timeout=5)
    with pytest.raises(anthropic.AuthenticationError, match=r"Invalid bearer token"):
        claude.with_options(api_key="wrong-key").models.list()


def test_anthropic_sees_failures_before_and_within_a_stream(
    claude: anthropic.Anthropic, server: FakeServer
) -> None:
    server.script.add(BUSY, Scripted(TEXT, frames=3, failure=BUSY))
    with pytest.raises(anthropic.APIStatusError, match=r"Too busy\.") as busy:
        claude.messages.create(model="claude-haiku-4-5", max_tokens=50, messages=HI)
    stream = claude.messages.create(model="claude-haiku-4-5", max_tokens=50, messages=HI, stream=True)

    assert busy.value.status_code == 529
    with pytest.raises(anthropic.APIStatusError, match=r"Too busy\."):
        list(stream)


def test_anthropic_lists_models(claude: anthropic.Anthropic) -> None:
    assert "demo" in [model.id for model in claude.models.list()]


def test_google_reads_a_whole_answer(gemini: genai.Client) -> None:
    answer = gemini.models.generate_content(model="gemini-2.5-flash", contents="Say hello")

    assert answer.text == "hello"
    assert answer.usage_metadata is not None
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP


def test_google_fills_a_schema(gemini: genai.Client) -> None:
    config = types.GenerateContentConfig(
        response_mime_type="application/json", response_json_schema=PARAMETERS
    )
    answer = gemini.models.generate_content(model="gemini-2.5-flash", contents="About Oslo", config=config)

    assert decode_json(answer.text or "") == {"city": "Oslo"}


def test_google_runs_a_tool_loop_with_signatures(gemini: genai.Client) -> None:
    declaration = types.FunctionDeclaration(name="get_weather", parameters_json_schema=PARAMETERS)
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declaration])])
    chat = gemini.chats.create(model="gemini-3-pro-preview", config=config)
    calls = [
        call
        for chunk in chat.send_message_stream("Weather in Paris and Rome?")
        for call in chunk.function_calls or []
    ]

    assert [call.args for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]

    results = [
        types.Part(
            function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": "21"})
        )
        for call in calls
    ]
    answer = chat.send_message(results)
    assert answer.text == "get_weather answered: 21\nget_weather answered: 21"


def test_google_sees_refusals_as_its_own(gemini: genai.Client, server: FakeServer) -> None:
    config = types.GenerateContentConfig(temperature=9)
    with pytest.raises(google_errors.ClientError, match="must be in the range"):
        gemini.models.generate_content(model="gemini-2.5-flash", contents="Hi", config=config)
    stranger = genai.Client(api_key="wrong-key", http_options=types.HttpOptions(base_url=server.url))
    with pytest.raises(google_errors.ClientError, match="API key not valid") as refused:
        stranger.models.generate_content(model="gemini-2.5-flash", contents="Hi")
    stranger.close()

    assert refused.value.code == 400


def test_google_sees_a_failure(gemini: genai.Client, server: FakeServer) -> None:
    server.script.add(BUSY)

    with pytest.raises(google_errors.ServerError, match=r"Too busy\."):
        gemini.models.generate_content(model="gemini-2.5-flash", contents="Hi")


def test_google_lists_models(gemini: genai.Client) -> None:
    assert "models/demo" in [model.name for model in gemini.models.list()]


# Responses, counts, embeddings, completions


def test_openai_streams_a_response_and_reads_it_again(gpt: openai.OpenAI) -> None:
    with gpt.responses.stream(model="gpt-5", input="Say one two", reasoning={"summary": "auto"}) as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()

    assert response.output_text == "one two"
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert "response.reasoning_summary_text.delta" in kinds
    assert gpt.responses.retrieve(response.id).output_text == "one two"


def test_openai_goes_on_from_a_response_and_deletes_it(gpt: openai.OpenAI) -> None:
    tool: FunctionToolParam = {
        "type": "function",
        "name": "get_weather",
        "parameters": PARAMETERS,
        "strict": False,
    }
    first = gpt.responses.create(model="gpt-5", input="Weather in Paris and Rome?", tools=[tool])
    calls = [item for item in first.output if item.type == "function_call"]
    assert [decode_json(call.arguments) for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]

    outputs: ResponseInputParam = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "21"} for call in calls
    ]
    second = gpt.responses.create(model="gpt-5", input=outputs, previous_response_id=first.id, tools=[tool])
    assert second.output_text == "get_weather answered: 21\nget_weather answered: 21"
    assert second.previous_response_id == first.id

    items = list(gpt.responses.input_items.list(second.id, order="asc", limit=2))
    assert [item.type for item in items][:2] == ["message", "reasoning"]
    assert items[-1].type == "function_call_output"

    gpt.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError, match="not found"):
        gpt.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as refused:
        gpt.responses.create(model="gpt-5", input="Hi", previous_response_id=first.id)
    assert refused.value.code == "previous_response_not_found"


def test_openai_counts_the_tokens_of_a_response(gpt: openai.OpenAI) -> None:
    counted = gpt.responses.input_tokens.count(model="gpt-4o", input="Say hello", instructions="Be brief.")
    response = gpt.responses.create(model="gpt-4o", input="Say hello", instructions="Be brief.")

    assert response.usage is not None
    assert counted.input_tokens == response.usage.input_tokens


def test_openai_sees_a_response_fail_before_and_within_its_stream(
    gpt: openai.OpenAI, server: FakeServer
) -> None:
    server.script.add(BUSY, Scripted(TEXT, frames=5, failure=BUSY))

    with pytest.raises(openai.InternalServerError, match=r"Too busy\."):
        gpt.responses.create(model="gpt-4o", input="Hi")
    with pytest.raises(openai.APIError, match=r"Too busy\."):
        list(gpt.responses.create(model="gpt-4o", input="Hi", stream=True))


@pytest.mark.parametrize("form", ["float", "base64", None])
def test_openai_reads_embeddings(gpt: openai.OpenAI, form: Literal["float", "base64"] | None) -> None:
    asked = {} if form is None else {"encoding_format": form}
    answer = gpt.embeddings.create(
        model="text-embedding-3-small", input=["Hello", "world"], dimensions=8, extra_body=asked
    )

    vector = answer.data[0].embedding
    numbers = as_floats(vector) if isinstance(vector, str) else vector
    assert numbers == pytest.approx(embed("Hello", 8))
    assert answer.usage.prompt_tokens == 4


def as_floats(text: str) -> list[float]:
    return list(struct.unpack("<8f", base64.b64decode(text)))


def test_openai_goes_on_with_a_text(gpt: openai.OpenAI) -> None:
    model = "gpt-3.5-turbo-instruct"
    whole = gpt.completions.create(model=model, prompt="Say one two", logprobs=1, n=2)
    stream = gpt.completions.create(model=model, prompt="Say one two", stream=True)

    assert [choice.text for choice in whole.choices] == ["one two", "In other words (2): one two"]
    assert whole.choices[0].logprobs is not None
    assert "".join(chunk.choices[0].text for chunk in stream) == "one two"


def test_anthropic_counts_tokens(claude: anthropic.Anthropic) -> None:
    messages: list[MessageParam] = [{"role": "user", "content": "Say hello"}]
    counted = claude.messages.count_tokens(model="claude-sonnet-4-6", messages=messages, system="Be brief.")
    answer = claude.messages.create(
        model="claude-sonnet-4-6", messages=messages, system="Be brief.", max_tokens=100
    )

    assert counted.input_tokens == answer.usage.input_tokens


def test_google_counts_tokens_and_embeds(gemini: genai.Client) -> None:
    counted = gemini.models.count_tokens(model="gemini-2.5-flash", contents="Say hello")
    answer = gemini.models.generate_content(model="gemini-2.5-flash", contents="Say hello")
    config = types.EmbedContentConfig(output_dimensionality=8)
    embedded = gemini.models.embed_content(
        model="gemini-embedding-001", contents=["Hello", "world"], config=config
    )

    assert answer.usage_metadata is not None
    assert counted.total_tokens == answer.usage_metadata.prompt_token_count
    assert embedded.embeddings is not None
    assert [one.values for one in embedded.embeddings] == [
        pytest.approx(embed(text, 8)) for text in ("Hello", "world")
    ]
