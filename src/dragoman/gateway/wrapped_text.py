"""JSON text of an object with one member, read bit by bit: only the member's value is wanted."""

import re
from typing import Literal

import msgspec

_SPACE = " \t\r\n"
_END_OF_SCALAR = re.compile(r"[\s,}\]]")
_IN_STRING = re.compile(r'["\\]')
_BETWEEN = re.compile(r'["\[\]{}]')


class WrappedText:
    """Takes `{"name": value}` in any pieces, and gives the text of the value.

    What stands before the value is held back until it is clear that it is not the wrapping; then all of
    it is given as it came. What stands behind the value is dropped.
    """

    def __init__(self, name: str, *, bare: bool = False) -> None:
        """Take the member's name; `bare` says that a string is wanted as its text, without quotes."""
        self._tokens = ["{", msgspec.json.encode(name).decode(), ":"]
        self._bare = bare
        self._state: Literal["before", "value", "after", "other"] = "before"
        self._held = ""
        self._depth = 0
        self._scalar = False
        self._in_string = False
        self._escaped = False

    def feed(self, text: str) -> str:
        """What of the text belongs to the value, as far as that is clear."""
        match self._state:
            case "before":
                return self._before(self._held + text)
            case "value":
                return self._value(text)
            case "after":
                return ""
            case "other":
                return text

    def close(self) -> str:
        """What was held back and turns out to be no wrapping, or to be cut short."""
        held, self._held = self._held, ""
        return held if self._state == "before" else held[1:]  # a string that was cut short

    def _before(self, text: str) -> str:
        position = 0
        for token in self._tokens:
            position = _skipped(text, position)
            part = text[position : position + len(token)]
            if not token.startswith(part):
                self._state = "other"
                self._held = ""
                return text
            if part != token:
                self._held = text
                return ""
            position += len(token)
        position = _skipped(text, position)
        if position == len(text):
            self._held = text
            return ""
        self._held = ""
        self._state = "value"
        self._scalar = text[position] not in '{["'
        self._bare = self._bare and text[position] == '"'
        return self._value(text[position:])

    def _value(self, text: str) -> str:
        end = self._end(text)
        if end is not None:
            self._state = "after"
            text = text[:end]
        if not self._bare:
            return text
        self._held += text
        if end is None:
            return ""
        held, self._held = self._held, ""
        try:
            return msgspec.json.decode(held, type=str)
        except (msgspec.DecodeError, UnicodeError):
            return held

    def _end(self, text: str) -> int | None:
        """Where in the text the value ends; None where it goes on."""
        if self._scalar:
            found = _END_OF_SCALAR.search(text)
            return found.start() if found else None
        position = 0
        while position < len(text):
            if self._escaped:
                self._escaped = False
                position += 1
                continue
            found = (_IN_STRING if self._in_string else _BETWEEN).search(text, position)
            if found is None:
                return None
            position = found.end()
            match found.group():
                case "\\":
                    self._escaped = True
                    continue
                case '"':
                    self._in_string = not self._in_string
                case "{" | "[":
                    self._depth += 1
                case _:
                    self._depth -= 1
            if self._depth == 0 and not self._in_string:
                return position
        return None


def _skipped(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position
