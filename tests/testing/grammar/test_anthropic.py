"""What counts as a well-formed answer of Anthropic."""

import msgspec
import pytest

from dragoman.testing.grammar.anthropic import check_error, check_response, check_stream
from dragoman.testing.json_value import JSON, Object

USAGE: Object = {
    "input_tokens": 5,
    "output_tokens": 1,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
}


def event(kind: str, **fields: JSON) -> bytes:
    body: Object = {"type": kind, **fields}
    return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode(body) + b"\n\n"


def message(**fields: JSON) -> Object:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": USAGE,
        **fields,
    }


def opened(index: int, **block: JSON) -> bytes:
    return event("content_block_start", index=index, content_block={**block})


def delta(index: int, **fields: JSON) -> bytes:
    return event("content_block_delta", index=index, delta={**fields})


def closed(index: int) -> bytes:
    return event("content_block_stop", index=index)


def ended(reason: str | None = "end_turn", sequence: str | None = None) -> bytes:
    stop: Object = {"stop_reason": reason, "stop_sequence": sequence}
    return event("message_delta", delta=stop, usage={"output_tokens": 3})


START = event("message_start", message=message())
STOP = event("message_stop")
PING = event("ping")
TEXT = opened(0, type="text", text="") + delta(0, type="text_delta", text="Hi") + closed(0)


def call(index: int, *pieces: str) -> bytes:
    parts = [delta(index, type="input_json_delta", partial_json=piece) for piece in pieces]
    opening = opened(index, type="tool_use", id="toolu_1", name="f", input={})
    return opening + b"".join(parts) + closed(index)


def thoughts(index: int, *deltas: bytes) -> bytes:
    return opened(index, type="thinking", thinking="", signature="") + b"".join(deltas) + closed(index)


SIGNED = delta(0, type="signature_delta", signature="c2ln")

GOOD: dict[str, bytes] = {
    "text": START + PING + TEXT + ended() + STOP,
    "nothing": START + ended("refusal") + STOP,
    "a call": START + TEXT + call(1, "", '{"a"', ":1}") + ended("tool_use") + STOP,
    "a call without arguments": START + call(0, "") + ended("tool_use") + STOP,
    "a call that was cut": START + call(0, '{"a') + ended("max_tokens") + STOP,
    "thoughts": START + thoughts(0, delta(0, type="thinking_delta", thinking="Hm."), SIGNED) + ended() + STOP,
    "hidden thoughts": START + thoughts(0, SIGNED) + ended() + STOP,
    "a block that comes whole": START
    + opened(0, type="redacted_thinking", data="AA")
    + closed(0)
    + ended()
    + STOP,
    "a stop sequence": START + TEXT + ended("stop_sequence", "X") + STOP,
    "an error": START + TEXT + event("error", error={"type": "overloaded_error", "message": "Busy."}),
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD.keys())
def test_a_good_stream_has_no_faults(body: bytes) -> None:
    assert check_stream(body) == []


