"""Where settings come from, so that every error about them can point to the line."""

import re

import msgspec

KeyPath = tuple[str | int, ...]
"""The way to a value: keys of tables and indexes of arrays, `("auth", "keys", 0)`."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class ConfigError(Exception):
    """Something in the configuration that has to be changed before the gateway can start.

    `str()` is one line for a person: file, line, key, what is wrong there and what to write
    instead. It never holds the value of a key or of an environment variable.
    """

    def __init__(self, file: str, line: int | None, key: str, problem: str, remedy: str) -> None:
        place = file if line is None else f"{file}:{line}"
        super().__init__(f"{place}: {key}: {problem}; {remedy}")
        self.file = file
        self.line = line
        self.key = key
        self.problem = problem
        self.remedy = remedy


class Source(msgspec.Struct, frozen=True):
    """The file that settings were read from, and the line (from 1) of every key in it.

    Settings made without a file have no lines.
    """

    file: str = "configuration"
    lines: dict[KeyPath, int] = {}

    def line(self, path: KeyPath) -> int | None:
        """The line of a key, or of the nearest table around it; None where there is no file."""
        for length in range(len(path), 0, -1):
            line = self.lines.get(path[:length])
            if line is not None:
                return line
        return 1 if self.lines else None

    def error(self, path: KeyPath, problem: str, remedy: str) -> ConfigError:
        """An error about the value at `path`."""
        return ConfigError(self.file, self.line(path), dotted(path), problem, remedy)


def dotted(path: KeyPath) -> str:
    """A key path as TOML writes it: `routes."gpt-4o".targets[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else quoted(part))
    return text or "the file"


def quoted(text: str) -> str:
    """A string as TOML writes it, between double quotes and on one line."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
