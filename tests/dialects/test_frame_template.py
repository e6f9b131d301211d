"""A frame that is known by its bytes means what it means when it is read in full."""

import itertools
import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.events import ArgumentsDelta, Event, TextDelta, ThinkingDelta
from dragoman.dialects.dialect import StreamDecoder
from dragoman.dialects.frame_template import MOST_KEPT, FrameTemplate
from dragoman.dialects.openai_completions import DIALECT as COMPLETIONS
from dragoman.dialects.registry import DIALECTS

WORDS = ["a", " b", "a", "", '"', "\\", '\\"', "é\u2028", "\x00\n", "content", "null", "}", '"},"x":"', "0"]
_text = st.sampled_from(WORDS)
_number = st.integers(0, 3)
Frames = st.SearchStrategy[object]


def worded(make: Callable[[str], object]) -> Frames:
    """Frames that differ in their words."""
    return _text.map(make)


def numbered(make: Callable[[str, int], object]) -> Frames:
    """Frames that differ in their words and a number."""
    return st.tuples(_text, _number).map(lambda both: make(*both))


def fixed(*frames: object) -> Frames:
    """Frames that are what they are."""
    return st.sampled_from(list(frames))


def _json(value: object, *, ascii_only: bool) -> str:
    return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))


def _chunk(choices: list[object], **rest: object) -> dict[str, object]:
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
    } | rest


def _choice(index: int = 0, finish: str | None = None, /, **delta: object) -> dict[str, object]:
    return {"index": index, "delta": delta, "finish_reason": finish}


_call = {"index": 0, "id": "t", "function": {"name": "f", "arguments": ""}}
_counts = {"prompt_tokens": 3, "completion_tokens": 4}
_link = {"type": "url_citation", "url_citation": {"url": "https://a.b"}}


def _measured(text: str) -> object:
    return _choice(content=text) | {"logprobs": {"content": [{"token": text, "logprob": -1}]}}


def _twice(text: str) -> object:
    return _choice(reasoning=text, reasoning_details=[{"type": "x", "text": text}])


def _argued(text: str) -> object:
    return _choice(tool_calls=[{"index": 0, "function": {"arguments": text}}])


_chat = st.one_of(
    worded(lambda text: _chunk([_choice(content=text)])),
    worded(lambda text: _chunk([_choice(content=text)], usage=None, obfuscation=text[:1] * 3)),
    numbered(lambda text, index: _chunk([_choice(index, content=text)])),
    worded(lambda text: _chunk([_choice(refusal=text)])),
    worded(lambda text: _chunk([_choice(content=None, reasoning_content=text)])),
    worded(lambda text: _chunk([_twice(text)])),
    worded(lambda text: _chunk([_choice(content=[{"type": "text", "text": text}])])),
    worded(lambda text: _chunk([_choice(content=text)], content=text)),
    worded(lambda text: _chunk([_choice(content=text)], usage=_counts)),
    worded(lambda text: _chunk([_measured(text)])),
    worded(lambda text: _chunk([_choice(content=text)], search_results=[{"url": "u", "title": text}])),
    worded(lambda text: _chunk([_argued(text)])),
    fixed(
        _chunk([_choice(0, "stop")]),
        _chunk([_choice(0, "stop", content="late")]),
        _chunk([_choice(tool_calls=[_call])]),
        _chunk([], usage=_counts),
        {"error": {"message": "busy"}},
        _chunk([_choice(annotations=[_link])]),
    ),
)


def _delta(index: int, **delta: object) -> dict[str, object]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _start(kind: str, **block: object) -> dict[str, object]:
    return {"type": "content_block_start", "index": 0, "content_block": {"type": kind, **block}}


_anthropic = st.one_of(
    worded(lambda text: _delta(0, type="text_delta", text=text)),
    numbered(lambda text, index: _delta(index, type="text_delta", text=text)),
    worded(lambda text: _delta(0, type="thinking_delta", thinking=text)),
    worded(lambda text: _delta(0, type="input_json_delta", partial_json=text)),
    worded(lambda text: _delta(0, type="signature_delta", signature=text)),
    fixed(
        {"type": "message_start", "message": {"id": "i", "model": "m"}},
        _start("text", text=""),
        _start("thinking", thinking=""),
        _start("tool_use", id="t", name="f"),
        {"type": "content_block_stop", "index": 0},
        {"type": "ping"},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "error", "error": {"type": "api_error", "message": "busy"}},
    ),
)


