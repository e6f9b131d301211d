"""Statements 89 to 99: what an answer cost, what went wrong, and by which id it is found again."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live.answers import saying
from tests.live.client import Client, Reply
from tests.live.journal import exchange_of
from tests.live.vendor_errors import FACES, VENDOR_ERRORS, VendorError, gemini, info
from tests.statements.asking import (
    CLIENTS,
    MODELS,
    A,
    C,
    G,
    House,
    R,
    at,
    every_client,
    every_pair,
    every_upstream,
    foreign_pairs,
    objects,
)

from dragoman.conversation.failure import FailureKind as Kind
from dragoman.testing.exchange import Answer, Chunk, json_answer
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

CONFIG = """
[server]
port = 0
[retries]
attempts = 2
[health]
cooldown = 0
[auth]
keys = ["{client_key}"]
[log]
level = "error"
"""
PROVIDER = """
[providers.{name}_{number}]
dialect = "{name}"
base_url = "{url}"
api_key = "{upstream_key}"
"""


@pytest.fixture(scope="module")
def spare(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """A gateway with routes `chosen_DIALECT` over two keys of one vendor, as two providers."""
    config = CONFIG.format(client_key=CLIENT_KEY)
    for name, model in MODELS.items():
        url = f"{fake_upstream.url}/v1" if name in {C, R} else fake_upstream.url
        for number in (1, 2):
            config += PROVIDER.format(name=name, number=number, url=url, upstream_key=UPSTREAM_KEY)
        bare = model.partition("/")[2]
        config += f'[routes.chosen_{name}]\ntargets = ["{name}_1/{bare}", "{name}_2/{bare}"]\n'
    with serving(config, tmp_path_factory.mktemp("spare")) as running:
        yield running


def asked(house: House, client: str, upstream: str, *, stream: bool = False) -> tuple[Client, Reply]:
    """A client of a dialect, and the answer to a small request of it."""
    asker = Client(client, house.gateway)
    body = asker.request(MODELS[upstream], stream=stream)
    if stream and client == C:
        body["stream_options"] = {"include_usage": True}
    return asker, asker.get(MODELS[upstream], stream=stream, body=body)


def plainly(answer: Answer) -> Scripted:
    """An answer that is no model's: nothing of the request is looked at."""
    return Scripted(answer, checked=False)


def refusal(error: VendorError) -> Scripted:
    """A vendor's error."""
    headers = {"content-type": "application/json", **error.headers}
    return plainly(Answer(error.status, headers, (Chunk(0.0, error.body),)))


# --- 89: usage ----------------------------------------------------------------------------------------

