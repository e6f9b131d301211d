"""The Responses of OpenAI's SDK against every kind of upstream."""

import base64
import json
from collections.abc import Iterable
from typing import cast

import openai
import pydantic
import pytest
from openai.types.responses import (
    CustomToolParam,
    FunctionToolParam,
    Response,
    ResponseCustomToolCall,
    ResponseFunctionToolCall,
    ResponseIncludable,
    ResponseInputItemParam,
    ResponseInputParam,
    ResponseReasoningItem,
    ResponseStreamEvent,
)
from openai.types.responses.response_input_item_param import FunctionCallOutput
from openai.types.shared_params import Reasoning
from tests.conftest import LiveGateway
from tests.live.answers import answering
from tests.sdk.conftest import SentTo, Upstream

from dragoman.conversation.blocks import ToolCall
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Response as Answer
from dragoman.conversation.response import StopReason
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

INSTRUCTIONS = "Answer in one sentence."
HISTORY: ResponseInputParam = [
    {"role": "user", "content": "My name is Ada."},
    {"role": "assistant", "content": "Good evening, Ada."},
    {"role": "user", "content": "Say Good night, Ada."},
]
WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
TIME: FunctionToolParam = {
    "type": "function",
    "name": "local_time",
    "description": "What the clock shows. Needs nothing.",
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}
WAYS = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def respond(
    client: openai.OpenAI,
    model: str,
    asked: str | ResponseInputParam,
    *,
    streamed: bool,
    tools: Iterable[FunctionToolParam | CustomToolParam] = (),
    reasoning: Reasoning | openai.Omit = openai.omit,
) -> Response:
    """An answer that nobody keeps; a streamed one put together by the SDK."""
    encrypted: list[ResponseIncludable] = ["reasoning.encrypted_content"]
    include = openai.omit if reasoning is openai.omit else encrypted
    if not streamed:
        return client.responses.create(
            model=model, input=asked, tools=tools, reasoning=reasoning, include=include, store=False
        )
    with client.responses.stream(
        model=model, input=asked, tools=tools, reasoning=reasoning, include=include, store=False
    ) as stream:
        return stream.get_final_response()


def carried(response: Response) -> list[ResponseInputItemParam]:
    """The items of an answer, as a next request brings them back."""
    return [
        cast(
            "ResponseInputItemParam",
            item.model_dump(exclude_none=True, exclude={"parsed_arguments"}),
        )
        for item in response.output
    ]


def calls_of(response: Response) -> list[ResponseFunctionToolCall]:
    """The calls of an answer."""
    return [item for item in response.output if isinstance(item, ResponseFunctionToolCall)]


def results(
    calls: Iterable[ResponseFunctionToolCall], outputs: Iterable[str]
) -> list[ResponseInputItemParam]:
    """What the calls have led to."""
    return [
        FunctionCallOutput(type="function_call_output", call_id=call.call_id, output=output)
        for call, output in zip(calls, outputs, strict=True)
    ]


# --- text


def test_a_conversation_arrives_whole_and_is_answered(
    openai_client: openai.OpenAI, upstream: Upstream, sent: SentTo
) -> None:
    response = openai_client.responses.create(
        model=upstream.model, instructions=INSTRUCTIONS, input=HISTORY, store=False
    )
    assert response.output_text == "Good night, Ada."
    assert (response.object, response.status, response.error) == ("response", "completed", None)
    assert response.id.startswith("resp_")
    assert response.instructions == INSTRUCTIONS
    (request,) = sent()
    assert request.dialect == upstream.dialect
    assert request.system == INSTRUCTIONS
    assert request.turns == (
        ("user", "My name is Ada."),
        ("model", "Good evening, Ada."),
        ("user", "Say Good night, Ada."),
    )


def test_a_stream_comes_in_pieces_that_add_up(openai_client: openai.OpenAI, upstream: Upstream) -> None:
    with openai_client.responses.stream(model=upstream.model, input="Count to 20", store=False) as stream:
        events: list[ResponseStreamEvent] = [cast("ResponseStreamEvent", event) for event in stream]
        final = stream.get_final_response()
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(deltas) > 1
    assert "".join(deltas) == final.output_text == " ".join(str(number) for number in range(1, 21))
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_an_answer_is_gone_on_from_by_its_id(
    openai_client: openai.OpenAI, upstream: Upstream, sent: SentTo
) -> None:
    """Wherever it came from; an upstream of the same format keeps its own."""
    first = openai_client.responses.create(model=upstream.model, input="My name is Ada.")
    second = openai_client.responses.create(
        model=upstream.model, input="Say Good night, Ada.", previous_response_id=first.id
    )
    assert second.output_text == "Good night, Ada."
    assert second.previous_response_id == first.id
    if upstream.dialect != "openai_responses":
        assert sent()[-1].turns[0] == ("user", "My name is Ada.")
        assert openai_client.responses.retrieve(first.id).output_text == first.output_text
        openai_client.responses.delete(first.id)
        with pytest.raises(openai.NotFoundError):
            openai_client.responses.retrieve(first.id)


