"""The fake provider as a whole, without sockets: rules, demo model and dialects together."""

from collections.abc import Callable

import msgspec
import pytest

from dragoman.conversation.blocks import Text
from dragoman.conversation.request import Request
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.testing.exchange import Answer
from dragoman.testing.grammar import anthropic, gemini, openai_chat
from dragoman.testing.json_value import JSON, Object, decode_object
from dragoman.testing.provider import FakeProvider

PARAMETERS: Object = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
GEMINI = "/v1beta/models/gemini-3-pro-preview"
OPENAI_HEADERS = {"Content-Type": "application/json"}
ANTHROPIC_HEADERS = {"anthropic-version": "2023-06-01"}


def post(provider: FakeProvider, path: str, body: JSON, query: str = "", **headers: str) -> Answer:
    named = headers or {**OPENAI_HEADERS, **ANTHROPIC_HEADERS}
    return provider.answer("POST", path, query, named, msgspec.json.encode(body))


def chat(text: str, **fields: JSON) -> Object:
    return {"model": "demo", "messages": [{"role": "user", "content": text}], **fields}


def chat_tool() -> Object:
    return {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}


def ask_openai(text: str, *, stream: bool, tools: bool = False, **fields: JSON) -> tuple[Answer, list[str]]:
    body = chat(text, stream=stream, **fields)
    if tools:
        body["tools"] = [chat_tool()]
    if stream:
        body["stream_options"] = {"include_usage": True}
    answer = post(FakeProvider(), CHAT, body)
    faults = (
        openai_chat.check_stream(answer.body, usage=True)
        if stream
        else openai_chat.check_response(answer.body)
    )
    return answer, faults


def ask_anthropic(
    text: str, *, stream: bool, tools: bool = False, **fields: JSON
) -> tuple[Answer, list[str]]:
    body: Object = {"max_tokens": 4000, **chat(text, stream=stream, **fields), "model": "claude-sonnet-4-5"}
    if tools:
        body["tools"] = [{"name": "get_weather", "input_schema": PARAMETERS}]
    answer = post(FakeProvider(), MESSAGES, body)
    check = anthropic.check_stream if stream else anthropic.check_response
    return answer, check(answer.body)


def ask_gemini(text: str, *, stream: bool, tools: bool = False, **fields: JSON) -> tuple[Answer, list[str]]:
    body: Object = {"contents": [{"role": "user", "parts": [{"text": text}]}], **fields}
    if tools:
        body["tools"] = [
            {"functionDeclarations": [{"name": "get_weather", "parametersJsonSchema": PARAMETERS}]}
        ]
    if stream:
        answer = post(FakeProvider(), f"{GEMINI}:streamGenerateContent", body, "alt=sse")
        return answer, gemini.check_stream(answer.body)
    answer = post(FakeProvider(), f"{GEMINI}:generateContent", body)
    return answer, gemini.check_response(answer.body)


