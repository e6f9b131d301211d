"""Arguments of tool calls: free text written by a model on one side, a JSON object on Google's.

Number text and key order survive in both directions: JSON is looked at, never re-serialised.
"""

import re

import msgspec

from dragoman.dialects.gemini.tree import ANY, elements, members
from dragoman.dialects.gemini.wire import PartialArg
from dragoman.dialects.json_text import is_json_object

RAW_ARGUMENTS = "__raw_arguments"
"""The member that holds arguments which are not JSON at all."""

_BETWEEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[ \t\r\n]+', re.DOTALL)


def compact(json: bytes) -> bytes:
    """The same JSON text without whitespace between its tokens."""
    if not any(mark in json for mark in (b"\n", b"\r", b"\t", b" ")):
        return json
    return _BETWEEN.sub(lambda match: b"" if match[0][0] != 0x22 else match[0], json)


def compact_lines(json: bytes) -> bytes:
    """The same JSON text on one line, for Google pretty-prints whole answers: a line break would end
    a line of an event stream.
    """
    return compact(json) if b"\n" in json or b"\r" in json else json


def arguments_text(args: msgspec.Raw) -> str:
    """A Google call's `args` as the raw arguments of a neutral call; `{}` where there are none."""
    text = compact(bytes(args)).decode("utf-8", "replace")
    return "{}" if text in {"", "null"} else text


def arguments_object(text: str, *, custom: bool = False) -> msgspec.Raw:
    """A neutral call's arguments as an object: no call is ever dropped for what it holds.

    Text of a `custom` tool becomes the member `input`. Empty text is an empty object, JSON that
    was cut short is closed, JSON of another type becomes the member `value`, and anything else the
    member `__raw_arguments`.
    """
    if custom:
        return msgspec.Raw(msgspec.json.encode({"input": text}))
    for candidate in (text, closed(text)):
        if candidate is None:
            continue
        if is_json_object(candidate):
            return msgspec.Raw(compact(candidate.strip().encode()))
        if candidate is text and _is_json(text):
            return msgspec.Raw(b'{"value":' + compact(text.strip().encode()) + b"}")
    if not text.strip():
        return msgspec.Raw(b"{}")
    return msgspec.Raw(msgspec.json.encode({RAW_ARGUMENTS: text}))


def _is_json(text: str) -> bool:
    try:
        ANY.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def closed(text: str) -> str | None:
    """A JSON object that was cut short, closed; None where closing cannot make it one.

    A member without its whole key, or without any of its value, is left out; a string that was cut
    ends where it was cut.
    """
    if text.lstrip()[:1] != "{":
        return None
    expected: list[str] = []
    in_string = False
    whole = 0  # up to where the text holds nothing but whole members
    position = 0
    while position < len(text):
        letter = text[position]
        position += 1
        if in_string:
            if letter == "\\":
                position += 1
            elif letter == '"':
                in_string = False
        elif letter == '"':
            in_string = True
        elif letter in "{[":
            expected.append("}" if letter == "{" else "]")
            whole = position
        elif letter in "}]":
            if not expected or expected.pop() != letter:
                return None
            whole = position
        elif letter == ",":
            whole = position - 1
    # no bracket comes after `whole`, so that the same ones close the text from there
    ends = "".join(reversed(expected))
    attempts = [text + '"' + ends, text.removesuffix("\\") + '"' + ends] if in_string else [text + ends]
    for attempt in (*attempts, text[:whole] + ends):
        if is_json_object(attempt):
            return attempt
    return None


class PartialArguments:
    """Arguments that Vertex AI streams value by value, each under its JSON path."""

    __slots__ = ("_growing", "_pieces", "_root")

    def __init__(self) -> None:
        self._root: dict[str, object] = {}
        self._growing: str | None = None
        self._pieces: list[str] = []

    def feed(self, piece: PartialArg) -> None:
        """Take one piece: a value, or more of the string that the piece before began."""
        if self._growing != piece.json_path or piece.string_value is None:
            self._end_string()
        if piece.string_value is not None:
            self._growing = piece.json_path
            self._pieces.append(piece.string_value)
            if not piece.will_continue:
                self._end_string()
        elif piece.number_value:
            self._store(piece.json_path, piece.number_value)
        else:
            self._store(piece.json_path, piece.bool_value)

    def _end_string(self) -> None:
        if self._growing is not None:
            self._store(self._growing, "".join(self._pieces))
        self._growing = None
        self._pieces = []

    def _store(self, path: str, value: object) -> None:
        if steps := _steps(path):
            _store(self._root, steps, value)

    @property
    def text(self) -> str:
        """The arguments so far, as one JSON object."""
        self._end_string()
        return msgspec.json.encode(self._root).decode()


_STEP = re.compile(r"\.?([^.\[\]'\"]+)|\[(\d{1,4})\]|\[(['\"])(.*?)\3\]")


def _steps(path: str) -> list[str | int]:
    """`$.a[0]['b c']` as its steps."""
    steps: list[str | int] = []
    for match in _STEP.finditer(path.removeprefix("$")):
        name, index, _, quoted = match.groups()
        steps.append(int(index) if index is not None else name if name is not None else quoted)
    return steps


def _child(place: object, step: str | int) -> object:
    if isinstance(step, str):
        return (members(place) or {}).get(step)
    siblings = elements(place) or []
    return siblings[step] if step < len(siblings) else None


def _store(root: dict[str, object], steps: list[str | int], value: object) -> None:
    place: object = root
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        child = value
        if isinstance(following, str):
            child = members(_child(place, step)) or {}
        elif following is not None:
            child = elements(_child(place, step)) or []
        object_ = members(place)
        array = elements(place)
        if object_ is not None and isinstance(step, str):
            object_[step] = child
        elif array is not None and isinstance(step, int):
            array.extend([None] * (step + 1 - len(array)))
            array[step] = child
        else:
            return
        place = child
