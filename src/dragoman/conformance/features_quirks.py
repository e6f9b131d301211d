"""Answers that vendors and their compatible hosts give, and that a hasty reader gets wrong.

The bytes are in `quirk_answers.py`.
"""

import itertools
import json

from dragoman.conformance.delivery import chopped
from dragoman.conformance.feature import ANSWER, Feature, asking, say
from dragoman.conformance.features_tools import CLOCK, WEATHER, same_calls
from dragoman.conformance.frames import objects
from dragoman.conformance.question import Question, ask
from dragoman.conformance.quirk_answers import (
    BLOCKED,
    DONE_ONLY,
    INTERLEAVED,
    LATE_STOP,
    NO_ROLE,
    PINGS,
    SPLIT_STOP,
    STOP_WITH_CALL,
    streamed,
)
from dragoman.conformance.stage import Stage
from dragoman.testing.exchange import Answer, Chunk, json_answer
from dragoman.testing.json_value import Object
from dragoman.testing.script import Scripted

_PLAIN = asking(Question("", ask()))
_CALLING = asking(Question("", ask("Weather?"), tools=(WEATHER, CLOCK)))
_STREAMED = ("streamed",)
_OSLO, _ROME = (WEATHER.name, '{"city":"Oslo"}'), (WEATHER.name, '{"city":"Rome"}')
_SSE = "the SSE standard (WHATWG HTML, 9.2): comments, CR LF, and no space after the colon"


def _quirk(
    name: str, upstream: str, title: str, rule: str, answer: Answer, *calls: tuple[str, str], text: str = ""
) -> Feature:
    """A feature whose upstream streams these bytes; the client has to read the calls and the text."""

    async def play(stage: Stage) -> None:
        question = (_CALLING if calls else _PLAIN)(stage)
        got = await stage.ask(question, answer)
        stage.expect(got.reply.text == text, f"the client read {got.reply.text!r}")
        if calls:
            same_calls(stage, got, *calls)
        else:
            stage.expect(got.reply.finish == "stop", f"the answer ends with {got.reply.finish!r}")

    asked = _CALLING if calls else _PLAIN
    return Feature(
        name,
        "Quirks",
        title,
        rule,
        asked,
        play=play,
        modes=_STREAMED,
        pairs="foreign",
        upstreams=frozenset({upstream}),
    )


async def _odd_framing(stage: Stage) -> None:
    question = Question(stage.model, ask(), stream=True)
    plain = chopped(stage.upstream.name, say(ANSWER), question, size=1_000_000)
    body = b": a comment\n\n" + plain.body.replace(b"\r\n", b"\n").replace(b"data: ", b"data:")
    body = body.replace(b"\n", b"\r\n")
    chunks = tuple(Chunk(0.0, body[at : at + 11]) for at in range(0, len(body), 11))
    got = await stage.ask(question, Answer(200, plain.headers, chunks, streamed=True))
    stage.expect(got.reply.text == ANSWER, f"the client read {got.reply.text!r}")
    stage.expect(got.reply.finish == "stop", f"the answer ends with {got.reply.finish!r}")


async def _one_piece(stage: Stage) -> None:
    question = Question(stage.model, ask(), stream=True)
    got = await stage.ask(question, chopped(stage.upstream.name, say(ANSWER), question, size=1_000_000))
    stage.expect(got.reply.text == ANSWER, f"the client read {got.reply.text!r}")
    stage.expect(got.reply.finish == "stop", f"the answer ends with {got.reply.finish!r}")


async def _blocked(stage: Stage) -> None:
    question = _PLAIN(stage)
    answer = streamed(BLOCKED) if stage.streamed else json_answer(200, json.dumps(BLOCKED).encode())
    got = await stage.ask(question, answer)
    stage.expect(got.reply.finish == "content_filter", f"the answer ends with {got.reply.finish!r}")
    stage.expect(not got.reply.text, f"the client read {got.reply.text!r}")


_BROKEN = '{"city": "Os'


async def _broken_arguments(stage: Stage) -> None:
    """The model wrote arguments that are no JSON: the call must not be lost, nor the answer fail."""
    call: Object = {
        "id": "call_a",
        "type": "function",
        "function": {"name": WEATHER.name, "arguments": _BROKEN},
    }
    message: Object = {"role": "assistant", "content": None, "tool_calls": [call]}
    body: Object = {
        "id": "chatcmpl-q",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }
    got = await stage.ask(_CALLING(stage), json_answer(200, json.dumps(body).encode()))
    stage.require(len(got.reply.calls) == 1, f"the client read the calls {got.reply.calls}")
    arguments = got.reply.calls[0].arguments
    stage.expect(got.reply.calls[0].name == WEATHER.name, f"the call is that of {got.reply.calls[0].name!r}")
    stage.expect("Os" in arguments, f"the client read the arguments {arguments!r}")


