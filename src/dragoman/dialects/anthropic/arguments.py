"""Tool arguments: raw text of any kind on one side, a JSON object on the other.

Number text, key order and escapes survive: what is an object already is embedded as it stands.
"""

import msgspec

from dragoman.dialects.json_text import is_json_object

RAW_ARGUMENTS = "__raw_arguments"
"""The one member of an object that stands for arguments which are no JSON at all."""

_CLOSERS = {"{": "}", "[": "]"}
_VALUE: msgspec.json.Decoder[object] = msgspec.json.Decoder(object)


def input_object(arguments: str) -> tuple[msgspec.Raw, bool]:
    """The arguments as an object, and whether they had to be altered for it.

    No text, or `null`, is an object without members; JSON that breaks off is closed; other JSON becomes
    `{"value": ...}` and anything else `{"__raw_arguments": "..."}`.
    """
    if arguments.strip() in {"", "null"}:
        return msgspec.Raw(b"{}"), False
    if is_json_object(arguments):
        return msgspec.Raw(arguments.encode()), False
    if _is_json(arguments):
        return msgspec.Raw(b'{"value":' + arguments.strip().encode() + b"}"), True
    closed = closed_object(arguments)
    if closed is not None:
        return msgspec.Raw(closed.encode()), True
    return msgspec.Raw(msgspec.json.encode({RAW_ARGUMENTS: arguments})), True


def custom_input(text: str) -> msgspec.Raw:
    """The free text of a custom tool's call as the object of the function that stands for it."""
    return msgspec.Raw(msgspec.json.encode({"input": text}))


def compact(raw: msgspec.Raw) -> str:
    """JSON text without the space between its tokens, which alone is left out."""
    return bytes(msgspec.json.format(raw, indent=-1)).decode()


def closed_object(text: str) -> str | None:
    """A JSON object that breaks off, closed where it does or after its last whole member; None for
    text that is not the beginning of one.
    """
    text = text.strip()
    if not text.startswith("{"):
        return None
    open_brackets: list[str] = []
    in_string = escaped = False
    whole = 0
    closers = ""
    for position, character in enumerate(text):
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in _CLOSERS:
            open_brackets.append(character)
            whole, closers = position + 1, _closing(open_brackets)
        elif character in "}]":
            if not open_brackets or _CLOSERS[open_brackets.pop()] != character:
                return None
            whole, closers = position + 1, _closing(open_brackets)
        elif character == ",":
            whole, closers = position, _closing(open_brackets)
    end = _closing(open_brackets)
    if in_string:
        body = text[:-1] if escaped else text
        candidates = [body + '"' + end, _without_partial_escape(body) + '"' + end]
    else:
        candidates = [text + end, text + "null" + end]
    candidates.append(text[:whole] + closers)
    return next((candidate for candidate in candidates if is_json_object(candidate)), None)


def _closing(open_brackets: list[str]) -> str:
    return "".join(_CLOSERS[bracket] for bracket in reversed(open_brackets))


def _without_partial_escape(text: str) -> str:
    start = text.rfind("\\u")
    return text[:start] if start >= 0 and len(text) - start < 6 else text


def _is_json(text: str) -> bool:
    try:
        _VALUE.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True