CHAT_USAGE: Object = {
    "prompt_tokens": 18,
    "completion_tokens": 20,
    "total_tokens": 38,
    "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 8},
}
RESPONSES_USAGE: Object = {
    "input_tokens": 18,
    "output_tokens": 20,
    "total_tokens": 38,
    "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
    "output_tokens_details": {"reasoning_tokens": 8},
}
ANTHROPIC_USAGE: Object = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 3,
    "cache_read_input_tokens": 5,
    "output_tokens": 20,
    "output_tokens_details": {"thinking_tokens": 8},
}
GEMINI_USAGE: Object = {
    "promptTokenCount": 16,
    "toolUsePromptTokenCount": 2,
    "cachedContentTokenCount": 5,
    "candidatesTokenCount": 12,
    "thoughtsTokenCount": 8,
    "totalTokenCount": 38,
}
ITEM: Object = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
}
ANSWERS: dict[str, Object] = {
    C: {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": CHAT_USAGE,
    },
    R: {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": "completed",
        "output": [ITEM],
        "usage": RESPONSES_USAGE,
    },
    A: {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": ANTHROPIC_USAGE,
    },
    G: {
        "candidates": [
            {"index": 0, "content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}
        ],
        "usageMetadata": GEMINI_USAGE,
        "modelVersion": "m",
        "responseId": "r",
    },
}
"""An answer of each vendor with all the counts that its format has."""


def counts(client: str, asker: Client, reply: Reply) -> dict[str, JSON]:
    """The counts that an answer tells its client, by one name each; those that are 0 left out."""
    if reply.headers["content-type"].startswith("text/event-stream"):
        frames = asker.frames(reply.body)
    else:
        frames = [reply.object]
    usage: Object = {}
    for frame in frames:
        for holder in (frame, frame.get("response"), frame.get("message")):
            if isinstance(holder, dict):
                for name in ("usage", "usageMetadata"):
                    told = holder.get(name)
                    usage |= told if isinstance(told, dict) else {}
    found: dict[str, JSON] = {}
    for name, value in usage.items():
        if isinstance(value, dict) and name != "cache_creation":
            found |= {inner: count for inner, count in value.items() if count}
        elif isinstance(value, int) and value:
            found[name] = value
    return found


def reconciles(client: str, told: dict[str, JSON]) -> bool:
    """Whether the parts add up to 38 tokens, 18 in and 20 out."""

    def of(*names: str) -> int:
        return sum(value for name in names if isinstance(value := told.get(name, 0), int))

    match client:
        case "openai_chat":
            return (of("prompt_tokens"), of("completion_tokens"), of("total_tokens")) == (18, 20, 38)
        case "openai_responses":
            return (of("input_tokens"), of("output_tokens"), of("total_tokens")) == (18, 20, 38)
        case "anthropic":
            inside = of("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
            return (inside, of("output_tokens")) == (18, 20)
        case _:
            inside = of("promptTokenCount", "toolUsePromptTokenCount")
            out = of("candidatesTokenCount", "thoughtsTokenCount")
            return (inside, out, of("totalTokenCount")) == (18, 20, 38)


CACHED = {C: "cached_tokens", R: "cached_tokens", A: "cache_read_input_tokens", G: "cachedContentTokenCount"}
REASONED = {C: "reasoning_tokens", R: "reasoning_tokens", A: "thinking_tokens", G: "thoughtsTokenCount"}
WRITTEN = {C: "cache_write_tokens", R: "cache_write_tokens", A: "cache_creation_input_tokens"}


@every_pair
@pytest.mark.parametrize("stream", [False, True])
def test_statement_089_usage_reconciles_in_every_format(
    house: House, client: str, upstream: str, stream: bool
) -> None:
    """A whole answer to a request for a stream is streamed to the client."""
    house.fake.script.add(plainly(json_answer(200, json.dumps(ANSWERS[upstream]).encode())))
    with capture_logs() as entries:
        asker, reply = asked(house, client, upstream, stream=stream)
    assert reply.status == 200, reply
    told = counts(client, asker, reply)
    assert reconciles(client, told), told
    assert (told[CACHED[client]], told[REASONED[client]]) == (5, 8)
    if G not in {upstream, client}:
        assert told[WRITTEN[client]] == 3
    entry = exchange_of(entries)
    parts = ("input_tokens", "cache_read_tokens", "cache_write_tokens")
    assert sum(int(str(entry.get(name, 0))) for name in parts) == 18
    assert (entry["output_tokens"], entry["reasoning_tokens"]) == (20, 8)


# --- 90 to 92: what kind of error ------------------------------------------------------------------------

EACH_ERROR = pytest.mark.parametrize(
    ("upstream", "error"),
    [(name, error) for name, errors in VENDOR_ERRORS.items() for error in errors],
    ids=[
        f"{name}-{number}-{error.kind}"
        for name, errors in VENDOR_ERRORS.items()
        for number, error in enumerate(errors)
    ],
)
"""Every vendor's every error."""


@every_client
@EACH_ERROR
def test_statement_090_every_error_has_the_clients_status_and_words(
    house: House, client: str, upstream: str, error: VendorError
) -> None:
    house.fake.script.add(refusal(error))
    asker, reply = asked(house, client, upstream)
    told = asker.read_error(reply)
    if client == upstream == A and error.kind is not Kind.UPSTREAM_AUTHENTICATION:
        assert (reply.status, reply.body) == (error.status, error.body)
        return
    face = FACES[error.kind][client]
    assert (reply.status, told.word) == (face.status, face.word)


@every_client
@pytest.mark.parametrize(("kind", "status"), [(Kind.NOT_FOUND, 404), (Kind.BAD_GATEWAY, 502)])
def test_statement_090_rows_that_no_vendor_writes_itself(
    house: House, client: str, kind: Kind, status: int
) -> None:
    """Something on the way answers, in no vendor's words."""
    house.fake.script.add(plainly(Answer(status, {"content-type": "text/html"}, (Chunk(0.0, b"<p>No</p>"),))))
    asker, reply = asked(house, client, C)
    face = FACES[kind][client]
    assert (reply.status, asker.read_error(reply).word) == (face.status, face.word)


@every_client
def test_statement_090_a_clients_own_wrong_key_is_its_own_fault(house: House, client: str) -> None:
    asker = Client(client, house.gateway)
    ask = asker.ask(MODELS[C])
    headers = {"content-type": "application/json", **asker.credentials("sk-wrong")}
    reply = asker.send(ask._replace(headers=headers))
    words = {A: "authentication_error", G: "UNAUTHENTICATED"}
    assert (reply.status, asker.read_error(reply).word) == (401, words.get(client, "invalid_request_error"))


def test_statement_090_every_row_is_among_them() -> None:
    written = {error.kind for errors in VENDOR_ERRORS.values() for error in errors}
    ours = {Kind.NOT_FOUND, Kind.BAD_GATEWAY, Kind.AUTHENTICATION}
    # of a client that has left nobody reads an error, and these two are no upstream's errors
    no_upstreams = {Kind.METHOD_NOT_ALLOWED, Kind.REQUEST_TIMEOUT}
    assert written | ours == set(Kind) - {Kind.CLIENT_CLOSED} - no_upstreams


KEY_IS_WRONG = gemini(
    Kind.UPSTREAM_AUTHENTICATION,
    400,
    f"API key not valid: {UPSTREAM_KEY}. Please pass a valid API key.",
    "INVALID_ARGUMENT",
    info("API_KEY_INVALID"),
)


@every_client
@pytest.mark.parametrize("stream", [False, True])
def test_statement_091_googles_word_of_a_wrong_key_is_the_gateways_fault(
    house: House, client: str, stream: bool
) -> None:
    house.fake.script.add(refusal(KEY_IS_WRONG))
    asker, reply = asked(house, client, G, stream=stream)
    face = FACES[Kind.UPSTREAM_AUTHENTICATION][client]
    assert (reply.status, asker.read_error(reply).word) == (502, face.word)
    assert UPSTREAM_KEY not in str(reply)


@every_client
def test_statement_091_another_key_is_tried(spare: LiveGateway, fake: FakeServer, client: str) -> None:
    fake.script.add(refusal(KEY_IS_WRONG), saying("with the second key"))
    asker = Client(client, spare)
    assert asker.words(asker.get(f"chosen_{G}")) == "with the second key"
    assert len(fake.script.received) == 2


OVERFLOWS = [
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130412 tokens.",
    "prompt is too long: 210034 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "The input token count (1100034) exceeds the maximum number of tokens allowed (1048576).",
    "Input is too long for requested model.",
    "the request exceeds the available context size. try increasing the context size",
    "Prompt exceeds the maximum allowed input length",
    "Too many tokens: the context window is exceeded",
]
PHRASES = {
    C: "maximum context length",
    R: "exceeds the context window",
    A: "prompt is too long: ",
    G: "The input token count",
}


@every_pair
@pytest.mark.parametrize("message", OVERFLOWS)
def test_statement_092_an_overflow_has_the_clients_own_phrase_and_code(
    house: House, client: str, upstream: str, message: str
) -> None:
    bodies: dict[str, Object] = {
        A: {"type": "error", "error": {"type": "invalid_request_error", "message": message}},
        G: {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}},
    }
    openai: Object = {"error": {"message": message, "type": "invalid_request_error", "code": None}}
    body = json.dumps(bodies.get(upstream, openai)).encode()
    house.fake.script.add(plainly(json_answer(400, body)))
    asker, reply = asked(house, client, upstream)
    told = asker.read_error(reply)
    assert reply.status == 400
    if client == upstream == A:
        assert reply.body == body
        return
    assert PHRASES[client] in told.message
    if client in {C, R}:
        assert told.code == "context_length_exceeded"


# --- 93 to 95: limits ---------------------------------------------------------------------------------

HARD = [
    (name, error) for name, errors in VENDOR_ERRORS.items() for error in errors if error.kind is Kind.QUOTA
]


@every_client
@pytest.mark.parametrize(("upstream", "error"), HARD, ids=[name for name, _ in HARD])
def test_statement_093_an_exhausted_quota_is_not_asked_again(
    house: House, spare: LiveGateway, client: str, upstream: str, error: VendorError
) -> None:
    fake = house.fake
    fake.script.add(refusal(error), saying("again"))
    _, reply = asked(house, client, upstream)
    assert reply.status == 429
    assert "retry-after" not in reply.headers
    assert len(fake.script.received) == 1
    fake.script.clear()
    # another account may have some left
    fake.script.add(refusal(error), saying("another account"))
    asker = Client(client, spare)
    assert asker.words(asker.get(f"chosen_{upstream}")) == "another account"


WAITING = [
    (name, error)
    for name, errors in VENDOR_ERRORS.items()
    for error in errors
    if error.headers or b"retryDelay" in error.body
]


@every_client
@pytest.mark.parametrize(
    ("upstream", "error"),
    WAITING,
    ids=[f"{name}-{error.status}-{n}" for n, (name, error) in enumerate(WAITING)],
)
def test_statement_094_how_long_to_wait_is_told(
    house: House, client: str, upstream: str, error: VendorError
) -> None:
    """In the header for every client, whatever way the vendor said it; Google's clients read the body."""
    house.fake.script.add(refusal(error))
    _, reply = asked(house, client, upstream)
    assert reply.status in {429, 503, 529}
    assert reply.headers["retry-after"] == "7"
    if client == G:
        (detail,) = [one for one in objects(reply.object, "error", "details") if "retryDelay" in one]
        assert re.fullmatch(r"(6(\.\d+)?|7)s", str(detail["retryDelay"]))


LIMITS = {
    "x-ratelimit-limit-requests": "100",
    "x-ratelimit-remaining-requests": "99",
    "x-ratelimit-reset-requests": "6m0s",
    "x-ratelimit-remaining-tokens": "-1",
    "anthropic-ratelimit-tokens-remaining": "50",
    "anthropic-ratelimit-tokens-reset": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
}


@every_pair
@pytest.mark.parametrize("status", [200, 429])
def test_statement_095_the_limits_of_the_gateways_own_key_are_not_the_clients(
    house: House, client: str, upstream: str, status: int
) -> None:
    """Several clients share the key, and the key may be one of several: its limits say nothing to one."""
    body = json.dumps(ANSWERS[upstream] if status == 200 else {"error": {"message": "Slow down."}}).encode()
    headers = {"content-type": "application/json", **LIMITS}
    house.fake.script.add(plainly(Answer(status, headers, (Chunk(0.0, body),))))
    _, reply = asked(house, client, upstream)
    assert reply.status == status
    assert [name for name in reply.headers if "ratelimit" in name] == []


# --- 96 to 97: errors under 200, and refusals -----------------------------------------------------------

UNDER_200: dict[str, bytes] = {
    C: b'{"error": {"message": "Busy.", "code": 503}}',
    R: b'{"error": {"message": "Busy.", "code": 503}}',
    A: b'{"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}}',
    G: b'{"error": {"code": 503, "message": "Busy.", "status": "UNAVAILABLE"}}',
}


@every_pair
@pytest.mark.parametrize("stream", [False, True])
def test_statement_096_an_error_under_200_is_an_error(
    house: House, client: str, upstream: str, stream: bool
) -> None:
    house.fake.script.add(plainly(json_answer(200, UNDER_200[upstream])))
    asker, reply = asked(house, client, upstream, stream=stream)
    assert "Busy." in asker.read_error(reply).message
    assert reply.status == (529 if client == A else 503)


@every_pair
@pytest.mark.parametrize(
    "body",
    [
        b"Busy.",
        b"<html><head><title>Busy.</title></head><body><h1>503</h1></body></html>",
        b'{"title": "Busy.", "status": 503}',
        b'{"message": "Busy."}',
        b'{"detail": [{"loc": ["body"], "msg": "Busy."}]}',
        b'{"error": "Busy."}',
        b'{"object": "error", "message": "Busy."}',
        b'[{"error": {"message": "Busy."}}]',
    ],
)
def test_statement_096_an_error_in_anyones_form_is_told_in_the_clients(
    house: House, client: str, upstream: str, body: bytes
) -> None:
    house.fake.script.add(plainly(Answer(503, {"content-type": "text/plain"}, (Chunk(0.0, body),))))
    asker, reply = asked(house, client, upstream)
    assert "Busy." in asker.read_error(reply).message
    assert "<" not in asker.read_error(reply).message


BLOCKED: dict[str, Object] = {
    C: {
        **ANSWERS[C],
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "content_filter"}
        ],
    },
    R: {
        **ANSWERS[R],
        "status": "incomplete",
        "incomplete_details": {"reason": "content_filter"},
        "output": [],
    },
    A: {**ANSWERS[A], "content": [], "stop_reason": "refusal"},
    G: {
        "promptFeedback": {"blockReason": "SAFETY"},
        "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4},
        "modelVersion": "m",
    },
}
"""What each vendor answers to a prompt that it blocks."""


