"""Well-formed answers of OpenAI Responses."""

from dragoman.testing.grammar.framing import Frame, split_frames
from dragoman.testing.grammar.responses_items import Items, check_item
from dragoman.testing.grammar.shape import (
    Check,
    array,
    child,
    children,
    count,
    flag,
    maybe,
    name,
    number,
    one_of,
    require,
    text,
    thing,
    whole,
)
from dragoman.testing.json_value import JSON, Object, decode_object

_LIFE = {
    "response.created": ("in_progress", "queued"),
    "response.queued": ("queued",),
    "response.in_progress": ("in_progress",),
    "response.completed": ("completed",),
    "response.incomplete": ("incomplete",),
    "response.failed": ("failed",),
}
"""The events that hold the whole response, with the status that it has in each."""

_TERMINAL = ("response.completed", "response.incomplete", "response.failed")
_INCOMPLETE = ("max_output_tokens", "content_filter", "max_messages", "steered")
_ITEM_STATUS = ("completed", "incomplete", "in_progress")

_RESPONSE: dict[str, Check] = {
    "id": name,
    "object": one_of("response"),
    "created_at": number,
    "status": one_of("completed", "failed", "in_progress", "cancelled", "queued", "incomplete"),
    "error": maybe(thing),
    "incomplete_details": maybe(thing),
    "instructions": maybe(lambda value: isinstance(value, str | list)),
    "max_output_tokens": maybe(count),
    "metadata": maybe(thing),
    "model": name,
    "output": array,
    "parallel_tool_calls": flag,
    "previous_response_id": maybe(text),
    "reasoning": maybe(thing),
    "temperature": maybe(number),
    "text": thing,
    "tool_choice": lambda value: isinstance(value, str | dict),
    "tools": array,
    "top_p": maybe(number),
    "truncation": maybe(one_of("auto", "disabled")),
}
"""The members that every response has, on the wire and in the official SDK's types."""


def check_stream(body: bytes) -> list[str]:
    """What is wrong with a whole streamed answer; empty when nothing is."""
    stream = _Stream()
    for frame in split_frames(body, stream.found, named=True):
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
    _check_response(answer, "answer", found)
    if answer.get("status") in {"in_progress", "queued"}:
        found.append(f"answer: is still `{answer['status']}`")
    return found


def check_error(body: bytes) -> list[str]:
    """What is wrong with the body of an error answer; empty when nothing is."""
    found: list[str] = []
    try:
        answer = decode_object(body)
    except ValueError as error:
        return [f"the answer is not a JSON object: {error}"]
    if require(answer, {"error": thing}, "answer", found):
        wanted = {"message": name, "type": text, "param": maybe(text), "code": maybe(text)}
        require(child(answer, "error"), wanted, "answer.error", found)
    return found


def _check_response(response: Object, where: str, found: list[str]) -> None:
    if not require(response, _RESPONSE, where, found):
        return
    status = response["status"]
    done = status in {"completed", "incomplete"}
    for place, item in enumerate(children(response, "output")):
        check_item(item, f"{where}.output[{place}]", found, _ITEM_STATUS if done else ())
    identities = [item.get("id") for item in children(response, "output") if "id" in item]
    if len({str(identity) for identity in identities}) < len(identities):
        found.append(f"{where}: two items have one id")
    if done:
        if require(response, {"usage": thing}, where, found):
            _check_usage(child(response, "usage"), f"{where}.usage", found)
        if response["error"] is not None:
            found.append(f"{where}: has an error and is `{status}`")
    if status == "failed":
        require(child(response, "error"), {"code": name, "message": name}, f"{where}.error", found)
    details = response["incomplete_details"]
    if (details is not None) != (status == "incomplete"):
        found.append(f"{where}: is `{status}` with `incomplete_details` {details!r}")
    elif isinstance(details, dict):
        require(details, {"reason": one_of(*_INCOMPLETE)}, f"{where}.incomplete_details", found)


