"""Going on from an earlier answer: what `previous_response_id` stands for, and the items that are kept.

A conversation is kept as a JSON array of items: those of the request, then those of the answer.
`instructions` are not part of it; the format does not inherit them.
"""

import hashlib

import msgspec

from dragoman.dialects.dialect import Head, State
from dragoman.dialects.openai_responses.head import given
from dragoman.dialects.openai_responses.identifiers import (
    CUSTOM_CALL,
    FUNCTION_CALL,
    MARK,
    MESSAGE,
    REASONING,
)

Items = list[msgspec.Raw]

_FIELDS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(Items)
_TEXT = msgspec.json.Decoder(str)
_BY_ID = "previous_response_id"

_PREFIXES = {
    "message": MESSAGE,
    "reasoning": REASONING,
    "function_call": FUNCTION_CALL,
    "function_call_output": FUNCTION_CALL,
    "custom_tool_call": CUSTOM_CALL,
    "custom_tool_call_output": CUSTOM_CALL,
}


class _Answer(msgspec.Struct):
    id: str = ""
    output: Items = []


class _Kind(msgspec.Struct):
    type: str = "message"


_ANSWER = msgspec.json.Decoder(_Answer)
_KIND = msgspec.json.Decoder(_Kind)


def _kept(head: Head) -> bool:
    return bytes(head.fields.get("store", b"")) != b"false"


def _previous(head: Head) -> str | None:
    return _TEXT.decode(bytes(head.fields[_BY_ID])) if given(head.fields, _BY_ID) else None


def _continued(body: bytes, history: bytes) -> bytes:
    """The body with the history before its own input; all other members' bytes as they were."""
    fields = _FIELDS.decode(body)
    whole = [*_ITEMS.decode(history), *_input(fields)]
    fields.pop(_BY_ID, None)
    return msgspec.json.encode({**fields, "input": whole})


def _history(body: bytes, answer: bytes) -> bytes:
    return msgspec.json.encode([*_input(_FIELDS.decode(body)), *_ANSWER.decode(answer).output])


def _identified(answer: bytes) -> str:
    return _ANSWER.decode(answer).id


def _render_items(body: bytes) -> bytes:
    items = [_with_id(bytes(item), place) for place, item in enumerate(_input(_FIELDS.decode(body)))]
    ids = [_TEXT.decode(bytes(item["id"])) for item in items]
    page = {
        "object": "list",
        "data": items,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
        "has_more": False,
    }
    return msgspec.json.encode(page)


def _render_deleted(identity: str) -> bytes:
    return msgspec.json.encode({"id": identity, "object": "response", "deleted": True})


def _input(fields: dict[str, msgspec.Raw]) -> Items:
    """The items of a request; a bare string is a user's message."""
    if not given(fields, "input"):
        return []
    sent = bytes(fields["input"])
    if sent[:1] != b'"':
        return _ITEMS.decode(sent)
    part = {"type": "input_text", "text": msgspec.Raw(sent)}
    return [msgspec.Raw(msgspec.json.encode({"type": "message", "role": "user", "content": [part]}))]


def _with_id(item: bytes, place: int) -> dict[str, msgspec.Raw]:
    """An item with an id: its own, or one made of its place and its content."""
    fields = _FIELDS.decode(item)
    if given(fields, "id"):
        return fields
    prefix = _PREFIXES.get(_KIND.decode(item).type, "item")
    digest = hashlib.sha256(b"%d\0%s" % (place, item)).hexdigest()[:32]
    return {"id": msgspec.Raw(b'"%s_%s%s"' % (prefix.encode(), MARK.encode(), digest.encode())), **fields}


STATE = State(
    kept=_kept,
    previous=_previous,
    continued=_continued,
    history=_history,
    identified=_identified,
    render_items=_render_items,
    render_deleted=_render_deleted,
)
"""How this format goes on from answers that are kept."""
