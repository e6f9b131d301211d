"""JSON Schemas made acceptable."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.dialects.anthropic.schemas import (
    InexpressibleError,
    is_object_schema,
    strict_schema,
    tool_schema,
)

Schema = dict[str, object]


def strict(schema: Schema) -> tuple[object, bool]:
    written, relaxed = strict_schema(msgspec.json.encode(schema))
    return msgspec.json.decode(written), relaxed


def prop(schema: object) -> Schema:
    return {"type": "object", "properties": {"a": schema}, "additionalProperties": False}


def test_what_is_accepted_comes_back_byte_for_byte() -> None:
    schema = (
        b'{ "type": "object", "properties": {"a": {"type": ["string","null"], "enum": ["x", 1.0, null]},'
        b'"b": {"$ref": "#/$defs/B"}}, "required": ["a"], "additionalProperties": false,'
        b'"$defs": {"B": {"type": "array", "items": {"type": "string", "format": "date"}, "minItems": 1}}}'
    )
    assert strict_schema(schema) == (schema, False)


def test_objects_are_closed_without_a_report() -> None:
    inner: Schema = {"type": "object", "properties": {"b": {"type": "string"}}}
    closed = {**inner, "additionalProperties": False}
    assert strict({"type": "object", "properties": {"a": inner}}) == (prop(closed), False)


CONSTRAINTS: list[tuple[Schema, Schema]] = [
    (
        {"type": "string", "minLength": 1, "maxLength": 9},
        {"type": "string", "description": "(min length 1; max length 9)"},
    ),
    (
        {"type": "integer", "description": "Age", "exclusiveMinimum": 0},
        {"type": "integer", "description": "Age (exclusive minimum 0)"},
    ),
    (
        {"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True},
        {"type": "array", "items": {"type": "string"}, "description": "(min items 2; unique items true)"},
    ),
    (
        {"type": "string", "format": "iban"},
        {"type": "string", "description": '(format "iban")'},
    ),
    ({"type": "string", "pattern": "^a+$"}, {"type": "string", "pattern": "^a+$"}),
    (
        {"type": "string", "pattern": "(?=a)b"},
        {"type": "string", "description": '(pattern "(?=a)b")'},
    ),
    (
        {"oneOf": [{"type": "string", "maxLength": 2}, {"type": "null"}]},
        {"anyOf": [{"type": "string", "description": "(max length 2)"}, {"type": "null"}]},
    ),
    (
        {"allOf": [{"type": "string"}, {"description": "D"}]},
        {"type": "string", "description": "D"},
    ),
    (
        {
            "allOf": [
                {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]},
                {"properties": {"y": {"type": "null"}}, "required": ["y"]},
            ]
        },
        {
            "type": "object",
            "properties": {"x": {"type": "string"}, "y": {"type": "null"}},
            "required": ["x", "y"],
            "additionalProperties": False,
        },
    ),
    ({"const": {"a": 1}, "type": "string"}, {"type": "string", "description": '(const {"a":1})'}),
    ({"format": "date"}, {"format": "date", "type": "string"}),
    (
        {"properties": {"x": {"type": "null"}}},
        {"properties": {"x": {"type": "null"}}, "type": "object", "additionalProperties": False},
    ),
    ({"items": {"type": "string"}}, {"items": {"type": "string"}, "type": "array"}),
    (
        {"type": "object", "properties": {"x": {"type": "null"}}, "additionalProperties": {"type": "string"}},
        {
            "type": "object",
            "properties": {"x": {"type": "null"}},
            "description": '(additional properties {"type":"string"})',
            "additionalProperties": False,
        },
    ),
    (
        {"enum": [{"a": 1}], "type": "object", "properties": {"a": {"type": "integer"}}},
        {
            "type": "object",
            "properties": {"a": {"type": "integer"}},
            "additionalProperties": False,
            "description": '(enum [{"a":1}])',
        },
    ),
]


@pytest.mark.parametrize(("given_schema", "expected"), CONSTRAINTS)
def test_constraints_that_cannot_be_compiled_move_into_the_description(
    given_schema: Schema, expected: Schema
) -> None:
    written, relaxed = strict(prop(given_schema))
    assert written == prop(expected)
    assert relaxed == (given_schema != expected)


def test_references_with_company_are_merged_where_allof_joins_them() -> None:
    schema: Schema = {
        "type": "object",
        "properties": {"a": {"allOf": [{"$ref": "#/$defs/A"}], "description": "mine"}},
        "$defs": {"A": {"type": "string"}},
    }
    written, _ = strict(schema)
    assert written == {
        "type": "object",
        "properties": {"a": {"type": "string", "description": "mine"}},
        "$defs": {"A": {"type": "string"}},
        "additionalProperties": False,
    }


INEXPRESSIBLE: list[Schema] = [
    {"type": "array", "items": {"type": "string"}},
    {"anyOf": [{"type": "object", "properties": {}}]},
    {"type": "object"},
    {"type": "object", "additionalProperties": {"type": "string"}},
    prop({}),
    prop(True),
    prop({"$ref": "https://a.example/schema"}),
    prop({"allOf": [True]}),
    prop({"allOf": [{"$ref": "#/$defs/none"}]}),
    prop({"type": "object", "properties": {"b": {"$ref": "#/properties/a"}}}),
    {"type": "object", "properties": {"next": {"$ref": "#"}}},
    {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/B"}]}, "B": {"items": {"$ref": "#/$defs/A"}}},
    },
]


@pytest.mark.parametrize("schema", INEXPRESSIBLE)
def test_what_words_cannot_say_is_refused(schema: Schema) -> None:
    with pytest.raises(InexpressibleError):
        strict(schema)


def test_data_that_looks_like_a_schema_is_left_alone() -> None:
    schema = prop({"type": "string", "default": {"minLength": 1}, "enum": ["$ref"]})
    assert strict(schema) == (schema, False)
    named: Schema = {
        "type": "object",
        "properties": {"$ref": {"type": "string"}},
        "additionalProperties": False,
    }
    assert strict(named) == (named, False)


TOOLS: list[tuple[bytes | None, bytes, bool]] = [
    (None, b'{"type":"object","properties":{}}', False),
    (b"{}", b'{"type":"object","properties":{}}', False),
    (b"true", b'{"type":"object","properties":{}}', True),
    (b'{"type": "object"}', b'{"type": "object"}', False),
    (b'{"properties":{}}', b'{"properties":{},"type":"object"}', False),
    (b'{"type":"string"}', b'{"type":"object"}', True),
    (
        b'{"anyOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{},"a":{}},"required":["a"]}]}',
        b'{"type":"object","properties":{"b":{},"a":{}},"required":["a"]}',
        True,
    ),
    (b'{"allOf":[{"$ref":"#/nowhere"}]}', b'{"type":"object"}', True),
]


@pytest.mark.parametrize(("parameters", "expected", "changed"), TOOLS)
def test_the_root_of_a_tools_schema_is_an_object(
    parameters: bytes | None, expected: bytes, changed: bool
) -> None:
    written, altered = tool_schema(parameters)
    assert msgspec.json.decode(written) == msgspec.json.decode(expected)
    assert altered == changed


def test_only_objects_can_be_a_tools_input() -> None:
    assert is_object_schema(b'{"type":"object"}')
    assert is_object_schema(b'{"properties":{}}')
    assert not is_object_schema(b'{"type":"array"}')
    assert not is_object_schema(b"[]")
    assert not is_object_schema(b"{")


LEAVES: list[object] = [
    True,
    {},
    {"type": "string"},
    {"$ref": "#"},
    {"$ref": "#/$defs/A"},
    {"enum": ["x"]},
    5,
]


def wrapped(inner: object, form: int) -> object:
    match form:
        case 0:
            return {"type": "object", "properties": {"a": inner}}
        case 1:
            return {"anyOf": [inner], "allOf": [inner, {"type": "object"}]}
        case _:
            return {"items": inner, "minItems": 3, "$defs": {"A": inner}}


@st.composite
def nodes(draw: st.DrawFn) -> object:
    node = draw(st.sampled_from(LEAVES))
    for form in draw(st.lists(st.integers(0, 2), max_size=4)):
        node = wrapped(node, form)
    return node


@given(nodes())
@settings(max_examples=100)
def test_any_schema_is_made_acceptable_or_refused(node: object) -> None:
    body = msgspec.json.encode(node)
    written, _ = tool_schema(body)
    assert msgspec.json.decode(written)["type"] == "object"
    try:
        once, _ = strict_schema(body)
    except InexpressibleError:
        return
    assert strict_schema(once) == (once, False)


def test_a_schema_nested_too_deeply_is_refused() -> None:
    depth = 20_000
    schema = b'{"properties":{"a":' * depth + b'{"default":1}' + b"}}" * depth
    with pytest.raises(InexpressibleError):
        strict_schema(schema)


def test_references_that_double_at_every_step_are_refused() -> None:
    definitions: Schema = {"D0": {"type": "string"}}
    for step in range(1, 40):
        twice = {"allOf": [{"$ref": f"#/$defs/D{step - 1}"}]}
        definitions[f"D{step}"] = {"type": "object", "properties": {"a": twice, "b": twice}}
    schema: Schema = {"type": "object", "properties": {"x": {"allOf": [{"$ref": "#/$defs/D39"}]}}}
    with pytest.raises(InexpressibleError):
        strict({**schema, "$defs": definitions})
    written, changed = tool_schema(
        msgspec.json.encode({"allOf": [{"$ref": "#/$defs/D39"}], "$defs": definitions})
    )
    assert changed
    assert msgspec.json.decode(written)["type"] == "object"
