"""JSON Schemas to test with: a strategy, and a small validator for what they accept."""

import json
from collections.abc import Callable

from hypothesis import strategies as st

from dragoman.dialects.json_schema.tree import Node, resolved
from dragoman.dialects.json_tree import elements, members

NAMES = ("a", "b", "type", "$ref", "enum", "properties", "title")
"""Names of properties, most of which are keywords as well."""

Strategy = st.SearchStrategy[object]


def scalars() -> Strategy:
    return st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "", "x.y", 1.5])


def json_values() -> Strategy:
    """Any JSON, with members that look like keywords."""
    names = st.sampled_from(["a", "$ref", "type", "properties", "anyOf", "const", "$defs", "items"])
    return st.recursive(
        scalars(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
        max_leaves=8,
    )


def anything() -> Strategy:
    """Schemas well-formed and not: every keyword with values of the right kind and of the wrong one."""
    return st.recursive(st.booleans() | st.just(dict[str, object]()) | scalars(), _grown, max_leaves=7)


def _grown(inner: Strategy) -> Strategy:
    kind = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"])
    named = st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    listed = st.lists(inner, max_size=2)
    number = st.integers(-2, 3)
    reference = st.sampled_from(
        ["#", "#/$defs/D", "#/definitions/D", "#/nowhere", "other.json", "#/anyOf/0", "#/properties/a"]
    )
    return st.fixed_dictionaries(
        {},
        optional={
            "type": kind | st.lists(kind, max_size=2) | scalars(),
            "title": st.just("t") | inner,
            "description": st.just("d") | inner,
            "properties": named,
            "required": st.lists(st.sampled_from(NAMES), max_size=2),
            "additionalProperties": inner,
            "patternProperties": named,
            "propertyNames": inner,
            "minProperties": number,
            "items": inner | listed,
            "prefixItems": listed,
            "contains": inner,
            "uniqueItems": st.booleans(),
            "minItems": number,
            "anyOf": listed | scalars(),
            "oneOf": listed,
            "allOf": listed,
            "not": inner,
            "if": inner,
            "then": inner,
            "enum": st.lists(json_values(), max_size=3),
            "const": json_values(),
            "default": json_values(),
            "examples": st.lists(json_values(), max_size=2),
            "minimum": number,
            "exclusiveMinimum": number | st.booleans(),
            "exclusiveMaximum": st.sampled_from([1.5, 3, 1e308]),
            "multipleOf": st.just(2),
            "minLength": number,
            "maxLength": number,
            "pattern": st.sampled_from(["^a", "(?=a)", "\\bx"]),
            "format": st.sampled_from(["date-time", "email", "int32", "enum", "odd"]),
            "nullable": st.booleans(),
            "$ref": reference,
            "$defs": st.fixed_dictionaries({"D": inner}),
            "definitions": st.fixed_dictionaries({"D": inner}),
            "$schema": st.just("https://json-schema.org/draft/2020-12/schema"),
        },
    )


def sensible() -> Strategy:
    """Schemas as people write them: each says its type, and there are values that it accepts."""
    text = st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={
            "minLength": st.integers(0, 2),
            "maxLength": st.integers(3, 6),
            "pattern": st.just("^a"),
            "format": st.sampled_from(["date-time", "email"]),
            "default": json_values(),
        },
    )
    number = st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number"])},
        optional={
            "minimum": st.integers(-3, 0),
            "maximum": st.integers(1, 5),
            "exclusiveMinimum": st.integers(-3, 0),
            "multipleOf": st.just(1),
        },
    )
    words: list[list[object]] = [["a"], ["a", "b"], [1, 2], ["a", None], [True], [None], [1, "a"], [{"a": 1}]]
    fixed = st.sampled_from(words).map(lambda values: {"enum": values}) | st.sampled_from(
        [
            {"const": "a"},
            {"const": 1},
            {"const": None},
            {"const": {"a": [1]}},
            {"type": "boolean"},
            {"type": "null"},
        ]
    )
    leaves = text | number | fixed | st.just({"type": ["string", "null"]})

    def grow(inner: Strategy) -> Strategy:
        members = st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
        objects = st.builds(_object, members, st.sampled_from([None, True, False]), st.booleans())
        lists = st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner},
            optional={"minItems": st.integers(0, 2), "maxItems": st.integers(3, 4)},
        )
        unions = st.sampled_from(["anyOf", "oneOf"]).flatmap(
            lambda name: st.lists(inner, min_size=1, max_size=2).map(lambda some: {name: some})
        )
        both = st.tuples(objects, objects).map(lambda some: {"allOf": list(some)})
        return objects | lists | unions | both

    return st.recursive(leaves, grow, max_leaves=6)