def _check_usage(usage: Object, where: str, found: list[str]) -> None:
    wanted = {
        "input_tokens": count,
        "input_tokens_details": thing,
        "output_tokens": count,
        "output_tokens_details": thing,
        "total_tokens": count,
    }
    if not require(usage, wanted, where, found):
        return
    given, written = whole(usage, "input_tokens"), whole(usage, "output_tokens")
    require(child(usage, "input_tokens_details"), {"cached_tokens": count}, where, found)
    require(child(usage, "output_tokens_details"), {"reasoning_tokens": count}, where, found)
    if whole(usage, "total_tokens") != given + written:
        found.append(f"{where}: `total_tokens` is not the sum of input and output")
    if whole(child(usage, "input_tokens_details"), "cached_tokens") > given:
        found.append(f"{where}: more tokens are cached than the input has")
    if whole(child(usage, "output_tokens_details"), "reasoning_tokens") > written:
        found.append(f"{where}: more tokens are reasoning than the output has")


class _Stream:
    def __init__(self) -> None:
        self.found: list[str] = []
        self._items = Items(self.found)
        self._next = 0
        self._identity: tuple[JSON, ...] | None = None
        self._seen: list[str] = []
        self._ended: str | None = None
        self._error = False

    def feed(self, frame: Frame) -> None:
        where = f"frame {frame.number}"
        try:
            event = decode_object(frame.data)
        except ValueError as error:
            self.found.append(f"{where}: {error}")
            return
        if not require(event, {"type": name, "sequence_number": count}, where, self.found):
            return
        kind = str(event["type"])
        where = f"{where} ({kind})"
        if frame.event != kind:
            self.found.append(f"{where}: its event line says `{frame.event}`")
        if event["sequence_number"] != self._next:
            self.found.append(
                f"{where}: `sequence_number` is {event['sequence_number']} where {self._next} is due"
            )
        self._next = whole(event, "sequence_number") + 1
        if self._ended is not None:
            self.found.append(f"{where}: comes after `{self._ended}`")
        elif kind in _LIFE:
            self._feed_life(kind, event, where)
        elif kind == "error":
            self._feed_error(event, where)
        elif not self._seen:
            self.found.append(f"{where}: comes before `response.created`")
        elif self._error:
            self.found.append(f"{where}: comes after an error")
        else:
            self._items.feed(kind, event, where)
        self._seen.append(kind)

    def _feed_life(self, kind: str, event: Object, where: str) -> None:
        if not require(event, {"response": thing}, where, self.found):
            return
        response = child(event, "response")
        _check_response(response, where, self.found)
        if response.get("status") not in _LIFE[kind]:
            self.found.append(f"{where}: the response is `{response.get('status')}`")
        identity = (response.get("id"), response.get("created_at"), response.get("model"))
        if self._identity not in {None, identity}:
            self.found.append(f"{where}: id, created_at or model differ from those of the first event")
        self._identity = self._identity or identity
        if (kind == "response.created") == bool(self._seen):
            self.found.append(f"{where}: stands in the wrong place")
        if kind in _TERMINAL:
            self._ended = kind
            if kind != "response.failed":
                self._items.check_output(response, where)
        elif kind in self._seen:
            self.found.append(f"{where}: is repeated")
        elif response.get("output") != []:
            self.found.append(f"{where}: has output before any item was begun")

    def _feed_error(self, event: Object, where: str) -> None:
        """On the wire the error is an object of its own; the SDK's types have its members beside it."""
        self._error = True
        inner = child(event, "error") if "error" in event else event
        wanted = {"code": maybe(text), "message": name, "param": maybe(text)}
        require(inner, wanted, where, self.found)

    def close(self) -> None:
        if self._ended is None and not (self._error and self._seen == ["error"]):
            self.found.append("the stream ends without a terminal event")
        if self._ended in {"response.completed", "response.incomplete"} and self._error:
            self.found.append(f"`{self._ended}` comes after an error")
        if (
            self._seen
            and self._seen[0] != "error"
            and self._seen[1:2]
            not in (
                ["response.in_progress"],
                ["response.queued"],
            )
        ):
            self.found.append("`response.in_progress` does not follow `response.created`")
