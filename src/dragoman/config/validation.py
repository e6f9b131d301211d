"""From TOML values to checked settings, with errors that name the key and say what fits there."""

import difflib
import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec
from msgspec import inspect

from dragoman.config.secret import Secret
from dragoman.config.settings import (
    Document,
    KeySettings,
    Outline,
    ProviderSettings,
    RouteSettings,
)
from dragoman.config.source import ConfigError, KeyPath, Source, dotted, quoted

T = TypeVar("T", bound=msgspec.Struct)

_MESSAGE = re.compile(r"(?P<problem>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<key>\w+)|\[(?P<index>\d+)\]|(?P<free>\[\.\.\.\])")
_FIELD = re.compile(r"Object (?P<what>contains unknown|missing required) field `(?P<name>.*)`", re.DOTALL)
_BOUND = re.compile(r"Expected `(?P<type>\w+)` (?P<length>of length )?(?P<sign>[<>]=?) (?P<limit>\S+)")
_TYPE = re.compile(r"Expected `(?P<type>\w+)(?: \| null)?`(?:, got `(?P<got>\w+)`)?")
_ENUM = re.compile(r"Invalid enum value (?P<value>.*)", re.DOTALL)

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "date": "a date",
    "time": "a time",
    "datetime": "a date",
}
_BOUNDS = {">=": "of at least", "<=": "of at most", ">": "greater than", "<": "less than"}


def convert_document(data: dict[str, object], source: Source) -> Document:
    """The document that parsed TOML amounts to.

    Raises `ConfigError` for the first unknown key, missing key or value that does not fit.
    """
    outline = convert_section(data, Outline, (), source)
    return Document(
        server=outline.server,
        auth=outline.auth,
        keys={
            name: convert_section(value, KeySettings, ("keys", name), source)
            for name, value in outline.keys.items()
        },
        providers={
            name: convert_section(value, ProviderSettings, ("providers", name), source)
            for name, value in outline.providers.items()
        },
        routes={
            name: convert_section(value, RouteSettings, ("routes", name), source)
            for name, value in outline.routes.items()
        },
        models=outline.models,
        timeouts=outline.timeouts,
        retries=outline.retries,
        health=outline.health,
        queue=outline.queue,
        metrics=outline.metrics,
        media=outline.media,
        memory=outline.memory,
        coordination=outline.coordination,
        log=outline.log,
    )


def suggestion(given: str, known: Iterable[str]) -> str:
    """What to write instead of a name that is not known: the nearest known one, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(given, names, n=1)
    listed = ", ".join(names)
    return f"did you mean '{near[0]}'? (known here: {listed})" if near else f"write one of: {listed}"


def convert_section(value: object, kind: type[T], path: KeyPath, source: Source) -> T:
    """One table of the file, at `path`, as what it has to be. Raises `ConfigError`."""
    try:
        return msgspec.convert(value, kind, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise _explained(str(error), value, kind, path, source) from None


def _decode(kind: type, value: object) -> object:
    """Make secrets, and leave what stands in free tables as it is."""
    if kind is not Secret:
        return value
    if isinstance(value, str):
        return Secret(value)
    raise ValueError("Expected `str`")


def _explained(
    message: str, value: object, kind: type[msgspec.Struct], path: KeyPath, source: Source
) -> ConfigError:
    match = _MESSAGE.fullmatch(message)
    problem, steps = (match["problem"], match["path"] or "") if match else (message, "")
    inner = _path_of(steps, value)
    found = _type_at(inspect.type_info(kind), inner)
    path = (*path, *inner)
    if (field := _FIELD.fullmatch(problem)) is not None:
        name = field["name"]
        if field["what"] == "missing required":
            return source.error((*path, name), "this key is missing", f'write {name} = ["provider/model"]')
        fields = found.fields if isinstance(found, inspect.StructType) else ()
        return source.error((*path, name), "unknown key", suggestion(name, [item.name for item in fields]))
    if (choice := _ENUM.fullmatch(problem)) is not None and isinstance(found, inspect.LiteralType):
        given = choice["value"].strip("'")
        words = [str(word) for word in found.values]
        return source.error(path, f"{quoted(given)} is not possible here", suggestion(given, words))
    return source.error(path, _reworded(problem), _example(kind, path, inner))


def _reworded(problem: str) -> str:
    """A type or a size that msgspec asks for, in the words of somebody who writes TOML."""
    if (bound := _BOUND.fullmatch(problem)) is not None:
        word = _WORDS[bound["type"]]
        if bound["length"]:
            return f"expected {word} that is not empty"
        return f"expected {word} {_BOUNDS[bound['sign']]} {bound['limit'].removesuffix('.0')}"
    if (wrong := _TYPE.fullmatch(problem)) is not None:
        expected = f"expected {_WORDS.get(wrong['type'], wrong['type'])}"
        return f"{expected}, not {_WORDS.get(wrong['got'], wrong['got'])}" if wrong["got"] else expected
    return problem


def _example(kind: type[msgspec.Struct], path: KeyPath, inner: KeyPath) -> str:
    """What to write: the field with its default or, where there is none, with something of its type."""
    names = [part for part in inner if isinstance(part, str)]
    found: inspect.Type = inspect.type_info(kind)
    text = ""
    for name in names:
        fields = found.fields if isinstance(found, inspect.StructType) else ()
        field = next((field for field in fields if field.name == name), None)
        if field is None:
            return f'write {dotted((name,))} = "text"'
        found = field.type
        text = _toml(field.default, found)
    if text:
        return f"write for example {names[-1]} = {text}"
    return f"write its keys under the heading [{dotted(path)}]"


def _toml(default: object, kind: inspect.Type) -> str:
    """A default as TOML, or a sample of the type; empty for tables."""
    match default:
        case bool():
            return "true" if default else "false"
        case int() | float():
            return str(default)
        case str():
            return quoted(default)
        case _:
            pass
    if isinstance(kind, inspect.VarTupleType):
        return f"[{_sample(kind.item_type)}]"
    if isinstance(kind, inspect.UnionType):
        return _sample(kind.types[0])
    if isinstance(kind, inspect.LiteralType | inspect.StrType | inspect.CustomType):
        return _sample(kind)
    return ""


def _sample(kind: inspect.Type) -> str:
    """Something of a plain type, as TOML."""
    match kind:
        case inspect.LiteralType(values=(str() as word, *_)):
            return quoted(word)
        case inspect.IntType():
            return "4096"
        case inspect.FloatType():
            return "1.5"
        case inspect.DictType():
            return ""
        case _:
            return '"text"'


def _path_of(steps: str, value: object) -> KeyPath:
    """The key path of an error inside a section.

    msgspec says `[...]` for a key of a free table; all of those hold text, so it is the first that
    does not.
    """
    path: KeyPath = ()
    for step in _STEP.finditer(steps):
        part: str | int
        if step["free"]:
            part = next((key for key, item in _table(value).items() if not isinstance(item, str)), "...")
        elif step["index"]:
            part = int(step["index"])
        else:
            part = step["key"]
        path = (*path, part)
        value = _table(value).get(part) if isinstance(part, str) else None
    return path


def _table(value: object) -> dict[str, object]:
    return msgspec.convert(value, dict[str, object]) if isinstance(value, dict) else {}


def _type_at(kind: inspect.Type, path: KeyPath) -> inspect.Type:
    """The type that a section wants at a path inside it, as far as structs and lists lead."""
    for part in path:
        if isinstance(kind, inspect.StructType):
            kind = next((field.type for field in kind.fields if field.name == part), kind)
        elif isinstance(kind, inspect.VarTupleType):
            kind = kind.item_type
    return kind
