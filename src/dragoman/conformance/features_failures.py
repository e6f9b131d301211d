"""What goes wrong upstream, and how the client is told."""

import dataclasses

import msgspec

from dragoman.conformance.answer_gemini import retry_delay
from dragoman.conformance.exact_json import decode_object
from dragoman.conformance.feature import Feature, Playing, asking, say
from dragoman.conformance.gateway_client import Answered
from dragoman.conformance.question import Question, ask
from dragoman.conformance.reply import Told
from dragoman.conformance.stage import BrokenError, Stage
from dragoman.conformance.subject import UPSTREAM_KEY
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.exchange import Answer, Chunk, Ending, json_answer
from dragoman.testing.json_value import Object
from dragoman.testing.script import Scripted

_PLAIN = asking(Question("", ask()))
_TABLE = "statement 90: status and type of an error are those that the client's vendor would send"
_IN_STREAM = "statement 83: what breaks halfway is an error in the client's format, and no end"
_LONG = say(" ".join(f"word{number}" for number in range(40)))
_WORDS = "The flux compensator is too small"


def _envelope(stage: Stage, answered: Answered) -> Told:
    """The error that the answer has to be."""
    if answered.status == 0:
        raise BrokenError(f"no answer: {answered.body[:120].decode('utf-8', 'replace')}", _TABLE)
    stage.require(answered.status != 200, "the answer is 200 although the upstream failed", _TABLE)
    problems = stage.client.check_error(answered.body)
    stage.require(
        not problems, f"HTTP {answered.status}, not in the client's envelope: {problems[:2]}", _TABLE
    )
    return stage.client.read_error(decode_object(answered.body))


def _sealed(stage: Stage, answered: Answered) -> None:
    """Nothing of the upstream's key may be in what the client gets; a client that brings it knows it."""
    if stage.subject.key != UPSTREAM_KEY:
        told = answered.body.decode("utf-8", "replace") + str(answered.headers)
        stage.expect(
            UPSTREAM_KEY not in told, "the upstream's key is in the answer", "statement 4: keys stay in"
        )


async def _failing(stage: Stage, answer: Failure | Answer) -> tuple[Answered, Told]:
    question = Question(stage.model, ask(), stream=stage.streamed)
    stage.lay_out(Scripted(answer, checked=False))
    answered = await stage.send(question)
    _sealed(stage, answered)
    told = _envelope(stage, answered)
    return answered, told


def _mapped(
    kind: FailureKind, statuses: dict[str, tuple[int, ...]], words: dict[str, tuple[str, ...]]
) -> Playing:
    """The failure comes as one of these statuses and types, by client; `` is for any other client."""

    async def play(stage: Stage) -> None:
        answered, told = await _failing(stage, Failure(kind, _WORDS))
        right = statuses.get(stage.client.name, statuses[""])
        stage.expect(answered.status in right, f"HTTP {answered.status} where {right} is due")
        types = words.get(stage.client.name, ())
        stage.expect(not types or told.word in types, f"the type is {told.word!r} where {types} is due")
        stage.expect(_WORDS in told.message, f"the upstream's words are lost: {told.message[:150]!r}")

    return play


async def _bad_key(stage: Stage) -> None:
    body: Object = {
        "openai_chat": _openai(f"Incorrect API key provided: {UPSTREAM_KEY}."),
        "openai_responses": _openai(f"Incorrect API key provided: {UPSTREAM_KEY}."),
        "anthropic": {
            "type": "error",
            "error": {"type": "authentication_error", "message": f"invalid x-api-key: {UPSTREAM_KEY}"},
        },
        "gemini": {
            "error": {
                "code": 401,
                "status": "UNAUTHENTICATED",
                "message": f"Request had invalid credentials: {UPSTREAM_KEY}",
            }
        },
    }
    own = body[stage.upstream.name]
    answered, _ = await _failing(stage, json_answer(401, msgspec.json.encode(own)))
    right = {401, 403, 500, 502, 503}
    stage.expect(answered.status in right, f"HTTP {answered.status} where one of {sorted(right)} is due")


def _openai(message: str) -> Object:
    error: Object = {
        "message": message,
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_api_key",
    }
    return {"error": error}


async def _slow_down(stage: Stage) -> None:
    answered, told = await _failing(stage, Failure(FailureKind.RATE_LIMIT, _WORDS, retry_after=7.0))
    stage.expect(answered.status == 429, f"HTTP {answered.status} where 429 is due")
    word = {"anthropic": "rate_limit_error", "gemini": "RESOURCE_EXHAUSTED"}.get(stage.client.name)
    stage.expect(word in {None, told.word}, f"the type is {told.word!r} where {word!r} is due")
    wait = answered.headers.get("retry-after", "")
    delay = float(wait) if wait.replace(".", "", 1).isdigit() else None
    if delay is None and stage.client.name == "gemini":
        delay = retry_delay(decode_object(answered.body))
    stage.expect(
        delay == 7.0, f"the time to wait is {delay}, the upstream said 7 s", "statement 94: Retry-After"
    )


