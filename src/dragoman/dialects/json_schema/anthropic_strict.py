"""JSON Schema as Anthropic takes it for strict tools and `output_config.format`.

Such schemas are compiled into a grammar, which knows less than JSON Schema: no recursion, no open
objects, few constraints.
"""

import re

from dragoman.conversation.loss import Loss
from dragoman.dialects.json_schema.merging import Merging, TooLargeError
from dragoman.dialects.json_schema.notes import Notes, describe
from dragoman.dialects.json_schema.tree import (
    Node,
    Schema,
    UnreadableError,
    decode,
    encode,
    inferred_type,
    is_recursive,
    references,
    resolved,
    same,
    strings,
    types_of,
    walk,
)
from dragoman.dialects.json_tree import elements, members

MAX_STRICT_TOOLS = 20
MAX_OPTIONAL = 24
"""Members of all objects of a schema that may be left out."""
MAX_UNIONS = 16

_KEPT = frozenset(
    {"type", "description", "title", "default", "required", "$schema", "$id", "$comment", "examples"}
)
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_HARD_PATTERN = re.compile(r"\(\?[=!<]|\\[bB1-9]")
"""Look-around, word boundaries and back references: the grammar has none."""
_DEFINITION = re.compile(r"#/(?:\$defs|definitions)/[^/]+")


class InexpressibleError(ValueError):
    """A schema that the grammar cannot hold answers to."""


def anthropic_strict_schema(schema: bytes, path: str, losses: list[Loss]) -> bytes:
    """A schema that the grammar takes, byte for byte the client's where nothing is wrong with it.

    Objects are closed without a loss, as every client of this format has to. Raises
    `InexpressibleError`, with nothing added to `losses`, where words do not help: recursion, references
    to elsewhere, objects of any shape, too many optional members or unions, a root that is no object.
    """
    found: list[Loss] = []
    try:
        root = decode(schema)
        node = Node(_object(root), path)
        if is_recursive(node):
            raise InexpressibleError("the schema refers to itself")
        tree = _Conversion(node, Notes(found)).schema(node)
        converted = Node(tree, path)
        top = Merging(converted).resolved(converted)
        if top.fields.get("type") != "object" or "anyOf" in tree:
            raise InexpressibleError("the schema's root is not an object")
        _check_size(tree)
        if any(resolved(converted, reference) is None for reference in references(tree)):
            raise InexpressibleError("a reference of the schema leads nowhere")
        losses.extend(found)
        return schema if same(tree, root) else encode(tree)
    except UnreadableError as error:
        raise InexpressibleError(f"the schema cannot be read: {error}") from None
    except RecursionError:
        raise InexpressibleError("the schema is nested too deeply") from None
    except TooLargeError as error:
        raise InexpressibleError(str(error)) from None


class _Conversion:
    def __init__(self, root: Node, notes: Notes) -> None:
        self._merging = Merging(root)
        self._notes = notes

    def schema(self, node: Node) -> Schema:
        """A part of the schema in the grammar's terms."""
        if "allOf" in node.fields:
            node = self._merging.flat(node)
        out: Schema = {}
        words: list[str] = []
        combined = elements(node.fields.get("anyOf")) is not None
        for name, value in node.fields.items():
            named, listed = members(value), elements(value)
            if name in {"$defs", "definitions", "properties"} and named is not None:
                out[name] = {key: self._inner(each, node.at(name, key)) for key, each in named.items()}
            elif listed is not None and (name == "anyOf" or (name == "oneOf" and not combined)):
                out["anyOf"] = [self._inner(each, node.at(name, place)) for place, each in enumerate(listed)]
            elif name == "items" and named:
                out[name] = self.schema(Node(named, node.at(name)))
            elif name == "additionalProperties" and isinstance(value, bool):
                continue  # written with the type
            elif _is_kept(name, value):
                out[name] = value
            elif not _says_nothing(name, value):
                self._notes.move(node.at(name), name, value, words)
        _say_type(out)
        if "object" in types_of(out):
            if not out.get("properties"):
                if node.fields.get("additionalProperties") is not False:
                    raise InexpressibleError("an object of the schema has no properties of its own")
                out.setdefault("properties", {})
            _say_closed(out, node)
        describe(out, words)
        return out

    def _inner(self, value: object, path: str) -> Schema:
        return self.schema(Node(_object(value), path))


def _object(value: object) -> Schema:
    fields = members(value)
    if fields is None:
        raise InexpressibleError("a part of the schema allows anything")
    return fields


def _is_kept(name: str, value: object) -> bool:
    """Whether the grammar takes a member as it is."""
    match name:
        case "$ref":
            if not isinstance(value, str) or _DEFINITION.fullmatch(value) is None:
                raise InexpressibleError("the schema refers to something outside of its definitions")
            return True
        case "enum":
            values = elements(value)
            return values is not None and not any(isinstance(each, dict | list) for each in values)
        case "const":
            return not isinstance(value, dict | list)
        case "format":
            return value in _FORMATS
        case "minItems":
            return not isinstance(value, bool) and value in {0, 1}
        case "pattern":
            return isinstance(value, str) and _HARD_PATTERN.search(value) is None
        case _:
            return name in _KEPT


def _says_nothing(name: str, value: object) -> bool:
    return (name == "items" and value in ({}, True)) or (name == "nullable" and value is False)


def _say_type(node: Schema) -> None:
    """Say the type where the schema leaves it to be guessed."""
    if any(name in node for name in ("type", "anyOf", "$ref", "enum", "const")):
        return
    kind = inferred_type(node)
    if kind is None:
        raise InexpressibleError("a part of the schema allows anything")
    node["type"] = kind


def _say_closed(out: Schema, node: Node) -> None:
    """Close an object, the keyword in the place where the client has it."""
    out["additionalProperties"] = False
    if "additionalProperties" in node.fields:
        for name in [name for name in node.fields if name in out]:
            out[name] = out.pop(name)


def _check_size(tree: Schema) -> None:
    optional = unions = 0
    for node in walk(tree):
        properties = members(node.get("properties")) or {}
        optional += len(properties.keys() - set(strings(node.get("required"))))
        unions += "anyOf" in node or len(types_of(node)) > 1
    if optional > MAX_OPTIONAL:
        raise InexpressibleError(f"the schema has more than {MAX_OPTIONAL} optional members")
    if unions > MAX_UNIONS:
        raise InexpressibleError(f"the schema has more than {MAX_UNIONS} unions")
