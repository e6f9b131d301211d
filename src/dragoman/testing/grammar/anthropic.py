"""Well-formed answers of Anthropic Messages."""

from dragoman.testing.grammar.framing import Frame, split_frames
from dragoman.testing.grammar.shape import (
    array,
    child,
    children,
    count,
    maybe,
    name,
    null,
    one_of,
    require,
    text,
    thing,
    whole,
)
from dragoman.testing.json_value import JSON, Object, decode_object

_STOPS = (
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
    "compaction",
)
_CUT = ("max_tokens", "refusal", "model_context_window_exceeded", "pause_turn")
"""Ends that say nothing about whether a tool was called."""

_USAGE = {
    "input_tokens": count,
    "output_tokens": count,
    "cache_creation_input_tokens": maybe(count),
    "cache_read_input_tokens": maybe(count),
}
_OPENINGS = {
    "text": {"text": one_of("")},
    "thinking": {"thinking": one_of(""), "signature": one_of("")},
    "redacted_thinking": {"data": name},
    "tool_use": {"id": name, "name": name, "input": thing},
    "server_tool_use": {"id": name, "name": name, "input": thing},
}
"""What blocks hold when they open; those of other kinds are complete."""

_DELTAS = {
    "text": {"text_delta": {"text": text}, "citations_delta": {"citation": thing}},
    "thinking": {"thinking_delta": {"thinking": text}, "signature_delta": {"signature": name}},
    "tool_use": {"input_json_delta": {"partial_json": text}},
    "server_tool_use": {"input_json_delta": {"partial_json": text}},
    "mcp_tool_use": {"input_json_delta": {"partial_json": text}},
    "redacted_thinking": {},
}
_WHOLE = {
    "text": {"text": name},
    "thinking": {"thinking": text, "signature": name},
    "redacted_thinking": {"data": name},
    "tool_use": {"id": name, "name": name, "input": thing},
    "server_tool_use": {"id": name, "name": name, "input": thing},
}


def check_stream(body: bytes) -> list[str]:
    """What is wrong with a whole streamed answer; empty when nothing is."""
    stream = _Stream()
    for frame in split_frames(body, stream.found, named=True, comments=False):
        stream.feed(frame)
    stream.close()
    return stream.found


def check_response(body: bytes) -> list[str]:
    """What is wrong with a whole answer that was not streamed; empty when nothing is."""
    found: list[str] = []
    try:
        answer = decode_object(body)
    except ValueError as error:
        return [f"the answer is not a JSON object: {error}"]
    wanted = {
        "id": name,
        "type": one_of("message"),
        "role": one_of("assistant"),
        "model": name,
        "content": array,
        "stop_reason": one_of(*_STOPS),
        "stop_sequence": maybe(text),
        "usage": thing,
    }
    if not require(answer, wanted, "answer", found):
        return found
    kinds: list[str] = []
    for place, block in enumerate(children(answer, "content")):
        kind = str(block.get("type"))
        kinds.append(kind)
        require(block, {"type": name, **_WHOLE.get(kind, {})}, f"content[{place}]", found)
    require(child(answer, "usage"), _USAGE, "usage", found)
    _check_stop(answer["stop_reason"], answer["stop_sequence"], kinds, found)
    return found


def check_error(body: bytes) -> list[str]:
    """What is wrong with the body of an error answer; empty when nothing is."""
    found: list[str] = []
    try:
        _check_error(decode_object(body), "answer", found)
    except ValueError as error:
        found.append(f"the answer is not a JSON object: {error}")
    return found


def _check_error(answer: Object, where: str, found: list[str]) -> None:
    if require(answer, {"type": one_of("error"), "error": thing}, where, found):
        require(child(answer, "error"), {"type": name, "message": name}, f"{where}.error", found)


def _check_stop(reason: JSON, sequence: JSON, kinds: list[str], found: list[str]) -> None:
    if (reason == "stop_sequence") != (sequence is not None):
        found.append(f"`stop_sequence` is {sequence!r} where the reason is `{reason}`")
    if reason not in _CUT and (reason == "tool_use") != ("tool_use" in kinds):
        found.append(f"the answer ends with `{reason}` although it has blocks {kinds}")


class _Open:
    """The one block that is open."""

    def __init__(self, index: int, kind: str) -> None:
        self.index = index
        self.kind = kind
        self.json = ""
        self.signed = False