ASK: dict[str, Callable[..., tuple[Answer, list[str]]]] = {
    "openai_chat": ask_openai,
    "anthropic": ask_anthropic,
    "gemini": ask_gemini,
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", ASK)
@pytest.mark.parametrize(
    ("text", "tools"),
    [
        ("Hello", False),
        ("Say déjà vu \u2028 \U0001f600", False),
        ("What is the weather in Paris and Rome?", True),
        ("Refuse", False),
    ],
)
def test_every_answer_is_well_formed(dialect: str, stream: bool, text: str, tools: bool) -> None:
    answer, faults = ASK[dialect](text, stream=stream, tools=tools)

    assert answer.status == 200
    assert faults == []
    assert answer.streamed is stream
    assert answer.headers["content-type"].partition(";")[0] == (
        "text/event-stream" if stream else "application/json"
    )


@pytest.mark.parametrize("stream", [False, True])
def test_candidates_and_log_probabilities_are_well_formed(stream: bool) -> None:
    _, faults = ask_openai("Say one two three", stream=stream, n=3, logprobs=True, top_logprobs=2)

    assert faults == []


@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_are_well_formed(stream: bool) -> None:
    _, anthropic_faults = ask_anthropic(
        "Hi", stream=stream, thinking={"type": "enabled", "budget_tokens": 1024}
    )
    _, gemini_faults = ask_gemini(
        "Hi", stream=stream, generationConfig={"thinkingConfig": {"includeThoughts": True}}
    )

    assert anthropic_faults == []
    assert gemini_faults == []


def test_a_stream_without_alt_sse_is_a_json_array() -> None:
    body: Object = {"contents": [{"parts": [{"text": "Hello"}]}]}
    answer = post(FakeProvider(), f"{GEMINI}:streamGenerateContent", body)

    assert gemini.check_stream(answer.body, sse=False) == []
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("dialect", ASK)
def test_a_stream_comes_one_frame_at_a_time(dialect: str) -> None:
    answer, _ = ASK[dialect]("Hello", stream=True)

    assert len(answer.chunks) > 5
    assert all(chunk.data.endswith((b"\n\n", b"\r\n\r\n")) for chunk in answer.chunks)
    assert all(chunk.data.count(b"data: ") == 1 for chunk in answer.chunks)


def test_a_tool_loop_runs_with_signatures_going_back() -> None:
    """What the fake Google sends goes back to it and is accepted; altered, it is not."""
    provider = FakeProvider()
    question: Object = {"role": "user", "parts": [{"text": "Weather in Paris?"}]}
    declared: Object = {"functionDeclarations": [{"name": "get_weather", "parameters": PARAMETERS}]}
    first = decode_object(
        post(provider, f"{GEMINI}:generateContent", {"contents": [question], "tools": [declared]}).body
    )
    candidates = first["candidates"]
    assert isinstance(candidates, list)
    candidate = candidates[0]
    assert isinstance(candidate, dict)
    turn = candidate["content"]
    call_id = decode_call(turn)
    result: Object = {
        "role": "user",
        "parts": [{"functionResponse": {"id": call_id, "name": "get_weather", "response": {"output": "21"}}}],
    }
    body: Object = {"contents": [question, turn, result], "tools": [declared]}

    answered = post(provider, f"{GEMINI}:generateContent", body)
    altered = post(
        provider,
        f"{GEMINI}:generateContent",
        msgspec.json.decode(msgspec.json.encode(body).replace(b"ZGVtby", b"ZGVtbx")),
    )

    assert answered.status == 200
    assert b"get_weather answered" in answered.body
    assert (altered.status, b"Corrupted thought signature." in altered.body) == (400, True)


def decode_call(turn: JSON) -> JSON:
    assert isinstance(turn, dict)
    parts = turn["parts"]
    assert isinstance(parts, list)
    part = parts[0]
    assert isinstance(part, dict)
    call = part["functionCall"]
    assert isinstance(call, dict)
    return call["id"]


def test_thoughts_go_back_and_are_accepted() -> None:
    provider = FakeProvider()
    thinking: Object = {"type": "enabled", "budget_tokens": 1024}
    tools: list[JSON] = [{"name": "get_weather", "input_schema": PARAMETERS}]
    question: Object = {"role": "user", "content": "Weather in Paris?"}
    body: Object = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 4000,
        "thinking": thinking,
        "tools": tools,
        "messages": [question],
    }
    content = decode_object(post(provider, MESSAGES, body).body)["content"]
    assert isinstance(content, list)
    call = content[-1]
    assert isinstance(call, dict)
    result: Object = {"type": "tool_result", "tool_use_id": call["id"], "content": "21"}

    body["messages"] = [
        question,
        {"role": "assistant", "content": content},
        {"role": "user", "content": [result]},
    ]
    answered = post(provider, MESSAGES, body)

    assert answered.status == 200, answered.body
    assert b"get_weather answered: 21" in answered.body


# paths, keys, models


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/chat/completions", 200),
        ("/openai/v1/chat/completions", 200),
        ("/api/paas/v4/chat/completions", 200),
        ("/v1/moderations", 404),
        ("/", 404),
    ],
)
def test_openais_paths_are_served_under_any_base(path: str, status: int) -> None:
    answer = post(FakeProvider(), path, chat("Hi"), **OPENAI_HEADERS)

    assert answer.status == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models/gemini-2.5-flash:generateContent", 200),
        ("/v1beta/models/some%2Fmodel:generateContent", 200),
        ("/v1beta/tunedModels/mine:generateContent", 200),
        ("/v1beta/models/gemini-2.5-flash:predict", 404),
        ("/v1beta/nothing", 404),
    ],
)
def test_googles_paths_name_the_model(path: str, status: int) -> None:
    body: Object = {"contents": [{"parts": [{"text": "Hello"}]}]}
    answer = post(FakeProvider(), path, body, **{"x-goog-api-key": "k"})

    assert answer.status == status


