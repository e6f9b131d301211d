"""Items of OpenAI Responses: their shape, and how they grow in a stream."""

from dragoman.testing.grammar.shape import (
    Check,
    array,
    child,
    children,
    count,
    maybe,
    name,
    number,
    one_of,
    require,
    text,
    thing,
    whole,
)
from dragoman.testing.json_value import JSON, Object, decode_json

_SHAPES: dict[str, dict[str, Check]] = {
    "message": {"id": name, "role": one_of("assistant"), "content": array, "status": name},
    "function_call": {"id": name, "call_id": name, "name": name, "arguments": text, "status": name},
    "custom_tool_call": {"id": name, "call_id": name, "name": name, "input": text},
    "reasoning": {"id": name, "summary": array},
    "web_search_call": {"id": name, "status": name},
}
_PREFIXES = {
    "message": "msg_",
    "function_call": "fc_",
    "custom_tool_call": "ctc_",
    "reasoning": "rs_",
    "web_search_call": "ws_",
}
_PARTS: dict[str, dict[str, Check]] = {
    "output_text": {"text": text, "annotations": array},
    "refusal": {"refusal": text},
    "reasoning_text": {"text": text},
}
_STAGES = ("in_progress", "searching", "interpreting", "generating", "partial_image", "completed", "failed")
"""The last words of events that only tell how far a hosted call is."""

_GROWN = {
    "response.function_call_arguments": ("function_call", "arguments"),
    "response.custom_tool_call_input": ("custom_tool_call", "input"),
    "response.mcp_call_arguments": ("mcp_call", "arguments"),
    "response.code_interpreter_call_code": ("code_interpreter_call", "code"),
}
"""Texts of items that grow: the item's kind, and its member."""

_NESTED: dict[str, tuple[str, str, str]] = {
    "response.output_text": ("content", "content_index", "text"),
    "response.refusal": ("content", "content_index", "refusal"),
    "response.reasoning_text": ("content", "content_index", "text"),
    "response.reasoning_summary_text": ("summary", "summary_index", "text"),
}
"""Texts of parts that grow: the list they are in, what counts it, and their member."""


def check_item(item: Object, where: str, found: list[str], statuses: tuple[str, ...] = ()) -> None:
    """Note what is wrong with an item; `statuses` are those that it may have at the end, none for any."""
    if not require(item, {"type": name}, where, found):
        return
    kind = str(item["type"])
    if not require(item, _SHAPES.get(kind, {}), where, found):
        return
    if not str(item.get("id", "")).startswith(_PREFIXES.get(kind, "")):
        found.append(f"{where}: its id does not begin with `{_PREFIXES[kind]}`")
    status = item.get("status")
    if statuses and isinstance(status, str) and kind in _SHAPES and status not in {*statuses, "failed"}:
        found.append(f"{where}: is `{status}`")
    for place, part in enumerate(children(item, "content")):
        check_part(part, f"{where}.content[{place}]", found)
    for part in children(item, "summary"):
        require(part, {"type": one_of("summary_text"), "text": text}, f"{where}.summary", found)
    if kind == "function_call" and status == "completed":
        try:
            decode_json(str(item["arguments"]))
        except ValueError:
            found.append(f"{where}: the arguments are not JSON: {str(item['arguments'])[:80]!r}")


def check_part(part: Object, where: str, found: list[str]) -> None:
    """Note what is wrong with a part of an item's content."""
    if not require(part, {"type": one_of(*_PARTS)}, where, found):
        return
    if not require(part, _PARTS[str(part["type"])], where, found):
        return
    for annotation in children(part, "annotations"):
        if annotation.get("type") != "url_citation":
            continue
        wanted = {"url": name, "title": text, "start_index": count, "end_index": count}
        if require(annotation, wanted, f"{where}.annotations", found) and not (
            whole(annotation, "start_index") <= whole(annotation, "end_index") <= len(str(part["text"]))
        ):
            found.append(f"{where}: an annotation reaches beyond the text")
    for token in children(part, "logprobs"):
        wanted = {"token": text, "logprob": number, "bytes": maybe(array), "top_logprobs": array}
        require(token, wanted, f"{where}.logprobs", found)