async def _too_long(stage: Stage) -> None:
    answered, told = await _failing(stage, _overflow(stage.upstream.name))
    stage.expect(answered.status == 400, f"HTTP {answered.status} where 400 is due")
    match stage.client.name:
        case "anthropic":
            said = "prompt is too long" in told.message
        case "gemini":
            said = "exceeds the maximum number of tokens" in told.message
        case _:
            said = told.code == "context_length_exceeded"
    stage.expect(said, f"the client is told {told.code!r}: {told.message[:150]!r}")


def _overflow(upstream: str) -> Answer:
    """The vendor's own words for a prompt that is too long."""
    match upstream:
        case "anthropic":
            words = "prompt is too long: 208310 tokens > 200000 maximum"
            body: Object = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
        case "gemini":
            words = "The input token count (1208310) exceeds the maximum number of tokens allowed (1048576)."
            body = {"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}}
        case _:
            words = (
                "This model's maximum context length is 128000 tokens. However, your messages resulted in "
                "208310 tokens. Please reduce the length of the messages."
            )
            error: Object = {
                "message": words,
                "type": "invalid_request_error",
                "param": "messages",
                "code": "context_length_exceeded",
            }
            body = {"error": error}
    return json_answer(400, msgspec.json.encode(body))


async def _not_json(stage: Stage) -> None:
    page = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
    answer = Answer(502, {"content-type": "text/html"}, (Chunk(0.0, page),))
    answered, _ = await _failing(stage, answer)
    stage.expect(answered.status >= 500, f"HTTP {answered.status} where a status from 500 on is due")


def _breaking(frames: int, ending: Ending, failure: Failure | None) -> Playing:
    """The upstream's answer breaks off after so many frames."""

    async def play(stage: Stage) -> None:
        question = Question(stage.model, ask(), stream=stage.streamed)
        stage.lay_out(Scripted(_LONG, frames=frames, failure=failure, ending=ending))
        answered = await stage.send(question)
        _sealed(stage, answered)
        if answered.status != 200:
            _envelope(stage, answered)
            return
        reply = stage.reply_of(answered, question)
        stage.expect(not reply.ended_well, f"a clean finish: {reply.finish!r}", _IN_STREAM)
        told = reply.error is not None
        # a connection that breaks is no clean finish either, but it has no room for the upstream's words
        stage.expect(told or (answered.broken and failure is None), "the client is not told", _IN_STREAM)
        if failure is not None and reply.error is not None:
            said = reply.error.message
            stage.expect(_WORDS in said, f"the upstream's words are lost: {said[:150]!r}", _IN_STREAM)

    return play


def _leaving(*, streamed: bool) -> Playing:
    async def play(stage: Stage) -> None:
        question = Question(stage.model, ask(), stream=streamed)
        stage.lay_out(Scripted(_LONG, pace=0.2) if streamed else Scripted(_LONG, delay=6.0))
        body, url, headers = stage.body(question), stage.url(question), stage.headers()

        def arrived() -> bool:
            return bool(stage.generations())

        closed = await stage.http.leave(url, headers, body, None if streamed else arrived)
        received = stage.generations()
        stage.require(bool(received), "no request reached the upstream")
        try:
            left = await received[-1].left(1.5)
        except TimeoutError:
            stage.expect(False, "1.5 s after the client left, the upstream was still answering")
            return
        stage.expect(left - closed < 1.0, f"the upstream was let go only after {left - closed:.2f} s")

    return play


async def _odd_body(stage: Stage) -> None:
    body: Object = {"detail": [{"loc": ["body", "n"], "msg": _WORDS, "type": "value_error"}]}
    answered, told = await _failing(stage, json_answer(422, msgspec.json.encode(body)))
    stage.expect(answered.status in {400, 422}, f"HTTP {answered.status} where 400 is due")
    stage.expect(_WORDS in told.message, f"the upstream's words are lost: {told.message[:150]!r}")


async def _hidden_error(stage: Stage) -> None:
    body: Object = {"error": {"message": _WORDS, "type": "server_error", "code": None, "param": None}}
    _, told = await _failing(stage, json_answer(200, msgspec.json.encode(body)))
    stage.expect(_WORDS in told.message, f"the upstream's words are lost: {told.message[:150]!r}")


async def _no_money(stage: Stage) -> None:
    error: Object = {
        "message": _WORDS,
        "type": "insufficient_quota",
        "param": None,
        "code": "insufficient_quota",
    }
    answered, _ = await _failing(stage, json_answer(429, msgspec.json.encode({"error": error})))
    stage.expect(answered.status in {402, 429}, f"HTTP {answered.status} where 429 is due")
    tried = len(stage.generations())
    stage.expect(tried == 1, f"the upstream was asked {tried} times", "statement 93: hard quotas are final")


async def _google_key(stage: Stage) -> None:
    reason: Object = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
    }
    error: Object = {
        "code": 400,
        "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT",
        "details": [reason],
    }
    answered, _ = await _failing(stage, json_answer(400, msgspec.json.encode({"error": error})))
    right = {401, 403, 500, 502, 503}
    stage.expect(answered.status in right, f"HTTP {answered.status} where one of {sorted(right)} is due")


