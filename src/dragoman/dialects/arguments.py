"""Arguments of tool calls: raw text of any kind on one side, a JSON object on the other.

Number text, key order and escapes survive in both directions: JSON is looked at, never written anew.
"""

import msgspec

from dragoman.conversation.blocks import ToolCall
from dragoman.dialects.json_text import is_json_object
from dragoman.dialects.json_tree import ANY, UNREADABLE

RAW_ARGUMENTS = "__raw_arguments"
"""The one member of an object that stands for arguments which are no JSON at all."""

_CLOSERS = {"{": "}", "[": "]"}


def call_input(call: ToolCall) -> tuple[msgspec.Raw, bool]:
    """A call's arguments as an object, and whether they had to be altered for it. No call is ever
    dropped for what it holds.
    """
    if call.custom:
        return custom_input(call.arguments), False
    return input_object(call.arguments)


def input_object(arguments: str) -> tuple[msgspec.Raw, bool]:
    """The arguments as an object, and whether they had to be altered for it.

    No text, or `null`, is an object without members; JSON that breaks off is closed; other JSON becomes
    `{"value": ...}` and anything else `{"__raw_arguments": "..."}`.
    """
    if says_nothing(arguments):
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


def says_nothing(arguments: str) -> bool:
    """Whether the arguments are no text, or `null`: some models call a tool without any so."""
    return arguments.strip() in {"", "null"}


def whole_arguments(arguments: str) -> str:
    """The arguments as they are, an object without members where they say nothing."""
    return "{}" if says_nothing(arguments) else arguments


def arguments_text(given: msgspec.Raw) -> str:
    """An object on the wire as the raw arguments of a call; `{}` where there is none."""
    return whole_arguments(compact(given).decode("utf-8", "replace"))


def compact(json: msgspec.Raw | bytes) -> bytes:
    """Valid JSON text without the space between its tokens, which alone is left out."""
    text = bytes(json)
    find = text.find
    spaced = find(b" ") >= 0 or find(b"\n") >= 0 or find(b"\r") >= 0 or find(b"\t") >= 0
    return msgspec.json.format(text, indent=-1) if spaced else text


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
            whole = position + 1
        elif character in "}]":
            if not open_brackets or _CLOSERS[open_brackets.pop()] != character:
                return None
            whole = position + 1
        elif character == ",":
            whole = position
    # no bracket comes after `whole`: the same ones close the text from there
    end = "".join(_CLOSERS[bracket] for bracket in reversed(open_brackets))
    if in_string:
        body = text[:-1] if escaped else text
        candidates = [body + '"' + end, _without_partial_escape(body) + '"' + end]
    else:
        candidates = [text + end, text + "null" + end]
    candidates.append(text[:whole] + end)
    return next((candidate for candidate in candidates if is_json_object(candidate)), None)


def _without_partial_escape(text: str) -> str:
    start = text.rfind("\\u")
    return text[:start] if start >= 0 and len(text) - start < 6 else text


def _is_json(text: str) -> bool:
    try:
        ANY.decode(text)
    except (*UNREADABLE, UnicodeError):
        return False
    return True