class _Text:
    """A text on its way, and whether it is complete."""

    def __init__(self) -> None:
        self.value = ""
        self.done = False


class _Item:
    """An item on its way: its kind and id, its own text, and those of its parts."""

    def __init__(self, kind: str, identity: JSON) -> None:
        self.kind = kind
        self.identity = identity
        self.own = _Text()
        self.parts: dict[tuple[str, int], _Text] = {}
        self.kinds: dict[tuple[str, int], str] = {}
        self.closed: set[tuple[str, int]] = set()
        self.annotations: dict[int, list[JSON]] = {}
        self.done: Object | None = None


class Items:
    """The items of a stream, each from its `added` to its `done`."""

    def __init__(self, found: list[str]) -> None:
        self._found = found
        self._items: dict[int, _Item] = {}

    def feed(self, kind: str, event: Object, where: str) -> None:
        """Take an event that belongs to an item."""
        if kind == "response.output_item.added":
            self._add(event, where)
            return
        if kind.startswith("response.shell_call"):
            return  # these name no item
        if not require(event, {"output_index": count}, where, self._found):
            return
        item = self._items.get(whole(event, "output_index"))
        if item is None or item.done is not None:
            self._found.append(f"{where}: item {event['output_index']} is not open")
            return
        if kind == "response.output_item.done":
            self._end(item, event, where)
        elif event.get("item_id") != item.identity:
            self._found.append(f"{where}: `item_id` is {event.get('item_id')!r}, not {item.identity!r}")
        else:
            self._feed_inner(item, kind, event, where)

    def _add(self, event: Object, where: str) -> None:
        if not require(event, {"output_index": count, "item": thing}, where, self._found):
            return
        index, item = whole(event, "output_index"), child(event, "item")
        if index != len(self._items):
            self._found.append(f"{where}: item {index} begins where item {len(self._items)} is due")
        check_item(item, where, self._found)
        for member in ("content", "summary"):
            if item.get("type") in {"message", "reasoning"} and item.get(member):
                self._found.append(f"{where}: the item begins with `{member}`")
        for member in ("arguments", "input"):
            if item.get(member) and item.get("type") in {"function_call", "custom_tool_call"}:
                self._found.append(f"{where}: the item begins with `{member}`")
        self._items[index] = _Item(str(item.get("type")), item.get("id"))

    def _feed_inner(self, item: _Item, kind: str, event: Object, where: str) -> None:
        stem, _, step = kind.rpartition(".")
        if stem in _GROWN:
            expected, member = _GROWN[stem]
            if item.kind != expected:
                self._found.append(f"{where}: belongs to no `{item.kind}`")
            self._grow(item.own, step, event, member, where)
        elif stem in _NESTED:
            self._feed_text(item, stem, step, event, where)
        elif stem in {"response.content_part", "response.reasoning_summary_part"}:
            self._feed_part(item, stem, step, event, where)
        elif kind == "response.output_text.annotation.added":
            self._annotate(item, event, where)
        elif step not in _STAGES and not stem.startswith(("response.apply_patch", "response.audio")):
            self._found.append(f"{where}: is not an event of this format")

    def _feed_text(self, item: _Item, stem: str, step: str, event: Object, where: str) -> None:
        holder, counter, member = _NESTED[stem]
        if not require(event, {counter: count}, where, self._found):
            return
        place = (holder, whole(event, counter))
        if stem == "response.reasoning_text":
            # its parts are not announced
            item.parts.setdefault(place, _Text())
        if place not in item.parts or place in item.closed:
            self._found.append(f"{where}: {holder} {place[1]} is not open")
            return
        if stem == "response.output_text" and step == "delta":
            require(event, {"logprobs": array}, where, self._found)
        self._grow(item.parts[place], step, event, member, where)

    def _grow(self, written: _Text, step: str, event: Object, member: str, where: str) -> None:
        if written.done:
            self._found.append(f"{where}: comes after its `done`")
        if step == "delta":
            if require(event, {"delta": text}, where, self._found):
                written.value += str(event["delta"])
        elif step == "done" and require(event, {member: text}, where, self._found):
            written.done = True
            if event[member] != written.value:
                self._found.append(f"{where}: `{member}` is not what its deltas add up to")

    def _feed_part(self, item: _Item, stem: str, step: str, event: Object, where: str) -> None:
        summary = stem == "response.reasoning_summary_part"
        holder, counter = ("summary", "summary_index") if summary else ("content", "content_index")
        if not require(event, {counter: count, "part": thing}, where, self._found):
            return
        place, part = (holder, whole(event, counter)), child(event, "part")
        if summary:
            require(part, {"type": one_of("summary_text"), "text": text}, where, self._found)
        else:
            check_part(part, where, self._found)
        value = part.get("refusal" if part.get("type") == "refusal" else "text")
        if step == "added":
            due = sum(known == holder for known, _ in item.parts)
            if place[1] != due:
                self._found.append(f"{where}: {holder} {place[1]} begins where {due} is due")
            if value:
                self._found.append(f"{where}: the part begins with text")
            item.parts[place] = _Text()
            item.kinds[place] = str(part.get("type"))
        elif place not in item.parts or place in item.closed:
            self._found.append(f"{where}: {holder} {place[1]} is not open")
        else:
            item.closed.add(place)
            if not item.parts[place].done:
                self._found.append(f"{where}: comes before the text's `done`")
            if value != item.parts[place].value or item.kinds[place] != part.get("type"):
                self._found.append(f"{where}: the part is not what was streamed")
            if not summary and part.get("annotations", []) != item.annotations.get(place[1], []):
                self._found.append(f"{where}: the annotations are not those that were streamed")

    def _annotate(self, item: _Item, event: Object, where: str) -> None:
        wanted = {"content_index": count, "annotation_index": count, "annotation": thing}
        if not require(event, wanted, where, self._found):
            return
        known = item.annotations.setdefault(whole(event, "content_index"), [])
        if event["annotation_index"] != len(known):
            self._found.append(
                f"{where}: annotation {event['annotation_index']} comes where {len(known)} is due"
            )
        known.append(event["annotation"])

    def _end(self, item: _Item, event: Object, where: str) -> None:
        if not require(event, {"item": thing}, where, self._found):
            return
        whole_item = child(event, "item")
        item.done = whole_item
        check_item(whole_item, where, self._found, ("completed", "incomplete"))
        if (whole_item.get("type"), whole_item.get("id")) != (item.kind, item.identity):
            self._found.append(f"{where}: type or id differ from those of its `added`")
        for stem_kind, member in _GROWN.values():
            if item.kind == stem_kind and stem_kind in {"function_call", "custom_tool_call"}:
                if not item.own.done:
                    self._found.append(f"{where}: comes before the `done` of its {member}")
                if whole_item.get(member) != item.own.value:
                    self._found.append(f"{where}: `{member}` is not what was streamed")
        for holder in ("content", "summary"):
            self._check_parts(item, holder, children(whole_item, holder), where)

    def _check_parts(self, item: _Item, holder: str, parts: list[Object], where: str) -> None:
        streamed = [written for (known, _), written in sorted(item.parts.items()) if known == holder]
        texts = [part.get("refusal" if part.get("type") == "refusal" else "text") for part in parts]
        if item.kind in {"message", "reasoning"} and texts != [written.value for written in streamed]:
            self._found.append(f"{where}: its {holder} is not what was streamed")
        announced = {place for place in item.kinds if place[0] == holder}
        if not announced <= item.closed:
            self._found.append(f"{where}: a part of its {holder} is still open")

    def check_output(self, response: Object, where: str) -> None:
        """Note where the final response is not the items that were streamed."""
        if any(item.done is None for item in self._items.values()):
            self._found.append(f"{where}: an item is still open")
        streamed = [_open_part(item.done or {}) for _, item in sorted(self._items.items())]
        if [_open_part(item) for item in children(response, "output")] != streamed:
            self._found.append(f"{where}: `output` is not the items that were streamed")


def _open_part(item: Object) -> Object:
    """The item without what is encrypted anew for each event."""
    return {member: value for member, value in item.items() if member != "encrypted_content"}
