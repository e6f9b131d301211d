"""Loading the configuration file. START HERE: the other files are the steps of `load_settings`."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from dragoman.config.checks import check
from dragoman.config.environment import resolve
from dragoman.config.locator import locate
from dragoman.config.settings import Document, Settings
from dragoman.config.source import ConfigError, Source
from dragoman.config.validation import convert_document

_AT_LINE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
_HEADING = re.compile(r"\s*\[\[?\s*(?P<name>[^\[\]#]+?)\s*(?:\]|$)")
_PAIR = re.compile(r"""\s*(?P<key>(?:[\w.\- ]|"[^"]*"|'[^']*')+?)\s*=""")


def load_settings(
    path: Path | None, environ: Mapping[str, str], host: str | None = None, port: int | None = None
) -> Settings:
    """The settings of a file, or the defaults for None; `host` and `port` replace the file's own.

    Raises `ConfigError` for the first thing that has to be changed. Whether providers can be used
    and routes lead anywhere is checked by `dragoman.providers.environment.build_providers`.
    """
    document, source = (Document(), Source()) if path is None else _read(path, environ)
    server = document.server
    if host is not None:
        if not host.strip():
            raise ConfigError("--host", None, "server.host", "is empty", "name an address, such as 127.0.0.1")
        server = msgspec.structs.replace(server, host=host)
    if port is not None:
        server = msgspec.structs.replace(server, port=port)
    fields = {field: getattr(document, field) for field in Document.__struct_fields__}
    fields["server"] = server
    settings = Settings(**fields, source=source)
    check(settings)
    return settings


def _read(path: Path, environ: Mapping[str, str]) -> tuple[Document, Source]:
    file = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise ConfigError(
            file, None, "the file", problem, "name a readable file, or none to do without"
        ) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(file, line, "the file", "this is not UTF-8 text", "save it in UTF-8") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(file, text, str(error)) from None
    except RecursionError:
        raise ConfigError(
            file, None, "the file", "lists or tables are nested too deeply", "unnest them"
        ) from None
    source = Source(file, locate(text))
    resolved = {key: resolve(value, environ, source, (key,)) for key, value in data.items()}
    return convert_document(resolved, source), source


def _syntax_error(file: str, text: str, message: str) -> ConfigError:
    """What `tomllib` says, with the key of the line, and without the value: it may be a secret."""
    lines = text.split("\n")
    at = _AT_LINE.search(message)
    number = int(at["line"]) if at and at["line"] else max(1, len(text.rstrip().split("\n")))
    problem = _AT_LINE.sub("", message)
    key = _key_at(lines, number)
    if problem.startswith("Cannot declare"):
        return ConfigError(
            file, number, key, "this heading stands in the file twice", "put all its keys under the first one"
        )
    if problem.startswith(("Cannot overwrite", "Cannot mutate")):
        return ConfigError(file, number, key, "this key has a value already", "keep one of the two")
    return ConfigError(
        file,
        number,
        key,
        f"this is not TOML ({problem[:1].lower()}{problem[1:]})",
        'write [table] headings and lines of key = value, with text between double quotes: key = "text"',
    )


def _key_at(lines: list[str], number: int) -> str:
    """The key of a line, with its heading, in a file that cannot be parsed."""
    heading = next(
        (found["name"] for line in reversed(lines[:number]) if (found := _HEADING.match(line)) is not None),
        "",
    )
    pair = _PAIR.match(lines[number - 1])
    return ".".join(filter(None, (heading, pair["key"].strip() if pair else ""))) or "the file"
