"""A text that a regular expression accepts: as much as JSON Schemas' `pattern` needs."""

import re
import warnings

import msgspec


class UnsupportedPatternError(ValueError):
    """The pattern uses something that no text is made up for (look-around, back references)."""


def compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern as Python reads it; None where it cannot."""
    with warnings.catch_warnings():
        # brackets that Python may read otherwise one day are no concern of whoever wrote the schema
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return re.compile(pattern)
        except (re.error, RecursionError, OverflowError):
            return None


def text_matching(pattern: str) -> str | None:
    """A short text in which the pattern is found; None where none could be made up."""
    expression = compiled(pattern)
    if expression is None:
        return None
    try:
        text = _Sampler(pattern).sample()
    except (UnsupportedPatternError, RecursionError):
        return None
    return text if expression.search(text) else None


class _Class(msgspec.Struct):
    """A set of characters."""

    ranges: list[tuple[int, int]]
    negated: bool = False

    def first(self) -> str:
        """The friendliest member: a letter, a digit, then whatever there is."""
        for candidate in "aA0 -_.":
            if self._holds(ord(candidate)):
                return candidate
        for code in range(33, 0x10000):
            if self._holds(code):
                return chr(code)
        raise UnsupportedPatternError("an empty character class")

    def _holds(self, code: int) -> bool:
        return any(low <= code <= high for low, high in self.ranges) != self.negated


_DIGIT = [(0x30, 0x39)]
_WORD = [(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]
_SPACE = [(0x09, 0x0D), (0x20, 0x20)]
_ESCAPED_CLASSES = {
    "d": _Class(_DIGIT),
    "w": _Class(_WORD),
    "s": _Class(_SPACE),
    "D": _Class(_DIGIT, negated=True),
    "W": _Class(_WORD, negated=True),
    "S": _Class(_SPACE, negated=True),
}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}
_REPEAT = re.compile(r"\{(\d*)(?:(,)(\d*))?\}")
_MOST_REPEATS = 10_000


class _Sampler:
    """Recursive descent over the pattern, building the text as it goes."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._position = 0

    def sample(self) -> str:
        text = self._alternatives()
        if self._position < len(self._pattern):
            raise UnsupportedPatternError("an unbalanced parenthesis")
        return text

    def _peek(self) -> str:
        return self._pattern[self._position : self._position + 1]

    def _take(self) -> str:
        character = self._peek()
        if not character:
            raise UnsupportedPatternError("the pattern ends too early")
        self._position += 1
        return character

    def _alternatives(self) -> str:
        first = self._sequence()
        while self._peek() == "|":
            self._position += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        parts: list[str] = []
        while self._peek() and self._peek() not in "|)":
            atom = self._atom()
            parts.append(atom * self._repeats())
        return "".join(parts)

    def _repeats(self) -> int:
        times = 1
        match self._peek():
            case "*" | "?":
                self._position += 1
                times = 0
            case "+":
                self._position += 1
            case "{":
                found = _REPEAT.match(self._pattern, self._position)
                if found is None or found.group() == "{}":
                    return 1
                self._position = found.end()
                times = int(found[1] or 0)
            case _:
                return 1
        if self._peek() in {"?", "+"}:
            self._position += 1  # lazy and possessive repeats match the same texts
        if times > _MOST_REPEATS:
            raise UnsupportedPatternError("a very long repeat")
        return times

    def _atom(self) -> str:
        match character := self._take():
            case "^" | "$":
                return ""
            case ".":
                return "a"
            case "(":
                return self._group()
            case "[":
                return self._bracket().first()
            case "\\":
                return self._escape()
            case _:
                return character

    def _group(self) -> str:
        if self._peek() == "?":
            if self._pattern.startswith("?:", self._position):
                self._position += 2
            elif named := re.compile(r"\?P?<\w+>").match(self._pattern, self._position):
                self._position = named.end()
            else:
                raise UnsupportedPatternError("look-around or flags")
        text = self._alternatives()
        if self._take() != ")":
            raise UnsupportedPatternError("an unbalanced parenthesis")
        return text

    def _escape(self) -> str:
        character = self._take()
        if character in "bBAZzG":
            return ""
        if character in _ESCAPED_CLASSES:
            return _ESCAPED_CLASSES[character].first()
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character in {"x", "u"}:
            return self._code_point(2 if character == "x" else 4)
        if character.isalnum():
            raise UnsupportedPatternError(f"the escape \\{character}")
        return character

    def _code_point(self, digits: int) -> str:
        text = self._pattern[self._position : self._position + digits]
        self._position += digits
        try:
            return chr(int(text, 16))
        except ValueError:
            raise UnsupportedPatternError("a broken escape") from None

    def _bracket(self) -> _Class:
        ranges: list[tuple[int, int]] = []
        negated = self._peek() == "^"
        if negated:
            self._position += 1
        first = True
        while first or self._peek() != "]":
            first = False
            character = self._take()
            if character == "\\" and self._peek() in _ESCAPED_CLASSES:
                escaped = _ESCAPED_CLASSES[self._take()]
                if escaped.negated:
                    raise UnsupportedPatternError("a negated class inside a class")
                ranges.extend(escaped.ranges)
                continue
            low = self._escape() if character == "\\" else character
            high = low
            if self._peek() == "-" and self._pattern[self._position + 1 : self._position + 2] not in {
                "]",
                "",
            }:
                self._position += 1
                high = self._take()
                if high == "\\":
                    high = self._escape()
            if len(low) != 1 or len(high) != 1:
                raise UnsupportedPatternError("a broken range")
            ranges.append((ord(low), ord(high)))
        self._position += 1
        return _Class(ranges, negated)