# --- tools


@WAYS
def test_parallel_tool_calls_are_answered_in_a_second_round(
    openai_client: openai.OpenAI, upstream: Upstream, sent: SentTo, *, streamed: bool
) -> None:
    asked: ResponseInputParam = [
        {"role": "user", "content": "What is the weather in Paris and London, and what does the clock show?"}
    ]
    first = respond(openai_client, upstream.model, asked, tools=[WEATHER, TIME], streamed=streamed)
    calls = calls_of(first)
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        ("get_weather", {"city": "Paris"}),
        ("get_weather", {"city": "London"}),
        ("local_time", {}),
    ]
    assert len({call.call_id for call in calls}) == len({call.id for call in calls}) == 3
    asked += carried(first)
    asked += results(calls, ["sunny", "rain", "six o'clock"])
    second = respond(openai_client, upstream.model, asked, tools=[WEATHER, TIME], streamed=streamed)
    assert second.output_text == (
        "get_weather answered: sunny\nget_weather answered: rain\nlocal_time answered: six o'clock"
    )
    assert sent()[-1].answered == (
        ("get_weather", {"city": "Paris"}, "sunny"),
        ("get_weather", {"city": "London"}, "rain"),
        ("local_time", {}, "six o'clock"),
    )


PATCH: CustomToolParam = {"type": "custom", "name": "apply_patch", "description": "Takes a patch."}


@WAYS
def test_a_free_text_tool_gets_its_text_at_every_upstream(
    openai_client: openai.OpenAI, upstream: Upstream, fake: FakeServer, sent: SentTo, *, streamed: bool
) -> None:
    """Other vendors have function tools only: theirs takes the text as an argument."""
    text = '*** Begin\n+ "Ada"\n'
    own = upstream.dialect in {"openai_chat", "openai_responses"}
    call = ToolCall("call_00000001", "apply_patch", text if own else json.dumps({"input": text}), custom=own)
    fake.script.add(answering(call, reason=StopReason.TOOL_CALLS))
    asked: ResponseInputParam = [{"role": "user", "content": "Add Ada."}]
    first = respond(openai_client, upstream.model, asked, tools=[PATCH], streamed=streamed)
    (called,) = (item for item in first.output if isinstance(item, ResponseCustomToolCall))
    assert (called.name, called.input) == ("apply_patch", text)
    asked += carried(first)
    asked.append({"type": "custom_tool_call_output", "call_id": called.call_id, "output": "done"})
    second = respond(openai_client, upstream.model, asked, tools=[PATCH], streamed=streamed)
    assert "done" in second.output_text
    assert text in json.dumps(sent()[-1].body) or json.dumps(text)[1:-1] in json.dumps(sent()[-1].body)


# --- reasoning


@WAYS
@pytest.mark.parametrize(
    "model",
    ["responses/gpt-5", "anthropic/claude-opus-4-6", "sonnet", "gemini/gemini-3-pro-preview", "flash"],
)
def test_encrypted_reasoning_goes_back_to_the_vendor_that_wrote_it(
    openai_client: openai.OpenAI, sent: SentTo, model: str, *, streamed: bool
) -> None:
    asked: ResponseInputParam = [{"role": "user", "content": "What is the weather in Paris and London?"}]
    effort: Reasoning = {"effort": "high", "summary": "auto"}
    first = respond(openai_client, model, asked, tools=[WEATHER], reasoning=effort, streamed=streamed)
    thoughts = [item for item in first.output if isinstance(item, ResponseReasoningItem)]
    # where a vendor signs the call and not the thought, an item of its own holds the signature
    (thought,) = (item for item in thoughts if item.encrypted_content)
    assert thought.encrypted_content
    assert first.usage is not None
    assert first.usage.output_tokens_details.reasoning_tokens > 0
    asked += carried(first)
    asked += results(calls_of(first), ["sunny", "rain"])
    second = respond(openai_client, model, asked, tools=[WEATHER], reasoning=effort, streamed=streamed)
    assert second.output_text == "get_weather answered: sunny\nget_weather answered: rain"
    assert len(sent()[-1].thoughts) == 1
    if model != "responses/gpt-5":
        assert thought.encrypted_content.startswith("dgm1.")
        assert len(sent()[-1].issued) == 1


# --- content and form


def test_an_image_arrives_byte_for_byte(
    openai_client: openai.OpenAI, upstream: Upstream, sent: SentTo, red_dot: bytes
) -> None:
    url = f"data:image/png;base64,{base64.b64encode(red_dot).decode()}"
    response = openai_client.responses.create(
        model=upstream.model,
        store=False,
        input=[
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What colour is this?"},
                    {"type": "input_image", "image_url": url, "detail": "auto"},
                ],
            }
        ],
    )
    assert response.output_text.startswith("I received 1 image.")
    assert sent()[0].images == (("image/png", red_dot),)
    assert sent()[0].turns == (("user", "What colour is this?"),)


