"""Reasoning that some hosts want back with every call it led to, and that most clients drop.

DeepSeek, Moonshot and Z.AI refuse a history with calls of tools whose messages are without their
`reasoning_content`; they take an empty one.
"""

import msgspec

FIELD = "reasoning_content"

_MESSAGES = msgspec.json.Decoder(list[msgspec.Raw])
_MESSAGE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ABSENT = frozenset({b"", b"null", b"[]"})
_EMPTY = msgspec.Raw(b'""')


def with_replayed_reasoning(messages: bytes) -> bytes:
    """The same messages, all that call tools with the field; every other message byte for byte, and what
    is no list of messages as it is.
    """
    if b'"tool_calls"' not in messages:
        return messages
    try:
        found = _MESSAGES.decode(messages)
        made = [_completed(message) for message in found]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return messages
    unchanged = all(after is before for before, after in zip(found, made, strict=True))
    return messages if unchanged else msgspec.json.encode(made)


def _completed(message: msgspec.Raw) -> msgspec.Raw:
    fields = _MESSAGE.decode(message)
    if bytes(fields.get("tool_calls", b"")) in _ABSENT or bytes(fields.get(FIELD, b"")) not in _ABSENT:
        return message
    return msgspec.Raw(msgspec.json.encode({**fields, FIELD: _EMPTY}))
