"""Schemas of Google's clients as JSON Schema: what `parameters`, `responseSchema` and the like mean.

Google's Schema is a subset of OpenAPI's with its own habits: types in capitals (or as numbers),
`nullable`, 64-bit counts as strings, an order of properties. Only schemas are rewritten; defaults,
enumerations and examples are data and stay.
"""

import re
from collections.abc import Callable

from dragoman.conversation.failure import invalid
from dragoman.dialects.gemini.spelling import camel
from dragoman.dialects.json_schema.tree import UnreadableError, decode, encode
from dragoman.dialects.json_tree import elements, members

_TYPES = {1: "string", 2: "number", 3: "integer", 4: "boolean", 5: "array", 6: "object", 7: "null"}
_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_CAPITALS = re.compile(rb'"type"\s*:\s*"(?:STRING|NUMBER|INTEGER|BOOLEAN|ARRAY|OBJECT|NULL)"')


def parse_json_schema(schema: bytes, path: str) -> bytes:
    """A JSON Schema as it came. One with types in capitals is really Google's Schema: Google takes it
    there too, and Gemini CLI sends it. Raises `FailureError` for one that is no schema at all.
    """
    return parse_schema(schema, path) if _CAPITALS.search(schema) else schema


def parse_schema(schema: bytes, path: str) -> bytes:
    """The JSON Schema that says the same as Google's. Raises `FailureError` for what is no schema at all."""
    try:
        tree = decode(schema)
        if members(tree) is None:
            raise invalid(f"'{path}': expected an object.", param=path, code="invalid_value")
        return encode(_json_schema(tree))
    except UnreadableError as error:
        raise invalid(f"'{path}': {error}.", param=path) from None
    except RecursionError:
        raise invalid(f"'{path}': nested too deeply.", param=path) from None


def _json_schema(node: object) -> object:
    schema = members(node)
    if schema is None:
        return node
    schema = {camel(name): value for name, value in schema.items()}
    nullable = schema.pop("nullable", None) is True
    order = elements(schema.pop("propertyOrdering", None))
    out: dict[str, object] = {}
    for name, value in schema.items():
        if value is None and name != "default":
            continue
        new_name, read = _READERS.get(name, (name, None))
        out[new_name] = read(value) if read is not None else _count(name, value)
    if out.get("type") is None:
        out.pop("type", None)
    if out.get("format") == "enum":
        del out["format"]
    properties = members(out.get("properties"))
    if properties is not None and order:
        names = [name for name in order if isinstance(name, str) and name in properties]
        out["properties"] = {name: properties[name] for name in dict.fromkeys([*names, *properties])}
    return _nullable(out) if nullable else out


def _count(name: str, value: object) -> object:
    return int(value) if name in _COUNTS and isinstance(value, str) and value.isdecimal() else value


def _type(value: object) -> object:
    if isinstance(value, int):
        return _TYPES.get(value)
    if isinstance(value, str):
        return None if value.upper() == "TYPE_UNSPECIFIED" else value.lower()
    return [_type(one) for one in elements(value) or ()] or None


def _each(value: object) -> object:
    return {name: _json_schema(one) for name, one in (members(value) or {}).items()}


def _all(value: object) -> object:
    return [_json_schema(one) for one in elements(value) or ()]


def _reference(value: object) -> object:
    return value.replace("#/defs/", "#/$defs/", 1) if isinstance(value, str) else value


def _example(value: object) -> object:
    return [value]


_READERS: dict[str, tuple[str, Callable[[object], object]]] = {
    "type": ("type", _type),
    "items": ("items", _json_schema),
    "additionalProperties": ("additionalProperties", _json_schema),
    "properties": ("properties", _each),
    "defs": ("$defs", _each),
    "$defs": ("$defs", _each),
    "anyOf": ("anyOf", _all),
    "oneOf": ("oneOf", _all),
    "allOf": ("allOf", _all),
    "ref": ("$ref", _reference),
    "example": ("examples", _example),
}


def _nullable(schema: dict[str, object]) -> dict[str, object]:
    kind = schema.get("type")
    variants = elements(schema.get("anyOf"))
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
    elif variants is not None:
        schema["anyOf"] = [*variants, {"type": "null"}]
    values = elements(schema.get("enum"))
    if values is not None and None not in values:
        schema["enum"] = [*values, None]
    return schema