_OVERLOADED = Failure(FailureKind.OVERLOADED, _WORDS)
_SERVER = Failure(FailureKind.SERVER, _WORDS)
_DEPARTURE = "statement 86: when the client leaves, its upstream is let go within a second"

_INVALID = {
    "openai_chat": ("invalid_request_error",),
    "openai_responses": ("invalid_request_error",),
    "anthropic": ("invalid_request_error",),
    "gemini": ("INVALID_ARGUMENT", "FAILED_PRECONDITION"),
}
_MISSING = {"anthropic": ("not_found_error",), "gemini": ("NOT_FOUND",)}
_BROKEN = {"anthropic": ("api_error",), "gemini": ("INTERNAL", "UNAVAILABLE", "UNKNOWN")}
_BUSY = {"anthropic": ("overloaded_error",), "gemini": ("UNAVAILABLE",)}


def _failure(name: str, title: str, play: Playing, rule: str = _TABLE) -> Feature:
    return Feature(name, "Errors", title, rule, _PLAIN, play=play)


def _break(name: str, title: str, play: Playing, *modes: str) -> Feature:
    return Feature(name, "Errors", title, _IN_STREAM, _PLAIN, play=play, modes=modes)


FEATURES = (
    _failure(
        "error-400",
        "The upstream refuses the request (400)",
        _mapped(FailureKind.INVALID_REQUEST, {"": (400,)}, _INVALID),
    ),
    _failure("error-401", "The upstream refuses the gateway's key (401); the key stays secret", _bad_key),
    _failure(
        "error-404",
        "The upstream does not have the model (404)",
        _mapped(FailureKind.MODEL_NOT_FOUND, {"": (404,)}, _MISSING),
    ),
    _failure("error-429", "The upstream asks to slow down (429), and says for how long", _slow_down),
    _failure(
        "error-500",
        "The upstream fails (500)",
        _mapped(FailureKind.SERVER, {"": (500, 502)}, _BROKEN),
    ),
    _failure(
        "error-overloaded",
        "The upstream is overloaded (503, at Anthropic 529)",
        _mapped(FailureKind.OVERLOADED, {"": (503,), "anthropic": (529,)}, _BUSY),
    ),
    _failure(
        "error-too-long",
        "The prompt is too long, in the words that clients look for",
        _too_long,
        "statement 92: agents know by their own vendor's words and code that a prompt is too long",
    ),
    _failure(
        "error-not-json",
        "The upstream's error is a page of HTML (502)",
        _not_json,
        "statement 96: error bodies that are not JSON",
    ),
    _failure(
        "error-odd-body",
        "The upstream's error is JSON of another kind (422, `detail`)",
        _odd_body,
        "statement 96: error bodies of other kinds; their words are kept",
    ),
    dataclasses.replace(
        _failure(
            "error-in-200",
            "An error in an answer of status 200",
            _hidden_error,
            "statement 96: bodies of status 200 that are errors",
        ),
        upstreams=frozenset({"openai_chat"}),
        modes=("whole",),
    ),
    dataclasses.replace(
        _failure(
            "error-quota", "The upstream's account is empty (429): asking again is of no use", _no_money
        ),
        upstreams=frozenset({"openai_chat", "openai_responses"}),
    ),
    dataclasses.replace(
        _failure(
            "error-google-key",
            "Google refuses the gateway's key, with status 400",
            _google_key,
            "statement 91: what Google calls API_KEY_INVALID is the gateway's key, not the client's",
        ),
        upstreams=frozenset({"gemini"}),
    ),
    _break(
        "stream-error-first",
        "An error in the stream before the first word",
        _breaking(0, Ending.WHOLE, _OVERLOADED),
        "streamed",
    ),
    _break(
        "stream-error-later",
        "An error in mid-stream",
        _breaking(6, Ending.WHOLE, _SERVER),
        "streamed",
    ),
    _break(
        "stream-ends-early",
        "The stream ends in order, before the answer does",
        _breaking(6, Ending.WHOLE, None),
        "streamed",
    ),
    _break(
        "connection-lost",
        "The connection to the upstream is reset in mid-answer",
        _breaking(6, Ending.RESET, None),
        "whole",
        "streamed",
    ),
    Feature(
        "departure-streamed",
        "Errors",
        "The client leaves in mid-stream: the upstream is let go",
        _DEPARTURE,
        _PLAIN,
        play=_leaving(streamed=True),
        modes=("streamed",),
    ),
    Feature(
        "departure-whole",
        "Errors",
        "The client leaves while it waits: the upstream is let go",
        _DEPARTURE,
        _PLAIN,
        play=_leaving(streamed=False),
        modes=("whole",),
    ),
)
