"""What JSON Schemas are made of: decoded trees that keep number text, places, references, unions."""

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator
from typing import Self
from urllib.parse import unquote

import msgspec

from dragoman.dialects.json_tree import UNREADABLE, elements, members

Schema = dict[str, object]

SCHEMAS = frozenset(
    {
        "items",
        "additionalItems",
        "additionalProperties",
        "contains",
        "else",
        "if",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
"""Keywords whose value is a schema."""

NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords whose value is an object of schemas."""

SCHEMA_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
"""Keywords whose value is a list of schemas. Everything else is data and is never looked into."""

DEFINITIONS = ("$defs", "definitions")

_PLAIN = re.compile(r"[A-Za-z_$][\w$-]*")


class UnreadableError(ValueError):
    """Bytes that are no JSON, or are nested too deeply to be looked at."""


class Number(float):
    """A number that is not whole, and the text it was written as."""

    text: str

    def __new__(cls, text: str) -> Self:
        """Read the number's text."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def _written(value: object) -> object:
    if isinstance(value, Number):
        return msgspec.Raw(value.text.encode())
    raise TypeError(f"{type(value).__name__} is not JSON")


_DECODER = msgspec.json.Decoder(object, float_hook=Number)
_ENCODER = msgspec.json.Encoder(enc_hook=_written)


def decode(schema: bytes) -> object:
    """The schema as a tree. Raises `UnreadableError`."""
    try:
        return _DECODER.decode(schema)
    except UNREADABLE as error:
        raise UnreadableError(str(error)) from None


def encode(tree: object) -> bytes:
    """A tree as JSON text, its numbers as they were written."""
    return _ENCODER.encode(tree)


def same(one: object, other: object) -> bool:
    """Whether two trees are the same JSON: unlike in Python, `1` is not `true`, and order counts."""
    return encode(one) == encode(other)


def step(path: str, name: str | int) -> str:
    """The JSON path of a member or an element of what is at `path`."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if _PLAIN.fullmatch(name) else f"{path}[{encode(name).decode()}]"


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A schema inside a document: its members, and where the client wrote them.

    `path` is the JSON path of the schema itself, `elsewhere` the paths of members that came from
    another place, through a reference or `allOf`.
    """

    fields: Schema
    path: str
    elsewhere: dict[str, str] = dataclasses.field(default_factory=dict[str, str])

    def at(self, name: str, key: str | int | None = None) -> str:
        """The path of a keyword, or of the member or element `key` of its value."""
        if key is None:
            return self.elsewhere.get(name) or step(self.path, name)
        return self.elsewhere.get(f"{name}/{key}") or step(self.at(name), key)

    def without(self, *names: str) -> "Node":
        """The schema less some keywords."""
        fields = {name: value for name, value in self.fields.items() if name not in names}
        return Node(fields, self.path, self.elsewhere)


def united(nodes: list[Node], path: str) -> Node:
    """One schema that holds all of several at once, as far as keywords can be joined."""
    fields: Schema = {}
    elsewhere: dict[str, str] = {}
    for node in nodes:
        for name, value in node.fields.items():
            if name not in fields:
                elsewhere[name] = node.at(name)
            for key in members(value) or ():
                elsewhere.setdefault(f"{name}/{key}", node.at(name, key))
            fields[name] = joined(name, fields[name], value) if name in fields else value
    return Node(fields, path, elsewhere)


def joined(name: str, old: object, new: object) -> object:
    """One value for a keyword that two schemas give, both of which hold."""
    match name:
        case "properties" | "$defs" | "definitions" | "patternProperties":
            both = dict(members(old) or {})
            for key, value in (members(new) or {}).items():
                mine, yours = members(both.get(key)), members(value)
                both[key] = value if mine is None or yours is None else _both(mine, yours)
            return both
        case "required":
            return list(dict.fromkeys([*strings(old), *strings(new)]))
        case "description":
            return old if old == new else f"{old} {new}"
        case "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties":
            return old if _number(old) > _number(new) else new
        case "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties":
            return old if _number(old) < _number(new) else new
        case "enum":
            wanted = elements(new) or []
            return [value for value in elements(old) or [] if _is_in(value, wanted)] or wanted
        case "type":
            kept = [kind for kind in types_of({"type": old}) if kind in types_of({"type": new})]
            return new if not kept else kept[0] if len(kept) == 1 else kept
        case _:
            return new


def _both(mine: Schema, yours: Schema) -> Schema:
    return {
        **mine,
        **{name: joined(name, mine[name], value) if name in mine else value for name, value in yours.items()},
    }


def _is_in(value: object, values: list[object]) -> bool:
    return any(same(value, each) for each in values)


def strings(value: object) -> list[str]:
    """The strings of a list; none where there is no list."""
    return [each for each in elements(value) or () if isinstance(each, str)]


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else math.nan


def types_of(schema: object) -> list[str]:
    """The types that a schema names, in small letters; none where it does not say."""
    kind = (members(schema) or {}).get("type")
    named = [kind] if isinstance(kind, str) else strings(kind)
    return list(dict.fromkeys(name.lower() for name in named))


def is_null(schema: object) -> bool:
    """Whether a schema allows nothing but null."""
    fields = members(schema) or {}
    return types_of(fields) == ["null"] or ("const" in fields and fields["const"] is None)


def inferred_type(schema: Schema) -> str | None:
    """The one type that a schema means without naming it; None where it may be anything."""
    if any(
        name in schema for name in ("properties", "required", "additionalProperties", "patternProperties")
    ):
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    kinds = value_types(schema)
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        return "number" if set(kinds) == {"integer", "number"} else None
    if any(name in schema for name in ("minLength", "maxLength", "pattern", "format")):
        return "string"
    if any(name in schema for name in ("minimum", "maximum", "multipleOf")):
        return "number"
    return None


def value_types(schema: Schema) -> list[str]:
    """The types of the values that `const` or `enum` lists, null excepted."""
    values = [schema["const"]] if "const" in schema else elements(schema.get("enum")) or []
    return list(dict.fromkeys(_TYPES[type(value)] for value in values if value is not None))


_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    Number: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def children(fields: Schema) -> Iterator[object]:
    """The schemas directly inside a schema, its definitions included."""
    for name, value in fields.items():
        listed = elements(value)
        if name in NAMED_SCHEMAS:
            yield from (members(value) or {}).values()
        elif listed is not None and (name in SCHEMA_LISTS or name == "items"):
            yield from listed
        elif name in SCHEMAS:
            yield value


def walk(schema: object) -> Iterator[Schema]:
    """The schema and all schemas in it, those that are objects."""
    waiting = [schema]
    while waiting:
        fields = members(waiting.pop())
        if fields is not None:
            yield fields
            waiting.extend(children(fields))


# --- references -----------------------------------------------------------------------------------


def steps_of(reference: str) -> list[str] | None:
    """The steps of a local reference (`#/$defs/Pet`); None for one that leads elsewhere."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    return [unquote(part).replace("~1", "/").replace("~0", "~") for part in reference.split("/")[1:]]


def resolved(root: Node, reference: object) -> Node | None:
    """What a local reference points to; None for nothing, for another document or for no schema."""
    steps = steps_of(reference) if isinstance(reference, str) else None
    if steps is None:
        return None
    place: object = root.fields
    path = root.path
    for name in steps:
        listed = elements(place)
        if listed is None:
            place = (members(place) or {}).get(name)
            path = step(path, name)
        elif name.isascii() and name.isdecimal() and int(name) < len(listed):
            place = listed[int(name)]
            path = step(path, int(name))
        else:
            return None
    fields = members(place)
    return None if fields is None else Node(fields, path)


def references(schema: object) -> Iterator[str]:
    """All references in a schema."""
    for fields in walk(schema):
        reference = fields.get("$ref")
        if isinstance(reference, str):
            yield reference


def is_recursive(root: Node) -> bool:
    """Whether following references leads back to where they stand."""
    done: set[str] = set()
    for start in ["#", *dict.fromkeys(references(root.fields))]:
        if start not in done and _leads_back(root, start, done):
            return True
    return False


def _leads_back(root: Node, start: str, done: set[str]) -> bool:
    """Depth first, without recursion: chains of references may be long."""
    path: list[tuple[str, Iterator[str]]] = [(start, iter(_next(root, start)))]
    open_ = {start}
    while path:
        place, following = path[-1]
        reference = next(following, None)
        if reference is None:
            path.pop()
            open_.discard(place)
            done.add(place)
        elif reference in open_:
            return True
        elif reference not in done:
            open_.add(reference)
            path.append((reference, iter(_next(root, reference))))
    return False


def _next(root: Node, reference: str) -> Iterable[str]:
    target = resolved(root, reference)
    if target is None:
        return ()
    # what the root defines is reached through references only
    fields = target.without(*DEFINITIONS).fields if reference == "#" else target.fields
    return dict.fromkeys(references(fields))
