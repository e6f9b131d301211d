"""The line of every key of a TOML document: `tomllib` gives values without positions.

The document must be one that `tomllib` accepts: only as much of the grammar is read as it takes to
find the keys.
"""

import re
import tomllib

from dragoman.config.source import KeyPath

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACES = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # up to two quotes may stand before the closing three
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)
_OTHER_VALUE = re.compile(r"[^,\]}#\n]*")


def locate(text: str) -> dict[KeyPath, int]:
    """The line, counted from 1, where each key, table and array element first stands."""
    scanner = _Scanner(text)
    scanner.read_document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        # tomllib does the same before it reads
        self._text = text.replace("\r\n", "\n")
        self._position: int = 0
        self._last_elements: dict[KeyPath, int] = {}
        self.lines: dict[KeyPath, int] = {}

    def read_document(self) -> None:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._position < len(self._text):
            if self._text[self._position] == "[":
                table = self._read_heading()
            else:
                self._read_pair(table)
            self._skip(_BLANK)

    def _read_heading(self) -> KeyPath:
        """`[table]` or `[[array of tables]]`; a path through an array means its last element."""
        is_array = self._text.startswith("[[", self._position)
        line = self._line()
        self._position += 2 if is_array else 1
        keys = self._read_key()
        self._position += 2 if is_array else 1
        path: KeyPath = ()
        for number, key in enumerate(keys, 1):
            path = (*path, key)
            self._note(path, line)
            if is_array and number == len(keys):
                self._last_elements[path] = self._last_elements.get(path, -1) + 1
            if path in self._last_elements:
                path = (*path, self._last_elements[path])
                self._note(path, line)
        return path

    def _read_pair(self, table: KeyPath) -> None:
        line = self._line()
        path = table
        for key in self._read_key():
            path = (*path, key)
            self._note(path, line)
        self._position += 1  # the equals sign
        self._read_value(path)

    def _read_key(self) -> list[str]:
        """A dotted key, and the blanks around it."""
        keys: list[str] = []
        while True:
            self._skip(_SPACES)
            if (bare := _BARE_KEY.match(self._text, self._position)) is not None:
                keys.append(bare.group())
                self._position = bare.end()
            else:
                keys.append(self._read_quoted_key())
            self._skip(_SPACES)
            if not self._text.startswith(".", self._position):
                return keys
            self._position += 1

    def _read_quoted_key(self) -> str:
        start = self._position
        self._skip(_STRING)
        return str(tomllib.loads("key = " + self._text[start : self._position])["key"])

    def _read_value(self, path: KeyPath) -> None:
        self._skip(_SPACES)
        match self._text[self._position]:
            case "[":
                self._read_array(path)
            case "{":
                self._read_inline_table(path)
            case '"' | "'":
                self._skip(_STRING)
            case _:
                self._skip(_OTHER_VALUE)

    def _read_array(self, path: KeyPath) -> None:
        index = 0
        self._step()
        while not self._text.startswith("]", self._position):
            element = (*path, index)
            self._note(element, self._line())
            self._read_value(element)
            self._skip_comma()
            index += 1
        self._position += 1

    def _read_inline_table(self, path: KeyPath) -> None:
        self._step()
        while not self._text.startswith("}", self._position):
            self._read_pair(path)
            self._skip_comma()
        self._position += 1

    def _step(self) -> None:
        self._position += 1
        self._skip(_BLANK)

    def _skip_comma(self) -> None:
        self._skip(_BLANK)
        if self._text.startswith(",", self._position):
            self._step()

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if (match := pattern.match(self._text, self._position)) is not None:
            self._position = match.end()

    def _line(self) -> int:
        return self._text.count("\n", 0, self._position) + 1

    def _note(self, path: KeyPath, line: int) -> None:
        self.lines.setdefault(path, line)
