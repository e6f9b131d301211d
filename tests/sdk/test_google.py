"""Google's SDK against every kind of upstream."""

# The SDK's annotations name an optional package (PIL): its methods are partly unknown to pyright.
# pyright: reportUnknownMemberType=false

from collections.abc import Iterable

import pydantic
import pytest
from google import genai
from google.genai import errors
from google.genai.types import (
    Candidate,
    Content,
    FunctionCall,
    FunctionDeclaration,
    FunctionResponse,
    GenerateContentConfig,
    GenerateContentResponse,
    HttpOptions,
    Part,
    ThinkingConfig,
    Tool,
)
from tests.conftest import LiveGateway
from tests.sdk.conftest import SentTo, Upstream

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Response
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

SYSTEM = "Answer in one sentence."
QUESTION = "What is the weather in Paris and London, and what does the clock show?"
RESULTS = ["sunny", "rain", "six o'clock"]


def said(role: str, text: str) -> Content:
    """One turn of plain text."""
    return Content(role=role, parts=[Part(text=text)])


HISTORY: list[Content] = [
    said("user", "My name is Ada."),
    said("model", "Good evening, Ada."),
    said("user", "Say Good night, Ada."),
]

TOOLS = Tool(
    function_declarations=[
        FunctionDeclaration(
            name="get_weather",
            description="The weather in a city.",
            parameters_json_schema={
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        ),
        FunctionDeclaration(name="local_time", description="What the clock shows. Needs nothing."),
    ]
)


def parts_of(answer: GenerateContentResponse) -> list[Part]:
    """The parts of an answer's first candidate."""
    assert answer.candidates
    content = answer.candidates[0].content
    return (content.parts or []) if content is not None else []


def text_of(answer: GenerateContentResponse) -> str:
    """The visible text of an answer's first candidate."""
    return "".join(part.text or "" for part in parts_of(answer) if not part.thought)


def reason_of(answer: GenerateContentResponse) -> str | None:
    """Why an answer's first candidate ended."""
    assert answer.candidates
    reason = answer.candidates[0].finish_reason
    return None if reason is None else reason.value


def calls_of(parts: Iterable[Part]) -> list[FunctionCall]:
    """The function calls among the parts."""
    return [part.function_call for part in parts if part.function_call is not None]


def answered(
    client: genai.Client,
    model: str,
    contents: list[Content],
    config: GenerateContentConfig,
    *,
    streamed: bool,
) -> tuple[list[Part], str | None]:
    """All parts of an answer, streamed or not, and why it ended."""
    if not streamed:
        answer = client.models.generate_content(model=model, contents=contents, config=config)
        return parts_of(answer), reason_of(answer)
    chunks = list(client.models.generate_content_stream(model=model, contents=contents, config=config))
    return [part for chunk in chunks for part in parts_of(chunk)], reason_of(chunks[-1])


def with_results(parts: list[Part]) -> list[Content]:
    """The answer as it came, and the results of its calls."""
    results = [
        Part(function_response=FunctionResponse(id=call.id, name=call.name, response={"output": result}))
        for call, result in zip(calls_of(parts), RESULTS, strict=True)
    ]
    return [Content(role="model", parts=parts), Content(role="user", parts=results)]


# --- text


def test_a_conversation_arrives_whole_and_is_answered(
    google_client: genai.Client, upstream: Upstream, sent: SentTo
) -> None:
    answer = google_client.models.generate_content(
        model=upstream.model, contents=HISTORY, config=GenerateContentConfig(system_instruction=SYSTEM)
    )
    assert answer.text == "Good night, Ada."
    assert reason_of(answer) == "STOP"
    assert answer.response_id
    assert answer.model_version
    (request,) = sent()
    assert request.dialect == upstream.dialect
    assert request.system == SYSTEM
    assert request.turns == (
        ("user", "My name is Ada."),
        ("model", "Good evening, Ada."),
        ("user", "Say Good night, Ada."),
    )


def test_a_stream_comes_in_pieces_that_add_up(google_client: genai.Client, upstream: Upstream) -> None:
    chunks = list(google_client.models.generate_content_stream(model=upstream.model, contents="Count to 30"))
    pieces = [text for chunk in chunks if (text := text_of(chunk))]
    assert len(pieces) > 3
    assert "".join(pieces) == " ".join(str(number) for number in range(1, 31))
    assert [reason for chunk in chunks if (reason := reason_of(chunk))] == ["STOP"]
    assert reason_of(chunks[-1]) == "STOP"
    assert len({chunk.response_id for chunk in chunks}) == 1


@pytest.mark.anyio
@pytest.mark.filterwarnings(
    "ignore:Inheritance class AiohttpClientSession:DeprecationWarning"
)  # the SDK's own
async def test_the_asynchronous_client_is_served_alike(gateway: LiveGateway, upstream: Upstream) -> None:
    options = HttpOptions(base_url=gateway.url)
    with genai.Client(api_key=gateway.key, http_options=options) as client:
        async with client.aio as asynchronous:
            answer = await asynchronous.models.generate_content(model=upstream.model, contents=HISTORY)
            assert answer.text == "Good night, Ada."
            stream = await asynchronous.models.generate_content_stream(model=upstream.model, contents=HISTORY)
            assert "".join([text_of(chunk) async for chunk in stream]) == "Good night, Ada."


# --- tools


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_parallel_function_calls_are_answered_in_a_second_round(
    google_client: genai.Client, upstream: Upstream, sent: SentTo, *, streamed: bool
) -> None:
    config = GenerateContentConfig(tools=[TOOLS])
    contents = [said("user", QUESTION)]
    parts, reason = answered(google_client, upstream.model, contents, config, streamed=streamed)
    assert reason == "STOP"
    assert [(call.name, call.args or {}) for call in calls_of(parts)] == [
        ("get_weather", {"city": "Paris"}),
        ("get_weather", {"city": "London"}),
        ("local_time", {}),
    ]

    contents += with_results(parts)
    parts, reason = answered(google_client, upstream.model, contents, config, streamed=streamed)
    assert reason == "STOP"
    assert "".join(part.text or "" for part in parts) == (
        "get_weather answered: sunny\nget_weather answered: rain\nlocal_time answered: six o'clock"
    )
    assert sent()[-1].answered == (
        ("get_weather", {"city": "Paris"}, "sunny"),
        ("get_weather", {"city": "London"}, "rain"),
        ("local_time", {}, "six o'clock"),
    )


def test_the_sdk_calls_python_functions_by_itself(google_client: genai.Client, upstream: Upstream) -> None:
    asked: list[str] = []

    def get_weather(city: str) -> str:
        """The weather in a city."""
        asked.append(city)
        return f"fine in {city}"

    answer = google_client.models.generate_content(
        model=upstream.model,
        contents="What is the weather in Paris and London?",
        config=GenerateContentConfig(tools=[get_weather]),
    )
    assert asked == ["Paris", "London"]
    assert "fine in Paris" in text_of(answer)
    assert "fine in London" in text_of(answer)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("anthropic/claude-opus-4-6", ThinkingConfig(include_thoughts=True)),
        ("sonnet", ThinkingConfig(include_thoughts=True, thinking_budget=2048)),
        ("gemini/gemini-3-pro-preview", ThinkingConfig(include_thoughts=True)),
        ("flash", ThinkingConfig(include_thoughts=True, thinking_budget=2048)),
    ],
    ids=["opus-4.6", "sonnet-4.5", "gemini-3", "gemini-2.5"],
)
def test_thought_signatures_go_back_to_the_vendor_that_signed_them(
    google_client: genai.Client, sent: SentTo, model: str, thinking: ThinkingConfig, *, streamed: bool
) -> None:
    config = GenerateContentConfig(tools=[TOOLS], thinking_config=thinking)
    contents = [said("user", QUESTION)]
    parts, _ = answered(google_client, model, contents, config, streamed=streamed)
    thoughts = "".join(part.text or "" for part in parts if part.thought)
    assert thoughts.startswith("This needs get_weather")
    assert [part for part in parts if part.thought_signature]

    contents += with_results(parts)
    parts, _ = answered(google_client, model, contents, config, streamed=streamed)
    visible = "".join(part.text or "" for part in parts if not part.thought)
    assert "get_weather answered: rain" in visible
    assert len(sent()[-1].issued) == 1