def _parts(*parts: object, count: int | None = None, index: int = 0, **rest: object) -> dict[str, object]:
    candidate = {"content": {"parts": parts, "role": "model"}, "index": index, **rest}
    details = [{"modality": "TEXT", "tokenCount": 3}]
    counts = {"promptTokenCount": 3, "candidatesTokenCount": count, "promptTokensDetails": details}
    told = {} if count is None else {"usageMetadata": counts}
    return {"candidates": [candidate], **told, "modelVersion": "m"}


_recited = {"citationSources": [{"uri": "https://a.b", "startIndex": 0, "endIndex": 1}]}
_gemini = st.one_of(
    worded(lambda text: _parts({"text": text})),
    numbered(lambda text, count: _parts({"text": text}, count=count)),
    numbered(lambda text, index: _parts({"text": text}, index=index)),
    worded(lambda text: _parts({"text": text, "thought": True}, count=4)),
    worded(lambda text: _parts({"text": text, "thoughtSignature": "c2ln"})),
    worded(lambda text: _parts({"text": text}, {"text": text})),
    worded(lambda text: _parts({"text": text}, count=3, citationMetadata=_recited)),
    worded(lambda text: _parts({"text": text}, groundingMetadata={"webSearchQueries": [text]})),
    fixed(
        _parts({"text": "x"}, finishReason="STOP"),
        _parts({"functionCall": {"name": "f", "args": {}}}),
        {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 6}},
        {"error": {"code": 503, "message": "busy"}},
    ),
)


def _event(kind: str, number: int, **members: object) -> dict[str, object]:
    return {"type": f"response.{kind}", "sequence_number": number, **members}


def _spoken(text: str, number: int, **members: object) -> dict[str, object]:
    return _event("output_text.delta", number, output_index=0, content_index=0, delta=text, **members)


def _thought(text: str, number: int) -> object:
    place = {"output_index": 1, "summary_index": number % 2}
    return _event("reasoning_summary_text.delta", number, **place, delta=text)


_item = {"type": "message", "id": "m"}
_whole = {**_item, "content": [{"type": "output_text", "text": "ab b"}]}
_function = {"type": "function_call", "call_id": "t", "name": "f"}
_responses = st.one_of(
    numbered(lambda text, n: _spoken(text, n, logprobs=[])),
    numbered(lambda text, n: _spoken(text, n, obfuscation="abc"[:n])),
    numbered(lambda text, n: _event("output_text.delta", n, output_index=n, delta=text)),
    worded(lambda text: _event("refusal.delta", 1, output_index=0, content_index=1, delta=text)),
    numbered(_thought),
    worded(lambda text: _event("function_call_arguments.delta", 1, output_index=2, delta=text)),
    worded(lambda text: _event("output_text.done", 1, output_index=0, text=text)),
    fixed(
        _event("created", 0, response={"id": "r", "model": "m", "status": "in_progress"}),
        _event("output_item.added", 1, output_index=0, item=_item),
        _event("output_item.done", 1, output_index=0, item=_whole),
        _event("output_item.added", 1, output_index=2, item=_function),
        _event("completed", 9, response={"id": "r", "status": "completed", "output": []}),
        {"type": "error", "message": "busy"},
    ),
)


def _completed(text: str, index: int = 0, finish: str | None = None) -> object:
    return {"choices": [{"index": index, "text": text, "finish_reason": finish}]}


_completions = st.one_of(
    worded(_completed),
    numbered(_completed),
    fixed(_completed("x", 0, "stop"), {"choices": [], "usage": _counts}),
)

FRAMES: dict[str, Frames] = {
    "openai_chat": _chat,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "openai_responses": _responses,
    "openai_completions": _completions,
}
ODD = [
    b": wait\n\n",
    b"\n",
    b"\r\n\r\n",
    b"event: ping\n\n",
    b"data: [DONE]\n\n",
    b'data: {"a":\ndata: 1}\n\n',
    b"data: {\n\n",
]


@st.composite
def streams(draw: st.DrawFn, frames: Frames) -> bytes:
    """A stream in which most frames come several times in a row, with other words, and few are odd."""
    out = b""
    for _ in range(draw(st.integers(1, 4))):
        template = _json(draw(frames), ascii_only=False)
        for _ in range(draw(st.integers(1, 6))):
            # the same frame with other words in it: where it says " b", and perhaps elsewhere
            words = _json(draw(_text), ascii_only=draw(st.booleans()))
            frame = (
                template.replace('" b"', words)
                if draw(st.booleans())
                else _json(draw(frames), ascii_only=False)
            )
            end = draw(st.sampled_from(["\n\n", "\n\n", "\r\n\r\n"]))
            name = draw(st.sampled_from(["", "", "event: x\n", "event: error\n"]))
            out += (name + "data: " + frame + end).encode()
        if draw(st.booleans()):
            out += draw(st.sampled_from(ODD))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(out) - 1))
        out = out[:at] + draw(st.binary(max_size=2)) + out[at + 1 :]
    return out


