"""Ids of tool calls in requests that go through unread, for hosts that take one form of them only.

A conversation that another vendor began, or a model of the same wire format, holds ids in other forms.
"""

from typing import Literal

import msgspec

from dragoman.dialects.openai_chat.call_ids import call_id

_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)


def with_fitting_ids(messages: bytes, form: Literal["free", "mistral"]) -> bytes:
    """The same messages, the ids of calls and of their results in the form that the model takes; every
    message whose ids fit byte for byte, and what is no list of messages as it is.
    """
    if b'"tool_calls"' not in messages and b'"tool_call_id"' not in messages:
        return messages
    try:
        found = _LIST.decode(messages)
        made = [_fitting(message, form) for message in found]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return messages
    unchanged = all(after is before for before, after in zip(found, made, strict=True))
    return messages if unchanged else msgspec.json.encode(made)


def _fitting(message: msgspec.Raw, form: Literal["free", "mistral"]) -> msgspec.Raw:
    fields = _OBJECT.decode(message)
    changed = _renamed(fields, "tool_call_id", form)
    if bytes(calls := fields.get("tool_calls", msgspec.Raw(b""))).startswith(b"["):
        before = [_OBJECT.decode(call) for call in _LIST.decode(calls)]
        after = [{**call, **_renamed(call, "id", form)} for call in before]
        if after != before:
            changed["tool_calls"] = msgspec.Raw(msgspec.json.encode(after))
    return msgspec.Raw(msgspec.json.encode({**fields, **changed})) if changed else message


def _renamed(
    fields: dict[str, msgspec.Raw], name: str, form: Literal["free", "mistral"]
) -> dict[str, msgspec.Raw]:
    """The field with another id, where it holds one that does not fit."""
    given = fields.get(name)
    if given is None or not bytes(given).startswith(b'"'):
        return {}
    own = _TEXT.decode(given)
    fitting = call_id(own, form)
    return {} if not own or fitting == own else {name: msgspec.Raw(msgspec.json.encode(fitting))}