def _object(members: dict[str, object], open_: bool | None, all_required: bool) -> dict[str, object]:
    schema: dict[str, object] = {"type": "object", "properties": members}
    if all_required:
        schema["required"] = list(members)
    if open_ is not None:
        schema["additionalProperties"] = open_
    return schema


def accepts(schema: object, value: object) -> bool:
    """Whether a JSON Schema, or one in Google's words, accepts a value. Formats and what no strategy
    here makes are not looked at.
    """
    return _accepts(schema, value, Node(members(schema) or {}, "$"))


def _accepts(schema: object, value: object, root: Node) -> bool:
    fields = members(schema)
    if fields is None:
        return schema is not False
    if value is None and fields.get("nullable") is True:
        return True
    if "$ref" in fields:
        target = resolved(root, fields["$ref"])
        if target is not None and not _accepts(target.fields, value, root):
            return False
    if "enum" in fields and not any(_same(value, one) for one in elements(fields["enum"]) or ()):
        return False
    if "const" in fields and not _same(value, fields["const"]):
        return False
    kinds = elements(fields.get("type")) or ([fields["type"]] if "type" in fields else [])
    if kinds and not any(_KINDS[str(kind).lower()](value) for kind in kinds):
        return False
    return all(check(fields, value, root) for check in (_combined, _text, _number, _list, _members))


def _same(one: object, other: object) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


_KINDS: dict[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def _combined(fields: dict[str, object], value: object, root: Node) -> bool:
    for name, most in (("anyOf", None), ("allOf", None), ("oneOf", 1)):
        branches = elements(fields.get(name))
        if branches:
            fitting = sum(_accepts(one, value, root) for one in branches)
            least = len(branches) if name == "allOf" else 1
            if fitting < least or (most is not None and fitting > most):
                return False
    return True


def _text(fields: dict[str, object], value: object, _root: Node) -> bool:
    if not isinstance(value, str):
        return True
    least, most = fields.get("minLength"), fields.get("maxLength")
    if isinstance(least, int) and len(value) < least:
        return False
    if isinstance(most, int) and len(value) > most:
        return False
    return "pattern" not in fields or value.startswith("a")


def _number(fields: dict[str, object], value: object, _root: Node) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return True
    low, high, above = (fields.get(name) for name in ("minimum", "maximum", "exclusiveMinimum"))
    return not (
        (isinstance(low, int) and value < low)
        or (isinstance(high, int) and value > high)
        or (isinstance(above, int) and value <= above)
    )


def _list(fields: dict[str, object], value: object, root: Node) -> bool:
    items = elements(value)
    if items is None:
        return True
    least, most = fields.get("minItems"), fields.get("maxItems")
    if isinstance(least, int) and len(items) < least:
        return False
    if isinstance(most, int) and len(items) > most:
        return False
    return "items" not in fields or all(_accepts(fields["items"], one, root) for one in items)


def _members(fields: dict[str, object], value: object, root: Node) -> bool:
    given = members(value)
    if given is None:
        return True
    if any(name not in given for name in elements(fields.get("required")) or ()):
        return False
    known = members(fields.get("properties")) or {}
    if fields.get("additionalProperties") is False and not given.keys() <= known.keys():
        return False
    return all(_accepts(known[name], one, root) for name, one in given.items() if name in known)


def as_bytes(schema: object) -> bytes:
    return json.dumps(schema).encode()