BAD: list[tuple[bytes, str]] = [
    (TEXT + ended() + STOP, "comes before message_start"),
    (START + START + ended() + STOP, "message_start comes twice"),
    (START + TEXT + ended(), "the stream ends without message_stop"),
    (START + TEXT + STOP, "message_stop comes without message_delta"),
    (START + TEXT + ended(None) + STOP, "the stream ends without a stop reason"),
    (START + ended() + STOP + PING, "`ping` comes after the end"),
    (START + ended() + TEXT + STOP, "a block begins after message_delta"),
    (
        START + opened(1, type="text", text="") + closed(1) + ended() + STOP,
        "block 1 begins where block 0 is due",
    ),
    (
        START + opened(0, type="text", text="") + opened(1, type="text", text="") + ended() + STOP,
        "a block begins while block 0 is open",
    ),
    (START + opened(0, type="text", text="") + ended() + STOP, "message_delta comes while block 0 is open"),
    (
        START + delta(0, type="text_delta", text="x") + ended() + STOP,
        "a delta for block 0, which is not open",
    ),
    (START + closed(0) + ended() + STOP, "block 0 ends, which is not open"),
    (
        START
        + opened(0, type="text", text="")
        + delta(0, type="input_json_delta", partial_json="")
        + closed(0)
        + ended()
        + STOP,
        "a block of kind `text` gets a delta of kind `input_json_delta`",
    ),
    (START + opened(0, type="text", text="Hi") + closed(0) + ended() + STOP, "`text` is wrong"),
    (
        START
        + opened(0, type="tool_use", id="a", name="f", input={"a": 1})
        + closed(0)
        + ended("tool_use")
        + STOP,
        "the input of a tool call does not begin empty",
    ),
    (START + call(0, '{"a') + ended("tool_use") + STOP, "the input of the tool call is no JSON object"),
    (START + call(0, "[]") + ended("tool_use") + STOP, "the input of the tool call is no JSON object"),
    (START + call(0, "{}") + ended() + STOP, "the answer ends with `end_turn` although"),
    (START + TEXT + ended("tool_use") + STOP, "the answer ends with `tool_use` although"),
    (START + TEXT + ended("stop") + STOP, "`stop_reason` is wrong"),
    (START + TEXT + ended("stop_sequence") + STOP, "`stop_sequence` is None"),
    (START + thoughts(0) + ended() + STOP, "a thinking block ends without a signature"),
    (
        START + thoughts(0, SIGNED, delta(0, type="thinking_delta", thinking="x")) + ended() + STOP,
        "a delta comes after the signature",
    ),
    (
        START + thoughts(0, delta(0, type="signature_delta", signature="")) + ended() + STOP,
        "`signature` is wrong",
    ),
    (
        event("message_start", message=message(usage={"input_tokens": 1})) + ended() + STOP,
        "`output_tokens` is missing",
    ),
    (
        event("message_start", message=message(stop_reason="end_turn")) + ended() + STOP,
        "`stop_reason` is wrong",
    ),
    (START + event("noise") + ended() + STOP, "there is no event `noise`"),
    (
        START + b'event: ping\ndata: {"type":"pong"}\n\n' + ended() + STOP,
        "event `ping` holds data of type `pong`",
    ),
    (START + b'data: {"type":"ping"}\n\n' + ended() + STOP, "does not begin with `event: `"),
    (START + b": keepalive\n\n" + ended() + STOP, "a comment is not allowed here"),
    (START + event("error", error={"type": "x"}), "error: `message` is missing"),
]


@pytest.mark.parametrize(("body", "fault"), BAD)
def test_a_fault_in_a_stream_is_found(body: bytes, fault: str) -> None:
    assert any(fault in one for one in check_stream(body))


def whole(*blocks: JSON, reason: str = "end_turn", **fields: JSON) -> bytes:
    return msgspec.json.encode(message(content=[*blocks], stop_reason=reason, **fields))


def test_a_good_answer_has_no_faults() -> None:
    text: Object = {"type": "text", "text": "Hi"}
    call_block: Object = {"type": "tool_use", "id": "a", "name": "f", "input": {}}

    assert check_response(whole(text)) == []
    assert check_response(whole(text, call_block, reason="tool_use")) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"5", "the answer is not a JSON object"),
        (whole(type="msg"), "`type` is wrong"),
        (whole({"type": "text", "text": ""}), "`text` is wrong"),
        (whole({"type": "thinking", "thinking": "x"}), "`signature` is missing"),
        (whole(reason="tool_use"), "ends with `tool_use` although"),
        (whole(stop_sequence="X"), "`stop_sequence` is 'X'"),
        (whole(usage={}), "usage: `input_tokens` is missing"),
    ],
)
def test_a_fault_in_an_answer_is_found(body: bytes, fault: str) -> None:
    assert any(fault in one for one in check_response(body))


def test_errors_have_a_form_too() -> None:
    assert check_error(b'{"type":"error","error":{"type":"api_error","message":"No."}}') == []
    assert check_error(b'{"error":{"type":"api_error","message":"No."}}') != []
