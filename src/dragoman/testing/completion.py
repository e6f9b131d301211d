"""Answers to OpenAI's older request to go on with a text, whole and streamed."""

import itertools

import msgspec

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import Failure
from dragoman.conversation.request import Message, Request, Role
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.dialects.registry import DIALECTS
from dragoman.testing.actor import act
from dragoman.testing.exchange import Answer, Chunk
from dragoman.testing.rules.openai_completions import DEFAULT_LIMIT, prompts_of, whole
from dragoman.testing.rules.openai_errors import Field
from dragoman.testing.script import Scripted
from dragoman.testing.tokens import count_tokens, split_tokens

_PIECE = 1
"""Tokens in one frame of a stream, as many as the vendor puts there."""


class _Logprobs(msgspec.Struct, frozen=True):
    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class _Choice(msgspec.Struct, frozen=True):
    text: str
    index: int
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class _Completion(msgspec.Struct, frozen=True):
    id: str
    created: int
    model: str
    choices: list[_Choice]
    usage: _Usage | msgspec.UnsetType | None = msgspec.UNSET
    object: str = "text_completion"


def complete(body: Field, manner: Scripted | None, identity: str, created: int, pace: float) -> Answer:
    """The answer to a request that is right: what a script has laid out, or what the demo model says.

    `identity` is unique; `pace` is in seconds between the demo model's frames.
    """
    fields = body.object()
    response = manner.answer if manner is not None and isinstance(manner.answer, Response) else None
    manner = manner or Scripted(Response("", "", ()), pace=pace)
    choices = _choices(body, response)
    written = sum(count_tokens(choice.text) for choice in _choices(body, response, echo=False))
    given = sum(count_tokens(prompt) for prompt in prompts_of(body))
    usage = _Usage(given, written, given + written)
    frame = _Completion(f"cmpl-{identity}", created, str(fields["model"]), choices)
    headers = {"x-request-id": f"req_{identity}", "openai-version": "2020-10-01"}
    if fields.get("stream") is not True:
        data = msgspec.json.encode(msgspec.structs.replace(frame, usage=usage))
        headers["content-type"] = "application/json"
        return Answer(200, headers, (Chunk(manner.delay, data),), ending=manner.ending)
    options = fields.get("stream_options")
    counted = isinstance(options, dict) and options.get("include_usage") is True
    frames = _frames(frame, usage if counted else None)
    if manner.frames is not None:
        frames = frames[: manner.frames]
        if manner.failure is not None:
            frames.append(_error_frame(manner.failure, identity))
    chunks = tuple(
        Chunk(manner.pace if place else manner.delay, b"data: " + data + b"\n\n")
        for place, data in enumerate(frames)
    )
    headers |= {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
    return Answer(200, headers, chunks, streamed=True, ending=manner.ending)


def _choices(body: Field, response: Response | None, *, echo: bool = True) -> list[_Choice]:
    """The choices for every prompt in turn; the prompt before each, where it is to be repeated."""
    fields = body.object()
    repeated = echo and fields.get("echo") is True
    alternatives = fields.get("logprobs")
    found: list[_Choice] = []
    for prompt in prompts_of(body):
        answers = response.choices if response is not None else _spoken(body, prompt)
        for answer in answers:
            text = "".join(block.text for block in answer.blocks if isinstance(block, Text))
            text = prompt + text if repeated else text
            logprobs = None
            if isinstance(alternatives, int):
                logprobs = _logprobs(text, 0 if repeated else len(prompt), alternatives)
            found.append(_Choice(text, len(found), logprobs, _finish(answer.stop)))
    return found


def _spoken(body: Field, prompt: str) -> tuple[Choice, ...]:
    fields = body.object()
    stop = fields.get("stop")
    sequences = stop if isinstance(stop, list) else [stop]
    request = Request(
        "openai_chat",
        "demo",
        (Message(Role.USER, (Text(prompt),)),),
        max_tokens=whole(body, "max_tokens", DEFAULT_LIMIT),
        stop=tuple(sequence for sequence in sequences if isinstance(sequence, str)),
        candidates=whole(body, "n", 1),
    )
    return act(request).choices


def _finish(stop: Stop) -> str:
    match stop.reason:
        case StopReason.MAX_TOKENS:
            return "length"
        case StopReason.REFUSAL:
            return "content_filter"
        case _:
            return "stop"


def _logprobs(text: str, offset: int, alternatives: int) -> _Logprobs:
    """Made-up likelihoods, as of the demo model's other answers, in the older form."""
    tokens = split_tokens(text)
    falling = [-0.125 * (place % 4 + 1) for place in range(len(tokens))]
    starts = list(itertools.accumulate((len(token) for token in tokens), initial=offset))[:-1]
    top = [
        {token if rank == 0 else f"{token}{rank}": logprob - rank for rank in range(alternatives)}
        for token, logprob in zip(tokens, falling, strict=True)
    ]
    return _Logprobs(tokens, falling, top, starts)


def _frames(answer: _Completion, usage: _Usage | None) -> list[bytes]:
    """A few tokens of each choice in turn, then why each one ended, then usage where it was asked for."""
    empty = None if usage is not None else msgspec.UNSET
    pieces: list[list[_Choice]] = []
    for choice in answer.choices:
        tokens = split_tokens(choice.text)
        texts = ["".join(tokens[at : at + _PIECE]) for at in range(0, len(tokens), _PIECE)]
        own = [_Choice(text, choice.index, _part(choice.logprobs, at, _PIECE)) for at, text in _at(texts)]
        pieces.append([*own, _Choice("", choice.index, None, choice.finish_reason)])
    frames = [
        msgspec.json.encode(msgspec.structs.replace(answer, choices=[piece], usage=empty))
        for group in itertools.zip_longest(*pieces)
        for piece in group
        if piece is not None
    ]
    if usage is not None:
        frames.append(msgspec.json.encode(msgspec.structs.replace(answer, choices=[], usage=usage)))
    return [*frames, b"[DONE]"]


def _at(texts: list[str]) -> list[tuple[int, str]]:
    return [(place * _PIECE, text) for place, text in enumerate(texts)]


def _part(logprobs: _Logprobs | None, start: int, count: int) -> _Logprobs | None:
    if logprobs is None:
        return None
    end = start + count
    return _Logprobs(
        logprobs.tokens[start:end],
        logprobs.token_logprobs[start:end],
        logprobs.top_logprobs[start:end],
        logprobs.text_offset[start:end],
    )


def _error_frame(failure: Failure, identity: str) -> bytes:
    return DIALECTS["openai_chat"].render_error(failure, f"req_{identity}").body