@every_pair
@pytest.mark.parametrize("stream", [False, True])
def test_statement_097_a_blocked_prompt_is_a_refusal_and_no_error(
    house: House, client: str, upstream: str, stream: bool
) -> None:
    house.fake.script.add(plainly(json_answer(200, json.dumps(BLOCKED[upstream]).encode())))
    asker, reply = asked(house, client, upstream, stream=stream)
    assert reply.status == 200, reply
    frames = asker.frames(reply.body) if stream else [reply.object]
    assert stops(client, frames) & {
        "content_filter",
        "refusal",
        "SAFETY",
        "PROHIBITED_CONTENT",
    }


def stops(client: str, frames: list[Object]) -> set[str]:
    """The words by which an answer says why it ended."""
    found: set[str] = set()
    for frame in frames:
        match client:
            case "openai_chat":
                found |= {str(choice.get("finish_reason")) for choice in objects(frame, "choices")}
            case "openai_responses":
                response = frame.get("response", frame)
                details = response.get("incomplete_details") if isinstance(response, dict) else None
                found |= {str(details["reason"])} if isinstance(details, dict) else set()
            case "anthropic":
                delta = frame.get("delta", frame)
                found |= {str(delta.get("stop_reason"))} if isinstance(delta, dict) else set()
            case _:
                found |= {str(one.get("finishReason")) for one in objects(frame, "candidates")}
                if "promptFeedback" in frame:
                    found.add(str(at(frame, "promptFeedback", "blockReason")))
    return found