def test_anthropic_serves_its_path_only() -> None:
    provider = FakeProvider()

    assert post(provider, "/v1/messages", {}, **ANTHROPIC_HEADERS).status == 400
    assert anthropic.check_error(post(provider, "/v1/nothing", {}, **ANTHROPIC_HEADERS).body) == []


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (CHAT, {}),
        (MESSAGES, ANTHROPIC_HEADERS),
        (f"{GEMINI}:generateContent", {}),
    ],
)
def test_another_method_is_not_allowed(path: str, headers: dict[str, str]) -> None:
    assert FakeProvider().answer("GET", path, "", headers, b"").status == 405


@pytest.mark.parametrize(
    ("path", "headers", "query", "status"),
    [
        (CHAT, {"authorization": "Bearer k"}, "", 400),
        (CHAT, {"x-api-key": "k"}, "", 401),
        (MESSAGES, {"x-api-key": "k"}, "", 400),
        (MESSAGES, {"x-api-key": "other"}, "", 401),
        (f"{GEMINI}:generateContent", {}, "key=k", 400),
        (f"{GEMINI}:generateContent", {}, "", 403),
        ("/v1/models", {"authorization": "Bearer other"}, "", 401),
    ],
)
def test_keys_are_asked_for_first(path: str, headers: dict[str, str], query: str, status: int) -> None:
    method = "GET" if path.endswith("/models") else "POST"
    answer = FakeProvider(keys=frozenset({"k"})).answer(method, path, query, headers, b"{")

    assert answer.status == status


def test_models_are_listed_in_each_form() -> None:
    provider = FakeProvider(models=("a", "b"))
    listed = provider.answer("GET", "/v1/models", "", {}, b"")
    anthropics = provider.answer("GET", "/v1/models", "", ANTHROPIC_HEADERS, b"")
    googles = provider.answer("GET", "/v1beta/models", "", {}, b"")
    one = provider.answer("GET", "/v1/models/b", "", {}, b"")

    assert [entry["id"] for entry in objects(listed, "data")] == ["a", "b"]
    assert [entry["id"] for entry in objects(anthropics, "data")] == ["a", "b"]
    assert [entry["name"] for entry in objects(googles, "models")] == ["models/a", "models/b"]
    assert decode_object(one.body)["id"] == "b"


def objects(answer: Answer, member: str) -> list[Object]:
    value = decode_object(answer.body)[member]
    assert isinstance(value, list)
    return [entry for entry in value if isinstance(entry, dict)]


def test_only_the_models_given_are_served() -> None:
    provider = FakeProvider(models=("a",))

    assert post(provider, CHAT, chat("Hi", model="a")).status == 200
    assert post(provider, CHAT, chat("Hi")).status == 404
    assert provider.answer("GET", "/v1/models/nope", "", {}, b"").status == 404


def test_the_demo_model_is_always_listed_first() -> None:
    listed = FakeProvider().answer("GET", "/v1/models", "", {}, b"")

    assert objects(listed, "data")[0]["id"] == "demo"
    assert len(objects(listed, "data")) > 5


def test_ids_are_the_vendors_and_never_the_same() -> None:
    provider = FakeProvider(clock=lambda: 1_700_000_000.0)
    first, second = (decode_object(post(provider, CHAT, chat("Hi")).body) for _ in range(2))
    message = decode_object(post(provider, MESSAGES, chat("Hi", max_tokens=50)).body)

    assert str(first["id"]).startswith("chatcmpl-")
    assert first["id"] != second["id"]
    assert first["created"] == 1_700_000_000
    assert str(message["id"]).startswith("msg_01")


def test_requests_name_themselves_in_the_vendors_headers() -> None:
    provider = FakeProvider()

    assert post(provider, CHAT, chat("Hi")).headers["x-request-id"].startswith("req_")
    assert post(provider, MESSAGES, chat("Hi", max_tokens=50)).headers["request-id"].startswith("req_")


def test_another_model_can_stand_behind_it() -> None:
    def shout(request: Request, included: frozenset[str]) -> Response:
        words = f"{request.model.upper()} {sorted(included)}"
        return Response("", "", (Choice(0, (Text(words),), Stop(StopReason.END)),))

    provider = FakeProvider(actor=shout)

    assert b"DEMO []" in post(provider, CHAT, chat("Hi")).body
    assert post(provider, CHAT, chat("Hi", top_k=5)).status == 400


def test_what_was_answered_is_noted_beside_the_request() -> None:
    provider = FakeProvider()
    answers = [post(provider, CHAT, chat("Hi")), post(provider, CHAT, chat("Hi", top_k=5))]

    assert [received.answer for received in provider.script.received] == answers