def test_a_file_arrives_byte_for_byte(
    openai_client: openai.OpenAI, upstream: Upstream, fake: FakeServer
) -> None:
    pdf = base64.b64encode(b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n").decode()
    response = openai_client.responses.create(
        model=upstream.model,
        store=False,
        input=[
            {
                "role": "user",
                "content": [
                    {
                        "type": "input_file",
                        "filename": "paper.pdf",
                        "file_data": f"data:application/pdf;base64,{pdf}",
                    },
                    {"type": "input_text", "text": "What is this?"},
                ],
            }
        ],
    )
    assert response.output_text
    (received,) = fake.script.received
    assert pdf.encode() in received.body
    assert b"application/pdf" in received.body


class Person(pydantic.BaseModel):
    """What a JSON Schema asks for."""

    name: str
    age: int
    languages: list[str]


@WAYS
def test_json_output_keeps_to_its_schema(
    openai_client: openai.OpenAI, upstream: Upstream, *, streamed: bool
) -> None:
    question = 'Who is 36 years old and called "Ada"?'
    if streamed:
        with openai_client.responses.stream(
            model=upstream.model, input=question, text_format=Person, store=False
        ) as stream:
            parsed = stream.get_final_response().output_parsed
    else:
        parsed = openai_client.responses.parse(
            model=upstream.model, input=question, text_format=Person, store=False
        ).output_parsed
    assert parsed is not None
    assert (parsed.name, parsed.age) == ("Ada", 36)


@WAYS
def test_a_token_limit_leaves_the_answer_incomplete(
    openai_client: openai.OpenAI, upstream: Upstream, *, streamed: bool
) -> None:
    if streamed:
        with openai_client.responses.create(
            model=upstream.model, input="Count to 400", max_output_tokens=60, store=False, stream=True
        ) as stream:
            *_, last = stream
        assert last.type == "response.incomplete"
        response = last.response
    else:
        response = openai_client.responses.create(
            model=upstream.model, input="Count to 400", max_output_tokens=60, store=False
        )
    assert response.output_text.startswith("1 2 3 4 5 6 7 8 9 10")
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.usage is not None
    assert response.usage.output_tokens == 60


# --- usage


@WAYS
def test_usage_says_what_the_upstream_said(
    openai_client: openai.OpenAI, upstream: Upstream, fake: FakeServer, counted: Answer, *, streamed: bool
) -> None:
    fake.script.add(counted)
    usage = respond(openai_client, upstream.model, HISTORY, streamed=streamed).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (100, 8, 108)
    assert usage.input_tokens_details.cached_tokens == 40


def test_a_prompt_is_counted_without_an_answer(openai_client: openai.OpenAI, upstream: Upstream) -> None:
    counted = openai_client.responses.input_tokens.count(model=upstream.model, input="How many are these?")
    assert counted.object == "response.input_tokens"
    assert counted.input_tokens > 3


# --- errors


def test_an_unknown_model_is_not_found(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no-such-model") as caught:
        openai_client.responses.create(model="no-such-model", input=HISTORY)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_a_wrong_key_is_refused(gateway: LiveGateway, upstream: Upstream) -> None:
    with (
        openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.responses.create(model=upstream.model, input=HISTORY)
    assert caught.value.code == "invalid_api_key"
    assert "sk-wrong" not in str(caught.value)


def test_an_upstreams_limit_is_a_rate_limit_with_its_delay(
    openai_client: openai.OpenAI, upstream: Upstream, fake: FakeServer
) -> None:
    fake.script.add(Failure(FailureKind.RATE_LIMIT, "Slow down, please.", retry_after=7))
    with pytest.raises(openai.RateLimitError, match="Slow down, please") as caught:
        openai_client.responses.create(model=upstream.model, input=HISTORY)
    assert caught.value.response.headers["retry-after"] == "7"


@WAYS
def test_an_upstreams_failure_is_a_server_error(
    openai_client: openai.OpenAI, upstream: Upstream, fake: FakeServer, *, streamed: bool
) -> None:
    fake.script.add(Failure(FailureKind.SERVER, "The model has fallen over."))
    with pytest.raises(openai.InternalServerError, match="fallen over") as caught:
        openai_client.responses.create(model=upstream.model, input=HISTORY, stream=streamed)
    assert caught.value.status_code == 500


def test_a_stream_that_breaks_off_raises(
    openai_client: openai.OpenAI, upstream: Upstream, fake: FakeServer, broken: Scripted
) -> None:
    fake.script.add(broken)
    pieces: list[ResponseStreamEvent] = []
    with (
        openai_client.responses.create(model=upstream.model, input=HISTORY, stream=True) as stream,
        pytest.raises(openai.APIError) as caught,
    ):
        pieces.extend(stream)
    if broken.failure is not None:
        assert broken.failure.message in str(caught.value)
    kinds = {piece.type for piece in pieces}
    assert "response.output_text.delta" in kinds
    assert not kinds & {"response.completed", "response.incomplete"}