class _Stream:
    def __init__(self) -> None:
        self.found: list[str] = []
        self._started = False
        self._kinds: list[str] = []
        self._open: _Open | None = None
        self._reason: JSON = None
        self._sequence: JSON = None
        self._broken = ""
        self._ending = False
        self._stopped = False
        self._failed = False

    def feed(self, frame: Frame) -> None:
        where = f"frame {frame.number}"
        try:
            event = decode_object(frame.data)
        except ValueError as error:
            self.found.append(f"{where}: {error}")
            return
        if event.get("type") != frame.event:
            self.found.append(f"{where}: event `{frame.event}` holds data of type `{event.get('type')}`")
            return
        if self._stopped or self._failed:
            self.found.append(f"{where}: `{frame.event}` comes after the end")
            return
        if not self._started and frame.event not in {"message_start", "ping", "error"}:
            self.found.append(f"{where}: `{frame.event}` comes before message_start")
        match frame.event:
            case "message_start":
                self._start(event, where)
            case "content_block_start":
                self._open_block(event, where)
            case "content_block_delta":
                self._feed_block(event, where)
            case "content_block_stop":
                self._close_block(event, where)
            case "message_delta":
                self._end(event, where)
            case "message_stop":
                self._stopped = True
                if not self._ending:
                    self.found.append(f"{where}: message_stop comes without message_delta")
            case "ping":
                pass
            case "error":
                self._failed = True
                _check_error(event, where, self.found)
            case _:
                self.found.append(f"{where}: there is no event `{frame.event}`")

    def _start(self, event: Object, where: str) -> None:
        if self._started:
            self.found.append(f"{where}: message_start comes twice")
        self._started = True
        wanted = {
            "id": name,
            "type": one_of("message"),
            "role": one_of("assistant"),
            "model": name,
            "content": array,
            "stop_reason": null,
            "stop_sequence": null,
            "usage": thing,
        }
        message = child(event, "message")
        if require(message, wanted, f"{where}.message", self.found):
            require(child(message, "usage"), _USAGE, f"{where}.message.usage", self.found)
            if message["content"]:
                self.found.append(f"{where}: the message does not begin empty")

    def _open_block(self, event: Object, where: str) -> None:
        if not require(event, {"index": count, "content_block": thing}, where, self.found):
            return
        if self._ending:
            self.found.append(f"{where}: a block begins after message_delta")
        if self._open is not None:
            self.found.append(f"{where}: a block begins while block {self._open.index} is open")
        index = whole(event, "index")
        if index != len(self._kinds):
            self.found.append(f"{where}: block {index} begins where block {len(self._kinds)} is due")
        block = child(event, "content_block")
        kind = str(block.get("type"))
        require(block, {"type": name, **_OPENINGS.get(kind, {})}, f"{where}.content_block", self.found)
        if kind in {"tool_use", "server_tool_use"} and block.get("input"):
            self.found.append(f"{where}: the input of a tool call does not begin empty")
        self._kinds.append(kind)
        self._open = _Open(index, kind)

    def _feed_block(self, event: Object, where: str) -> None:
        if not require(event, {"index": count, "delta": thing}, where, self.found):
            return
        block = self._open
        if block is None or block.index != event["index"]:
            self.found.append(f"{where}: a delta for block {event['index']}, which is not open")
            return
        delta = child(event, "delta")
        kind = str(delta.get("type"))
        known = _DELTAS.get(block.kind, {})
        if kind not in known:
            self.found.append(f"{where}: a block of kind `{block.kind}` gets a delta of kind `{kind}`")
            return
        require(delta, known[kind], f"{where}.delta", self.found)
        if block.signed:
            self.found.append(f"{where}: a delta comes after the signature")
        block.signed = kind == "signature_delta"
        if isinstance(piece := delta.get("partial_json"), str):
            block.json += piece

    def _close_block(self, event: Object, where: str) -> None:
        block = self._open
        self._open = None
        if block is None or block.index != event.get("index"):
            self.found.append(f"{where}: block {event.get('index')} ends, which is not open")
            return
        if block.kind == "thinking" and not block.signed:
            self.found.append(f"{where}: a thinking block ends without a signature")
        if block.json:
            try:
                decode_object(block.json)
            except ValueError:
                # allowed only where the answer was cut off, which is known at the end
                self._broken = f"{where}: the input of the tool call is no JSON object: {block.json[:80]!r}"

    def _end(self, event: Object, where: str) -> None:
        if self._open is not None:
            self.found.append(f"{where}: message_delta comes while block {self._open.index} is open")
        self._ending = True
        if not require(event, {"delta": thing, "usage": thing}, where, self.found):
            return
        delta = child(event, "delta")
        wanted = {"stop_reason": maybe(one_of(*_STOPS)), "stop_sequence": maybe(text)}
        if require(delta, wanted, f"{where}.delta", self.found):
            self._reason = delta["stop_reason"] or self._reason
            self._sequence = delta["stop_sequence"]
        require(child(event, "usage"), {"output_tokens": count}, f"{where}.usage", self.found)

    def close(self) -> None:
        if self._failed:
            return
        if not self._stopped:
            self.found.append("the stream ends without message_stop")
        if self._reason is None:
            self.found.append("the stream ends without a stop reason")
            return
        if self._broken and self._reason not in _CUT:
            self.found.append(self._broken)
        _check_stop(self._reason, self._sequence, self._kinds, self.found)
