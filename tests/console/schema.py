"""Whether a value keeps a schema of the document: as much of JSON Schema as is used there."""

import datetime as dt
import operator
import re
from collections.abc import Callable, Iterator

from dragoman.testing.json_value import JSON, Object

_KNOWN = {
    *("$ref", "title", "description", "examples", "default", "type", "format", "enum", "anyOf", "items"),
    *("properties", "required", "additionalProperties", "minLength", "maxLength", "minItems", "maxItems"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern"),
}
_BOUNDS: dict[str, Callable[[float, float], bool]] = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
    "minLength": operator.ge,
    "maxLength": operator.le,
    "minItems": operator.ge,
    "maxItems": operator.le,
}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def problems(value: JSON, schema: JSON, document: Object, path: str = "$") -> Iterator[str]:
    """What is wrong with a value. Raises `AssertionError` for a schema that says what this does not know."""
    assert isinstance(schema, dict), path
    unknown = set(schema) - _KNOWN
    assert not unknown, (path, unknown)
    if "$ref" in schema:
        yield from problems(value, resolved(str(schema["$ref"]), document), document, path)
        return
    if "anyOf" in schema:
        options = schema["anyOf"]
        assert isinstance(options, list)
        if not any(not list(problems(value, option, document, path)) for option in options):
            yield f"{path}: {value!r} is none of {options}"
        return
    yield from _own(value, schema, path)
    if isinstance(value, dict) and schema.get("type") == "object":
        properties = schema.get("properties", {})
        assert isinstance(properties, dict)
        required = schema.get("required", [])
        assert isinstance(required, list)
        yield from (f"{path}.{name} is missing" for name in required if name not in value)
        for name, member in value.items():
            if name in properties:
                yield from problems(member, properties[str(name)], document, f"{path}.{name}")
            else:
                # what the answers hold is described to the last field
                yield f"{path}.{name} is not described"
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from problems(item, schema["items"], document, f"{path}[{index}]")


def resolved(reference: str, document: Object) -> JSON:
    """What a reference within the document stands for."""
    assert reference.startswith("#/")
    found: JSON = document
    for step in reference.removeprefix("#/").split("/"):
        assert isinstance(found, dict), reference
        found = found[step]
    return found


def _own(value: JSON, schema: Object, path: str) -> Iterator[str]:
    kind = schema.get("type")
    if isinstance(kind, str):
        fits = isinstance(value, _TYPES[kind])
        if not fits or (isinstance(value, bool) and kind != "boolean"):
            yield f"{path}: {value!r} is no {kind}"
            return
    options = schema.get("enum")
    if isinstance(options, list) and value not in options:
        yield f"{path}: {value!r} is none of {options}"
    if isinstance(value, str):
        if schema.get("format") == "date-time":
            assert dt.datetime.fromisoformat(value).tzinfo is not None, path
        if "pattern" in schema and not re.search(str(schema["pattern"]), value):
            yield f"{path}: {value!r} does not match"
    size = len(value) if isinstance(value, str | list) else value
    if isinstance(size, int | float) and not isinstance(size, bool):
        for name, fits in _BOUNDS.items():
            limit = schema.get(name)
            if isinstance(limit, int | float) and not fits(size, limit):
                yield f"{path}: {value!r} against {name} {limit}"
