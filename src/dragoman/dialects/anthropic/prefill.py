"""The beginning of the answer that a client writes itself, in a request that goes through unread.

A request whose last message is the model's asks for the rest of that message. White space at its end is
refused: models write it at the beginning of what follows.
"""

import msgspec

from dragoman.dialects.anthropic.parse_content import Fields
from dragoman.dialects.json_text import opens_with, splice_member
from dragoman.dialects.json_tree import UNREADABLE

_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_MEMBERS = msgspec.json.Decoder(Fields)
_TEXT = msgspec.json.Decoder(str)


def trimmed_prefill(body: bytes, fields: Fields) -> tuple[bytes, Fields]:
    """The request and its top-level members, without white space at the end of the model's message, if
    that stands last; every other byte as it was. What cannot be read is left to the vendor to refuse.
    """
    if body.rfind(b'"assistant"') < 0:
        return body, fields
    messages = bytes(fields["messages"])
    if messages.rfind(b'"assistant"') < messages.rfind(b'"user"'):
        return body, fields
    try:
        trimmed = _trimmed(_RAWS.decode(messages))
    except UNREADABLE:
        return body, fields
    if trimmed is None:
        return body, fields
    encoded = msgspec.json.encode(trimmed)
    body = splice_member(body, fields, "messages", encoded)
    return body, {**fields, "messages": msgspec.Raw(encoded)}


def _trimmed(messages: list[msgspec.Raw]) -> list[msgspec.Raw] | None:
    """The messages with a shorter last one, or without it; None where nothing is to be done."""
    last = _MEMBERS.decode(messages[-1])
    if _text(last.get("role")) != "assistant" or "content" not in last:
        return None
    whole = _text(last["content"])
    if whole is not None:
        content: object = whole.rstrip()
        if content == whole:
            return None
    else:
        blocks = _RAWS.decode(last["content"])
        end = _MEMBERS.decode(blocks[-1]) if blocks else {}
        text = _text(end.get("text")) if _text(end.get("type")) == "text" else None
        if text is None or text == text.rstrip():
            return None
        kept = {**end, "text": msgspec.Raw(msgspec.json.encode(text.rstrip()))}
        content = [*blocks[:-1], kept] if text.rstrip() else blocks[:-1]
    if not content:
        return messages[:-1]
    shorter = {**last, "content": msgspec.Raw(msgspec.json.encode(content))}
    return [*messages[:-1], msgspec.Raw(msgspec.json.encode(shorter))]


def _text(value: msgspec.Raw | None) -> str | None:
    """A string; None for anything else."""
    return _TEXT.decode(value) if value is not None and opens_with(value, b'"') else None