async def _split_stop(stage: Stage) -> None:
    question = Question(stage.model, ask(), stop=("STOP",), stream=True)
    got = await stage.ask(question, SPLIT_STOP)
    stage.expect(got.reply.text == "One. Two. ", f"the client read {got.reply.text!r}")
    stage.expect(got.reply.finish == "stop", f"the answer ends with {got.reply.finish!r}")


async def _silent(stage: Stage) -> None:
    """Nothing comes from the upstream for a while: the client must see that all is well."""
    question = _PLAIN(stage)
    stage.lay_out(Scripted(say(ANSWER), delay=_SILENCE))
    got = stage.read(await stage.send(question), question)
    times = (0.0, *got.answered.times)
    longest = max(later - earlier for earlier, later in itertools.pairwise(times))
    stage.expect(longest <= 15.5, f"the client heard nothing for {longest:.1f} s")
    stage.expect(got.reply.text == ANSWER, f"the client read {got.reply.text!r}")
    stage.expect(bool(objects(got.answered.body)), "there are no frames")


_SILENCE = 16.5
"""Seconds."""


FEATURES = (
    Feature(
        "odd-framing",
        "Quirks",
        "A stream with comments, CR LF, and no space after `data:`",
        _SSE,
        _PLAIN,
        play=_odd_framing,
        modes=_STREAMED,
        pairs="foreign",
    ),
    Feature(
        "one-piece",
        "Quirks",
        "A whole stream in one network read",
        "statement 85: frames and reads have nothing to do with each other",
        _PLAIN,
        play=_one_piece,
        modes=_STREAMED,
    ),
    _quirk(
        "chat-interleaved",
        "openai_chat",
        "Parallel calls whose arguments come in turns",
        "Chat Completions: tool_calls[].index tells which call a piece is of (statement 75)",
        INTERLEAVED,
        _OSLO,
        _ROME,
        text="Hi",
    ),
    _quirk(
        "chat-stop-with-call",
        "openai_chat",
        "A host that ends calls with `stop`",
        "statement 43: where calls were made, the ending is that of calls",
        STOP_WITH_CALL,
        _OSLO,
    ),
    _quirk(
        "chat-no-role",
        "openai_chat",
        "A host that leaves the role out and ends with the last words",
        "Chat Completions: every member of a delta is optional",
        NO_ROLE,
        text=ANSWER,
    ),
    _quirk(
        "responses-done-only",
        "openai_responses",
        "Arguments that come only when they are done, and no [DONE]",
        "statement 79: not every host sends arguments bit by bit, and OpenAI ends without [DONE]",
        DONE_ONLY,
        _OSLO,
    ),
    _quirk(
        "anthropic-pings",
        "anthropic",
        "Pings, and an event that nobody knows yet",
        "Anthropic Messages, streaming: pings come anywhere, and new event types may be added",
        PINGS,
        text=ANSWER,
    ),
    _quirk(
        "google-late-stop",
        "gemini",
        "A call, and the ending STOP in a later chunk with empty text",
        "generateContent: STOP ends calls, too, and may come in a chunk of its own (statement 43)",
        LATE_STOP,
        _OSLO,
    ),
    Feature(
        "google-blocked",
        "Quirks",
        "A prompt that Google blocks: no candidates at all",
        "generateContent: promptFeedback.blockReason (statement 97)",
        _PLAIN,
        play=_blocked,
        upstreams=frozenset({"gemini"}),
    ),
    Feature(
        "broken-arguments",
        "Quirks",
        "The model writes arguments that are not JSON",
        "statement 39: arguments that are no JSON go on, packed into an object if need be",
        _CALLING,
        play=_broken_arguments,
        modes=("whole",),
        upstreams=frozenset({"openai_chat"}),
    ),
    Feature(
        "stop-split",
        "Quirks",
        "A stop sequence that comes in three pieces, where the upstream knows none",
        "statement 50: the gateway stops, also where the sequence is split across deltas",
        asking(Question("", ask(), stop=("STOP",))),
        play=_split_stop,
        modes=_STREAMED,
        upstreams=frozenset({"openai_responses"}),
    ),
    Feature(
        "silence",
        "Quirks",
        "A stream that is silent for 16 seconds is kept alive",
        "statement 82: after 15 seconds of silence, clients get something that their format ignores",
        _PLAIN,
        play=_silent,
        modes=_STREAMED,
        pairs="same",
    ),
)
