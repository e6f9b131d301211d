"""Answers that vendors and their compatible hosts give, and that a hasty reader gets wrong.

The bytes are written here by hand, after recorded answers and the vendors' references.
"""

import json

from dragoman.conformance.delivery import chopped
from dragoman.conformance.feature import ANSWER, Feature, asking, say
from dragoman.conformance.features_tools import CLOCK, WEATHER, same_calls
from dragoman.conformance.frames import objects
from dragoman.conformance.question import Question, ask
from dragoman.conformance.stage import Stage
from dragoman.testing.exchange import Answer, Chunk, json_answer
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.script import Scripted

_PLAIN = asking(Question("", ask()))
_CALLING = asking(Question("", ask("Weather?"), tools=(WEATHER, CLOCK)))
_STREAMED = ("streamed",)
_OSLO, _ROME = (WEATHER.name, '{"city":"Oslo"}'), (WEATHER.name, '{"city":"Rome"}')
_SSE = "the SSE standard (WHATWG HTML, 9.2): comments, CR LF, and no space after the colon"


def _stream(*frames: JSON, named: bool = False, done: bool = False) -> Answer:
    """A stream of these frames, each in a piece of its own."""
    pieces: list[bytes] = []
    for frame in frames:
        kind = frame.get("type") if isinstance(frame, dict) and named else None
        head = f"event: {kind}\n" if kind else ""
        pieces.append(f"{head}data: {json.dumps(frame)}\n\n".encode())
    if done:
        pieces.append(b"data: [DONE]\n\n")
    chunks = tuple(Chunk(0.0, piece) for piece in pieces)
    return Answer(200, {"content-type": "text/event-stream"}, chunks, streamed=True)


# --- Chat Completions --------------------------------------------------------------------------------


def _chunk(delta: Object, finish: str | None = None) -> Object:
    choice: Object = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "chatcmpl-q",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": "gpt-4o",
        "choices": [choice],
    }


def _piece(index: int, arguments: str, opening: str = "") -> Object:
    function: Object = {"arguments": arguments}
    call: Object = {"index": index, "function": function}
    if opening:
        function["name"] = WEATHER.name
        call |= {"id": opening, "type": "function"}
    return _chunk({"tool_calls": [call]})


_INTERLEAVED = _stream(
    _chunk({"role": "assistant", "content": "Hi"}),
    _piece(0, "", "call_a"),
    _piece(0, '{"city"'),
    _piece(1, "", "call_b"),
    _piece(1, '{"city":'),
    _piece(0, ':"Oslo"}'),
    _piece(1, '"Rome"}'),
    _chunk({}, "tool_calls"),
    done=True,
)
_STOP_WITH_CALL = _stream(
    _chunk({"role": "assistant", "content": None}),
    _piece(0, '{"city":"Oslo"}', "call_a"),
    _chunk({}, "stop"),
    done=True,
)
_NO_ROLE = _stream(
    _chunk({"content": "Good evening"}),
    _chunk({"content": " to you."}, "stop"),
    {**_chunk({}), "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}},
    done=True,
)


# --- Responses ---------------------------------------------------------------------------------------


def _response(status: str, *output: JSON) -> Object:
    return {
        "id": "resp_q",
        "object": "response",
        "created_at": 1_790_000_000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": "gpt-4o",
        "output": list(output),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": 3,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 4,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 7,
        },
    }


_ITEM: Object = {
    "type": "function_call",
    "id": "fc_q",
    "call_id": "call_a",
    "name": WEATHER.name,
    "arguments": _OSLO[1],
    "status": "completed",
}
_DONE_ONLY = _stream(
    {"type": "response.created", "sequence_number": 0, "response": _response("in_progress")},
    {"type": "response.in_progress", "sequence_number": 1, "response": _response("in_progress")},
    {
        "type": "response.output_item.added",
        "sequence_number": 2,
        "output_index": 0,
        "item": {**_ITEM, "arguments": "", "status": "in_progress"},
    },
    {
        "type": "response.function_call_arguments.done",
        "sequence_number": 3,
        "item_id": "fc_q",
        "output_index": 0,
        "arguments": _OSLO[1],
    },
    {"type": "response.output_item.done", "sequence_number": 4, "output_index": 0, "item": _ITEM},
    {"type": "response.completed", "sequence_number": 5, "response": _response("completed", _ITEM)},
    named=True,
)


