"""What JSON Schemas are made of, for the two renderings of them."""

import math
from urllib.parse import unquote

from dragoman.dialects.json_tree import elements, members

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


def resolved(root: Schema, reference: object) -> object:
    """What a local reference (`#/$defs/Pet`) points to; None for nothing, or for another document."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    place: object = root
    for step in reference[1:].split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        listed = elements(place)
        if listed is not None:
            place = listed[int(name)] if name.isdecimal() and int(name) < len(listed) else None
        else:
            place = (members(place) or {}).get(name)
    return place


def united(schemas: list[Schema]) -> Schema:
    """One schema that holds all of several at once, as far as keywords can be joined."""
    out: Schema = {}
    for schema in schemas:
        for name, value in schema.items():
            out[name] = _joined(name, out[name], value) if name in out else value
    return out


def _joined(name: str, old: object, new: object) -> object:
    match name:
        case "properties" | "$defs" | "definitions" | "patternProperties":
            joined = dict(members(old) or {})
            for key, value in (members(new) or {}).items():
                mine, yours = members(joined.get(key)), members(value)
                joined[key] = value if mine is None or yours is None else united([mine, yours])
            return joined
        case "required":
            return list(dict.fromkeys([*_names(old), *_names(new)]))
        case "description":
            return old if old == new else f"{old} {new}"
        case "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties":
            return old if _number(old) > _number(new) else new
        case "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties":
            return old if _number(old) < _number(new) else new
        case "enum":
            wanted = elements(new) or []
            return [value for value in elements(old) or [] if value in wanted] or wanted
        case _:
            return new


def _names(value: object) -> list[str]:
    return [name for name in elements(value) or () if isinstance(name, str)]


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else math.nan


def is_null(schema: object) -> bool:
    """Whether a schema allows nothing but null."""
    fields = members(schema) or {}
    return fields.get("type") in ("null", ["null"]) or ("const" in fields and fields["const"] is None)