def decoder(name: str) -> StreamDecoder:
    dialect = COMPLETIONS if name == "openai_completions" else DIALECTS[name]
    return dialect.stream_decoder("o/f")


def said(name: str, pieces: list[bytes]) -> list[tuple[list[Event], int, bool]]:
    """What comes of each piece, and of the end."""
    taken = decoder(name)
    found = [(taken.feed(piece), taken.pending, taken.complete) for piece in pieces]
    return [*found, (taken.close(), taken.pending, taken.complete)]


def unread(self: FrameTemplate, frame: bytes) -> None:
    """No frame is known by its bytes."""
    del self, frame


@pytest.mark.parametrize("name", FRAMES)
@given(data=st.data())
@settings(max_examples=100)
def test_frames_known_by_their_bytes_mean_what_they_mean_when_read(name: str, data: st.DataObject) -> None:
    stream = data.draw(streams(FRAMES[name]))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=4))
    pieces = [stream[start:end] for start, end in itertools.pairwise(sorted({0, len(stream), *cuts}))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FrameTemplate, "read", unread)
        expected = said(name, pieces)
    assert said(name, pieces) == expected


@pytest.mark.parametrize("name", FRAMES)
@given(data=st.data())
@settings(max_examples=100)
def test_words_that_are_skimmed_are_the_words_of_the_one_delta_that_there_is(
    name: str, data: st.DataObject
) -> None:
    stream = data.draw(streams(FRAMES[name]))
    ends = [found.end() for found in re.finditer(b"\n\n", stream)]
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=2))
    pieces = [stream[at:end] for at, end in itertools.pairwise(sorted({0, len(stream), *ends, *cuts}))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FrameTemplate, "read", unread)
        expected = said(name, pieces)
    taken = decoder(name)
    for piece, (events, pending, complete) in zip(pieces, expected, strict=False):
        words = taken.skim(piece)
        if words is None:
            assert taken.feed(piece) == events
        else:
            (event,) = events
            assert isinstance(event, TextDelta | ThinkingDelta | ArgumentsDelta)
            assert event.text == words
        assert (taken.pending, taken.complete) == (pending, complete)
    assert taken.close() == expected[-1][0]


@pytest.mark.parametrize("name", [name for name in FRAMES if name != "gemini"])
def test_most_of_a_stream_is_skimmed(name: str) -> None:
    beginning = {
        "anthropic": [
            {"type": "message_start", "message": {"id": "i", "model": "m"}},
            _start("text", text=""),
        ],
        "openai_responses": [_event("output_item.added", 1, output_index=0, item=_item)],
    }.get(name, [])
    make: dict[str, Callable[[str], object]] = {
        "openai_chat": lambda text: _chunk([_choice(content=text)]),
        "openai_completions": _completed,
        "anthropic": lambda text: _delta(0, type="text_delta", text=text),
        "openai_responses": lambda text: _spoken(text, 4),
    }
    frames = [*beginning, *(make[name](f"word{n}") for n in range(20))]
    taken = decoder(name)
    skimmed = 0
    for frame in frames:
        data = b"data: " + json.dumps(frame).encode() + b"\n\n"
        if taken.skim(data) is None:
            taken.feed(data)
        else:
            skimmed += 1
    # the first opens the block, and two in a row show what they have in common
    assert skimmed >= 17


_linked = {"type": "url_citation", "url_citation": {"url": "u", "start_index": 13, "end_index": 14}}
_blames = {"citationSources": [{"uri": "https://a.b", "startIndex": 0, "endIndex": 3}]}
REMEMBERED: dict[str, list[object]] = {
    "openai_chat": [
        *[_chunk([_choice(content=f"w{n} ")]) for n in range(4)],
        _chunk([_choice(reasoning_content="so")]),
        _chunk([_choice(content="one more")]),
        _chunk([_choice(annotations=[_linked])]),
        _chunk([_choice(0, "stop")]),
    ],
    "gemini": [
        *[_parts({"text": f"w{n} "}, count=n, citationMetadata=_blames) for n in range(4)],
        _parts({"text": "x"}, finishReason="STOP"),
    ],
    "openai_responses": [
        *[_spoken(f"w{n} ", n) for n in range(4)],
        _event("output_text.done", 5, output_index=0, text="w0 w1 w2 w3 "),
        _event("content_part.done", 6, output_index=0, part={"type": "output_text", "text": "w0 w1 w2 w3 x"}),
        _event("completed", 7, response={"id": "r", "status": "completed", "output": []}),
    ],
}


