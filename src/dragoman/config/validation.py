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
    PriceSettings,
    ProviderSettings,
    RouteSettings,
    TeamSettings,
)
from dragoman.config.source import ConfigError, KeyPath, Source, dotted, quoted

T = TypeVar("T", bound=msgspec.Struct)

_MESSAGE = re.compile(r"(?P<problem>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<key>\w+)|\[(?P<index>\d+)\]|(?P<free>\[\.\.\.\])")
_FIELD = re.compile(r"Object (?P<what>contains unknown|missing required) field `(?P<name>.*)`", re.DOTALL)
_BOUND = re.compile(r"Expected `(?P<type>\w+)` (?P<length>of length )?(?P<sign>[<>]=?) (?P<limit>\S+)")
_TYPE = re.compile(r"Expected `(?P<types>\w+(?: \| \w+)*)`(?:, got `(?P<got>\w+)`)?")
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
_RENAMED = {"silence": "between_events"}
"""Keys that older files may have, and what they are called now."""

_EXAMPLES = {
    "targets": '["provider/model"]',
    "target": '"provider/model"',
    "key": '"$NAME"',
    "when": "{ tools = true }",
    "hedge_after": '"p95"',
    "attempts": "3",
    "max_concurrent": "8",
    "limits": '[{ requests = 100, per = "minute" }]',
    "budgets": '[{ amount = 50.0, per = "month" }]',
    "amount": "50.0",
    "team": '"NAME"',
    "routes": '["gpt-*"]',
    "admin_key": '"$NAME"',
    "secret": '"$NAME"',
    "assumed_price": "{ input = 5.0, output = 15.0 }",
    "input": "2.5",
    "output": "10.0",
}
"""What to write for keys that have no default to show."""

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
        teams={
            name: convert_section(value, TeamSettings, ("teams", name), source)
            for name, value in outline.teams.items()
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
        prices={
            name: convert_section(value, PriceSettings, ("prices", name), source)
            for name, value in outline.prices.items()
        },
        timeouts=outline.timeouts,
        retries=outline.retries,
        health=outline.health,
        queue=outline.queue,
        metrics=outline.metrics,
        media=outline.media,
        memory=outline.memory,
        coordination=outline.coordination,
        store=outline.store,
        ledger=outline.ledger,
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
        fields = {item.name: item for item in _fields(found)}
        if field["what"] == "missing required":
            remedy = f"write {name} = {_example(name, fields[name])}"
            return source.error((*path, name), "this key is missing", remedy)
        given = _RENAMED.get(name, "")
        remedy = suggestion(given if given in fields else name, fields)
        return source.error((*path, name), "unknown key", remedy)
    if (choice := _ENUM.fullmatch(problem)) is not None and (words := _words(found)):
        given = choice["value"].strip("'")
        remedy = suggestion(given, words) + (", or write a number" if _takes_number(found) else "")
        return source.error(path, f"{quoted(given)} is not possible here", remedy)
    return source.error(path, _reworded(problem), _remedy(kind, path, inner))


def _reworded(problem: str) -> str:
    """A type or a size that msgspec asks for, in the words of somebody who writes TOML."""
    if (bound := _BOUND.fullmatch(problem)) is not None:
        word = _WORDS[bound["type"]]
        if bound["length"]:
            return f"expected {word} that is not empty"
        return f"expected {word} {_BOUNDS[bound['sign']]} {bound['limit'].removesuffix('.0')}"
    if (wrong := _TYPE.fullmatch(problem)) is not None:
        wanted = [_WORDS.get(word, word) for word in wrong["types"].split(" | ") if word != "null"]
        expected = f"expected {' or '.join(wanted)}"
        return f"{expected}, not {_WORDS.get(wrong['got'], wrong['got'])}" if wrong["got"] else expected
    return problem


def _remedy(kind: type[msgspec.Struct], path: KeyPath, inner: KeyPath) -> str:
    """What to write at a path: the nearest key with its default or with something of its type."""
    found: inspect.Type = inspect.type_info(kind)
    text = ""
    name = ""
    for part in inner:
        if isinstance(part, str):
            field = next((field for field in _fields(found) if field.name == part), None)
            if field is None:
                return f'write {dotted((part,))} = "text"'
            name, text = part, _example(part, field)
        found = _type_at(found, (part,))
    if text:
        return f"write for example {name} = {text}"
    return f"write its keys under the heading [{dotted(path)}]"


def _example(name: str, field: inspect.Field) -> str:
    """A key's value as TOML; empty for tables."""
    if name in _EXAMPLES:
        return _EXAMPLES[name]
    match field.default:
        case bool():
            return "true" if field.default else "false"
        case int() | float():
            return str(field.default)
        case str():
            return quoted(field.default)
        case _:
            return _sample(field.type)


def _sample(kind: inspect.Type) -> str:
    """Something of a type, as TOML; empty for tables."""
    match kind:
        case inspect.LiteralType(values=(str() as word, *_)):
            return quoted(word)
        case inspect.BoolType():
            return "true"
        case inspect.IntType():
            return "4096"
        case inspect.FloatType():
            return "1.5"
        case inspect.VarTupleType():
            return f"[{_sample(kind.item_type)}]"
        case inspect.UnionType():
            return _sample(kind.types[0])
        case inspect.DictType() | inspect.StructType():
            return ""
        case _:
            return '"text"'


def _fields(kind: inspect.Type) -> tuple[inspect.Field, ...]:
    """The keys of a table; none for what cannot be one."""
    found = next((one for one in _alternatives(kind) if isinstance(one, inspect.StructType)), None)
    return () if found is None else found.fields


def _words(kind: inspect.Type) -> list[str]:
    """The words that a value may be."""
    choices = (one for one in _alternatives(kind) if isinstance(one, inspect.LiteralType))
    return [str(word) for choice in choices for word in choice.values]


def _takes_number(kind: inspect.Type) -> bool:
    return any(isinstance(one, inspect.FloatType) for one in _alternatives(kind))


def _alternatives(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


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
        if isinstance(part, str):
            kind = next((field.type for field in _fields(kind) if field.name == part), kind)
        else:
            lists = (one for one in _alternatives(kind) if isinstance(one, inspect.VarTupleType))
            kind = next((one.item_type for one in lists), kind)
    return kind