# --- 98 and 99: repairs, and ids -------------------------------------------------------------------------


@pytest.fixture
def learning(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """A gateway that knows nothing yet of its providers."""
    config = CONFIG.format(client_key=CLIENT_KEY)
    for name in CLIENTS:
        url = f"{fake_upstream.url}/v1" if name in {C, R} else fake_upstream.url
        config += PROVIDER.format(name=name, number=1, url=url, upstream_key=UPSTREAM_KEY)
    with serving(config, tmp_path_factory.mktemp("learning")) as running:
        yield running


@foreign_pairs
def test_statement_098_a_refused_field_is_left_out_at_once_and_from_then_on(
    learning: LiveGateway, fake: FakeServer, client: str, upstream: str
) -> None:
    message = {
        A: "temperature: Extra inputs are not permitted",
        G: "Invalid JSON payload received. Unknown name \"temperature\" at 'generation_config'.",
    }.get(upstream, "Unsupported parameter: 'temperature' is not supported with this model.")
    error: Object = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    refused = json_answer(400, json.dumps({"type": "error", "error": error}).encode())
    fake.script.add(Scripted(refused, checked=False), saying("first"), saying("second"))
    model = f"{upstream}_1/{MODELS[upstream].partition('/')[2]}"
    asker = Client(client, learning)
    config: Object = {"temperature": 0.5}
    warm: Object = {"generationConfig": config} if client == G else config
    for words in ("first", "second"):
        reply = asker.get(model, body=asker.request(model) | warm)
        assert asker.words(reply) == words
        assert "temperature" in reply.headers["x-dragoman-losses"]
    sent = [b'"temperature"' in received.body for received in fake.script.received]
    assert sent == [True, False, False]


@every_client
def test_statement_098_a_repair_is_tried_once(learning: LiveGateway, fake: FakeServer, client: str) -> None:
    upstream = A if client == C else C
    message = "Unsupported parameter: 'temperature' is not supported with this model."
    error: Object = {"message": message, "type": "invalid_request_error"}
    refused = json_answer(400, json.dumps({"type": "error", "error": error}).encode())
    fake.script.add(*[Scripted(refused, checked=False)] * 2, saying("never"))
    model = f"{upstream}_1/{MODELS[upstream].partition('/')[2]}"
    asker = Client(client, learning)
    config: Object = {"temperature": 0.5}
    warm: Object = {"generationConfig": config} if client == G else config
    assert asker.get(model, body=asker.request(model) | warm).status == 400
    assert len(fake.script.received) == 2


@every_pair
@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize("stream", [False, True])
def test_statement_099_the_ids_of_gateway_and_upstream_are_told(
    house: House, client: str, upstream: str, status: int, stream: bool
) -> None:
    name = "request-id" if upstream == A else "x-request-id"
    body = json.dumps(ANSWERS[upstream] if status == 200 else {"error": {"message": "No."}}).encode()
    headers = {"content-type": "application/json", name: "req_upstream_1"}
    house.fake.script.add(plainly(Answer(status, headers, (Chunk(0.0, body),))))
    with capture_logs() as entries:
        _, reply = asked(house, client, upstream, stream=stream)
    assert reply.status == (529 if (client, status) == (A, 503) else status)
    assert reply.headers["x-request-id"].startswith("req_")
    assert reply.headers["x-request-id"] == exchange_of(entries)["request_id"] != "req_upstream_1"
    assert reply.headers["x-dragoman-upstream-request-id"] == "req_upstream_1"
    if client == A:
        assert reply.headers["request-id"] == reply.headers["x-request-id"]


@every_upstream
def test_statement_099_an_id_that_is_the_key_is_not_told(house: House, upstream: str) -> None:
    headers = {"content-type": "application/json", "x-request-id": UPSTREAM_KEY}
    for status in (200, 503):
        body = json.dumps(ANSWERS[upstream]).encode()
        house.fake.script.add(plainly(Answer(status, headers, (Chunk(0.0, body),))))
        _, reply = asked(house, C, upstream)
        assert UPSTREAM_KEY not in str(reply)