def test_reasoning_that_stays_hidden_is_counted(google_client: genai.Client, sent: SentTo) -> None:
    answer = google_client.models.generate_content(
        model="openai/gpt-5",
        contents=HISTORY,
        config=GenerateContentConfig(thinking_config=ThinkingConfig(thinking_budget=1024)),
    )
    assert answer.text == "Good night, Ada."
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.thoughts_token_count
    assert sent()[0].body["reasoning_effort"] in {"minimal", "low"}


# --- content and form


def test_an_image_arrives_byte_for_byte(
    google_client: genai.Client, upstream: Upstream, sent: SentTo, red_dot: bytes
) -> None:
    answer = google_client.models.generate_content(
        model=upstream.model,
        contents=["What colour is this?", Part.from_bytes(data=red_dot, mime_type="image/png")],
    )
    assert text_of(answer).startswith("I received 1 image.")
    assert sent()[0].images == (("image/png", red_dot),)
    assert sent()[0].turns == (("user", "What colour is this?"),)


class Person(pydantic.BaseModel):
    """What a JSON Schema asks for."""

    name: str
    age: int
    languages: list[str]


JSON_CONFIGS = {
    "schema": GenerateContentConfig(response_mime_type="application/json", response_schema=Person),
    "json schema": GenerateContentConfig(
        response_mime_type="application/json", response_json_schema=Person.model_json_schema()
    ),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("form", list(JSON_CONFIGS))
def test_json_output_keeps_to_its_schema(
    google_client: genai.Client, upstream: Upstream, form: str, *, streamed: bool
) -> None:
    contents = [said("user", 'Who is 36 years old and called "Ada"?')]
    parts, _ = answered(google_client, upstream.model, contents, JSON_CONFIGS[form], streamed=streamed)
    person = Person.model_validate_json("".join(part.text or "" for part in parts))
    assert (person.name, person.age) == ("Ada", 36)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_text_ends_before_a_stop_sequence(
    google_client: genai.Client, upstream: Upstream, *, streamed: bool
) -> None:
    config = GenerateContentConfig(stop_sequences=["zero", " 7"])
    parts, reason = answered(
        google_client, upstream.model, [said("user", "Count to 20")], config, streamed=streamed
    )
    assert "".join(part.text or "" for part in parts) == "1 2 3 4 5 6"
    assert reason == "STOP"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_token_limit_ends_the_answer(
    google_client: genai.Client, upstream: Upstream, *, streamed: bool
) -> None:
    config = GenerateContentConfig(max_output_tokens=60)
    parts, reason = answered(
        google_client, upstream.model, [said("user", "Count to 400")], config, streamed=streamed
    )
    assert "".join(part.text or "" for part in parts).startswith("1 2 3 4 5 6 7 8 9 10")
    assert reason == "MAX_TOKENS"


def test_as_many_candidates_come_as_were_asked_for(google_client: genai.Client, upstream: Upstream) -> None:
    answer = google_client.models.generate_content(
        model=upstream.model, contents="Count to 12", config=GenerateContentConfig(candidate_count=2)
    )
    assert answer.candidates is not None
    assert [candidate.index or 0 for candidate in answer.candidates] == [0, 1]
    texts = [spoken([candidate]) for candidate in answer.candidates]
    assert all("1 2 3" in text for text in texts)

    pieces = [
        candidate
        for chunk in google_client.models.generate_content_stream(
            model=upstream.model, contents="Count to 12", config=GenerateContentConfig(candidate_count=2)
        )
        for candidate in chunk.candidates or []
    ]
    assert [spoken(one for one in pieces if (one.index or 0) == index) for index in (0, 1)] == texts


def spoken(candidates: Iterable[Candidate]) -> str:
    """The text of one candidate, whole or in pieces."""
    contents = [candidate.content for candidate in candidates if candidate.content is not None]
    return "".join(part.text or "" for content in contents for part in content.parts or [])


def test_a_chat_remembers_what_was_said(
    google_client: genai.Client, upstream: Upstream, sent: SentTo
) -> None:
    chat = google_client.chats.create(
        model=upstream.model, config=GenerateContentConfig(system_instruction=SYSTEM)
    )
    assert chat.send_message("Say Good evening").text == "Good evening"
    assert "".join(text_of(chunk) for chunk in chat.send_message_stream("Say Good night")) == "Good night"
    assert sent()[-1].system == SYSTEM
    assert sent()[-1].turns == (
        ("user", "Say Good evening"),
        ("model", "Good evening"),
        ("user", "Say Good night"),
    )


def test_knobs_of_other_vendors_models_are_accepted(google_client: genai.Client, upstream: Upstream) -> None:
    answer = google_client.models.generate_content(
        model=upstream.model,
        contents=HISTORY,
        config=GenerateContentConfig(
            temperature=1.5, top_k=20, seed=7, presence_penalty=0.5, frequency_penalty=-0.5
        ),
    )
    assert answer.text == "Good night, Ada."


# --- usage


def test_usage_says_what_the_upstream_said(
    google_client: genai.Client, upstream: Upstream, fake: FakeServer, counted: Response
) -> None:
    fake.script.add(counted, counted)
    whole = google_client.models.generate_content(model=upstream.model, contents=HISTORY)
    *_, last = google_client.models.generate_content_stream(model=upstream.model, contents=HISTORY)
    for usage in (whole.usage_metadata, last.usage_metadata):
        assert usage is not None
        assert usage.prompt_token_count == 100
        assert usage.cached_content_token_count == 40
        assert usage.candidates_token_count == 8
        assert usage.total_token_count == 108


# --- errors


def test_an_unknown_model_is_not_found(google_client: genai.Client) -> None:
    with pytest.raises(errors.ClientError, match="no-such-model") as caught:
        google_client.models.generate_content(model="no-such-model", contents=HISTORY)
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


def test_a_wrong_key_is_refused(gateway: LiveGateway, upstream: Upstream) -> None:
    options = HttpOptions(base_url=gateway.url)
    with (
        genai.Client(api_key="sk-wrong", http_options=options) as client,
        pytest.raises(errors.ClientError) as caught,
    ):
        client.models.generate_content(model=upstream.model, contents=HISTORY)
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")
    assert "sk-wrong" not in str(caught.value)


BAD: list[tuple[GenerateContentConfig, str]] = [
    (GenerateContentConfig(temperature=5), "temperature"),
    (GenerateContentConfig(top_p=3), "topP"),
    (GenerateContentConfig(max_output_tokens=-1), "maxOutputTokens"),
    (GenerateContentConfig(response_mime_type="image/png"), "responseMimeType"),
    (GenerateContentConfig(http_options=HttpOptions(extra_body={"contents": "Hello"})), "contents"),
]


@pytest.mark.parametrize(("config", "name"), BAD, ids=[bad[1] for bad in BAD])
def test_a_bad_parameter_is_named(
    google_client: genai.Client, upstream: Upstream, config: GenerateContentConfig, name: str
) -> None:
    with pytest.raises(errors.ClientError) as caught:
        google_client.models.generate_content(model=upstream.model, contents=HISTORY, config=config)
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert name.lower() in (caught.value.message or "").lower().replace("_", "")


def test_an_upstreams_limit_is_a_client_error_with_its_delay(
    google_client: genai.Client, upstream: Upstream, fake: FakeServer
) -> None:
    fake.script.add(Failure(FailureKind.RATE_LIMIT, "Slow down, please.", retry_after=7))
    with pytest.raises(errors.ClientError, match="Slow down, please") as caught:
        google_client.models.generate_content(model=upstream.model, contents=HISTORY)
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert "'retryDelay': '7s'" in str(caught.value)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_an_upstreams_failure_is_a_server_error(
    google_client: genai.Client, upstream: Upstream, fake: FakeServer, *, streamed: bool
) -> None:
    fake.script.add(Failure(FailureKind.SERVER, "The model has fallen over."))
    with pytest.raises(errors.ServerError, match="fallen over") as caught:
        answered(google_client, upstream.model, HISTORY, GenerateContentConfig(), streamed=streamed)
    assert (caught.value.code, caught.value.status) == (500, "INTERNAL")


def test_a_stream_that_breaks_off_raises(
    google_client: genai.Client, upstream: Upstream, fake: FakeServer, broken: Scripted
) -> None:
    fake.script.add(broken)
    chunks: list[GenerateContentResponse] = []
    stream = google_client.models.generate_content_stream(model=upstream.model, contents=HISTORY)
    with pytest.raises(errors.APIError) as caught:
        chunks.extend(stream)
    if broken.failure is not None:
        assert broken.failure.message in str(caught.value)
    assert chunks
    assert [reason for chunk in chunks if (reason := reason_of(chunk))] == []


# --- models


def test_the_models_are_listed(google_client: genai.Client) -> None:
    models = {model.name: model for model in google_client.models.list()}
    assert {"models/gpt-4o", "models/sonnet", "models/flash"} <= models.keys()
    found = google_client.models.get(model="sonnet")
    assert found.name == "models/sonnet"
    assert "generateContent" in (found.supported_actions or [])
    with pytest.raises(errors.ClientError) as caught:
        google_client.models.get(model="no-such-model")
    assert caught.value.code == 404