# --- Anthropic ---------------------------------------------------------------------------------------

_PINGS = _stream(
    {
        "type": "message_start",
        "message": {
            "id": "msg_q",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 1},
        },
    },
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Good evening"}},
    {"type": "some_later_event", "anything": [1]},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " to you."}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"input_tokens": 30, "output_tokens": 4},
    },
    {"type": "message_stop"},
    named=True,
)


# --- Google ------------------------------------------------------------------------------------------


def _google(parts: list[JSON], finish: str | None = None) -> Object:
    content: Object = {"role": "model", "parts": parts}
    candidate: Object = {"content": content, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    usage: Object = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-flash",
        "responseId": "q",
    }


_LATE_STOP = _stream(
    _google([{"functionCall": {"name": WEATHER.name, "args": {"city": "Oslo"}}}]),
    _google([{"text": ""}], "STOP"),
)
_BLOCKED: Object = {
    "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
    "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3},
    "modelVersion": "gemini-2.5-flash",
    "responseId": "q",
}


# --- playing -----------------------------------------------------------------------------------------


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
        name, "Quirks", title, rule, asked, play=play, modes=_STREAMED, upstreams=frozenset({upstream})
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
    answer = _stream(_BLOCKED) if stage.streamed else json_answer(200, json.dumps(_BLOCKED).encode())
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


async def _silent(stage: Stage) -> None:
    """Nothing comes from the upstream for a while: the client must see that all is well."""
    question = _PLAIN(stage)
    stage.lay_out(Scripted(say(ANSWER), delay=_SILENCE))
    got = stage.read(await stage.send(question), question)
    times = (0.0, *got.answered.times)
    longest = max(later - earlier for earlier, later in zip(times, times[1:], strict=False))
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
        _INTERLEAVED,
        _OSLO,
        _ROME,
        text="Hi",
    ),
    _quirk(
        "chat-stop-with-call",
        "openai_chat",
        "A host that ends calls with `stop`",
        "statement 43: where calls were made, the ending is that of calls",
        _STOP_WITH_CALL,
        _OSLO,
    ),
    _quirk(
        "chat-no-role",
        "openai_chat",
        "A host that leaves the role out and ends with the last words",
        "Chat Completions: every member of a delta is optional",
        _NO_ROLE,
        text=ANSWER,
    ),
    _quirk(
        "responses-done-only",
        "openai_responses",
        "Arguments that come only when they are done, and no [DONE]",
        "statement 79: streams with `.done` events alone, without [DONE]",
        _DONE_ONLY,
        _OSLO,
    ),
    _quirk(
        "anthropic-pings",
        "anthropic",
        "Pings, and an event that nobody knows yet",
        "Anthropic Messages, streaming: pings come anywhere, and new event types may be added",
        _PINGS,
        text=ANSWER,
    ),
    _quirk(
        "google-late-stop",
        "gemini",
        "A call, and the ending STOP in a later chunk with empty text",
        "generateContent: STOP ends calls, too, and may come in a chunk of its own (statement 43)",
        _LATE_STOP,
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
        "statement 39: a call with unparsable arguments is kept",
        _CALLING,
        play=_broken_arguments,
        modes=("whole",),
        upstreams=frozenset({"openai_chat"}),
    ),
    Feature(
        "silence",
        "Quirks",
        "A stream that is silent for 16 seconds is kept alive",
        "statement 82: silent streams are kept alive, at 15 s at the latest",
        _PLAIN,
        play=_silent,
        modes=_STREAMED,
        pairs="same",
    ),
)