@pytest.mark.parametrize("name", REMEMBERED)
def test_what_later_frames_build_on_is_remembered_of_them(name: str) -> None:
    pieces = [f"data: {json.dumps(frame)}\n\n".encode() for frame in REMEMBERED[name]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FrameTemplate, "read", unread)
        expected = said(name, pieces)
    assert said(name, pieces) == expected


def _chat_frame(text: str, number: int) -> bytes:
    del number
    return f'data: {{"id":"c","choices":[{{"index":0,"delta":{{"content":{json.dumps(text)}}}}}]}}'.encode()


def _padded_frame(text: str, number: int) -> bytes:
    return _chat_frame(text, number)[:-1] + b',"obfuscation":"' + b"x" * number + b'"}'


def _gemini_frame(text: str, number: int) -> bytes:
    return b"data: " + json.dumps(_parts({"text": text}, count=number)).encode()


def _numbered_frame(text: str, number: int) -> bytes:
    event = _spoken(text, number, obfuscation="x" * number)
    return b"event: response.output_text.delta\ndata: " + json.dumps(event).encode()


def _anthropic_frame(text: str, number: int) -> bytes:
    del number
    return (
        b"event: content_block_delta\ndata: " + json.dumps(_delta(0, type="text_delta", text=text)).encode()
    )


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("openai_chat", _chat_frame),
        ("openai_chat", _padded_frame),
        ("gemini", _gemini_frame),
        ("openai_responses", _numbered_frame),
        ("anthropic", _anthropic_frame),
    ],
)
def test_most_frames_of_a_stream_are_not_read_in_full(
    name: str, frame: Callable[[str, int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []
    learn = FrameTemplate.learn

    def noted(self: FrameTemplate, frame: bytes, event: Event | None) -> bool:
        read.append(frame)
        return learn(self, frame, event)

    monkeypatch.setattr(FrameTemplate, "learn", noted)
    taken = decoder(name)
    words = [f"word {number} " for number in range(50)]
    events = [event for n, word in enumerate(words) for event in taken.feed(frame(word, n) + b"\n\n")]
    assert [event.text for event in events if isinstance(event, TextDelta)] == words
    assert len(read) == 3


@pytest.mark.parametrize("space", ["\r", "\n", " "])
@pytest.mark.parametrize("frame", [_chat_frame, _padded_frame])
def test_white_space_beside_the_words_may_end_a_line_of_the_event(
    frame: Callable[[str, int], bytes], space: str
) -> None:
    pieces = [frame(f"word {number} ", number) + b"\n\n" for number in range(5)]
    for cut in (b'"word 4 "' + space.encode(), space.encode() + b'"word 4 "'):
        pieces[4] = frame("word 4 ", 4).replace(b'"word 4 "', cut) + b"\n\n"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FrameTemplate, "read", unread)
            expected = said("openai_chat", pieces)
        assert said("openai_chat", pieces) == expected


def test_a_frame_that_led_to_something_else_is_forgotten() -> None:
    template = FrameTemplate()
    assert not template.learn(b'{"t":"one"}', TextDelta(0, "one"))
    assert template.learn(b'{"t":"two"}', TextDelta(0, "two"))
    assert template.read(b'{"t":"three \\" \\u00e9"}') == TextDelta(0, 'three " é')
    assert template.read(b'{"t":"a","t":"b"}') is None
    assert template.read(b'{"t":""}') is None
    assert template.read(b'{"t":"}') is None
    assert not template.learn(b'{"t":"three"}', ThinkingDelta(0, "three"))
    assert template.read(b'{"t":"four"}') is None
    template.learn(b'{"t":"five"}', ThinkingDelta(0, "five"))
    assert template.read(b'{"t":"six"}') == ThinkingDelta(0, "six")
    template.learn(b'{"end":1}', None)
    assert template.read(b'{"t":"six"}') is None


def test_what_differs_in_more_than_the_words_is_not_alike() -> None:
    template = FrameTemplate()
    for number in range(20):
        frame = json.dumps({"t": f"w{number} ", "n": number}).encode()
        assert not template.learn(frame, TextDelta(0, f"w{number} "))
        assert template.read(frame) is None


def test_no_large_frame_is_remembered() -> None:
    template = FrameTemplate()
    for letter in "ab":
        text = letter * MOST_KEPT
        assert not template.learn(json.dumps({"t": text}).encode(), TextDelta(0, text))
