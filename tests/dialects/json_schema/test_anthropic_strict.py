"""JSON Schemas made acceptable."""

import msgspec
import pytest

from dragoman.conversation.loss import Loss
from dragoman.dialects.json_schema.anthropic_strict import InexpressibleError, anthropic_strict_schema

Schema = dict[str, object]


def strict(schema: Schema) -> tuple[object, bool]:
    losses: list[Loss] = []
    written = anthropic_strict_schema(msgspec.json.encode(schema), "$", losses)
    return msgspec.json.decode(written), bool(losses)


def prop(schema: object) -> Schema:
    return {"type": "object", "properties": {"a": schema}, "additionalProperties": False}


def test_what_is_accepted_comes_back_byte_for_byte() -> None:
    schema = (
        b'{ "type": "object", "properties": {"a": {"type": ["string","null"], "enum": ["x", 1.0, null]},'
        b'"b": {"$ref": "#/$defs/B"}}, "required": ["a"], "additionalProperties": false,'
        b'"$defs": {"B": {"type": "array", "items": {"type": "string", "format": "date"}, "minItems": 1}}}'
    )
    losses: list[Loss] = []
    assert anthropic_strict_schema(schema, "$", losses) == schema
    assert losses == []


def test_objects_are_closed_without_a_report() -> None:
    inner: Schema = {"type": "object", "properties": {"b": {"type": "string"}}}
    closed = {**inner, "additionalProperties": False}
    assert strict({"type": "object", "properties": {"a": inner}}) == (prop(closed), False)


CONSTRAINTS: list[tuple[Schema, Schema]] = [
    (
        {"type": "string", "minLength": 1, "maxLength": 9},
        {"type": "string", "description": "at least 1 characters; at most 9 characters"},
    ),
    (
        {"type": "integer", "description": "Age", "exclusiveMinimum": 0},
        {"type": "integer", "description": "Age (greater than 0)"},
    ),
    (
        {"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True},
        {
            "type": "array",
            "items": {"type": "string"},
            "description": "at least 2 items; all items different",
        },
    ),
    (
        {"type": "string", "format": "iban"},
        {"type": "string", "description": "format iban"},
    ),
    ({"type": "string", "pattern": "^a+$"}, {"type": "string", "pattern": "^a+$"}),
    (
        {"type": "string", "pattern": "(?=a)b"},
        {"type": "string", "description": "matching the pattern (?=a)b"},
    ),
    (
        {"oneOf": [{"type": "string", "maxLength": 2}, {"type": "null"}]},
        {"anyOf": [{"type": "string", "description": "at most 2 characters"}, {"type": "null"}]},
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
    ({"const": {"a": 1}, "type": "string"}, {"type": "string", "description": 'must be {"a":1}'}),
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
            "description": 'other members match {"type":"string"}',
            "additionalProperties": False,
        },
    ),
    (
        {"enum": [{"a": 1}], "type": "object", "properties": {"a": {"type": "integer"}}},
        {
            "type": "object",
            "properties": {"a": {"type": "integer"}},
            "additionalProperties": False,
            "description": 'must be {"a":1}',
        },
    ),
]


@pytest.mark.parametrize(("given_schema", "expected"), CONSTRAINTS)
def test_constraints_that_cannot_be_compiled_move_into_the_description(
    given_schema: Schema, expected: Schema
) -> None:
    written, relaxed = strict(prop(given_schema))
    assert written == prop(expected)
    assert relaxed == ("description" in str(expected) and "allOf" not in given_schema)


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


def test_a_schema_nested_too_deeply_is_refused() -> None:
    depth = 20_000
    schema = b'{"properties":{"a":' * depth + b'{"default":1}' + b"}}" * depth
    with pytest.raises(InexpressibleError):
        anthropic_strict_schema(schema, "$", [])


def test_references_that_double_at_every_step_are_refused() -> None:
    definitions: Schema = {"D0": {"type": "string"}}
    for step in range(1, 40):
        twice = {"allOf": [{"$ref": f"#/$defs/D{step - 1}"}]}
        definitions[f"D{step}"] = {"type": "object", "properties": {"a": twice, "b": twice}}
    schema: Schema = {"type": "object", "properties": {"x": {"allOf": [{"$ref": "#/$defs/D39"}]}}}
    with pytest.raises(InexpressibleError):
        strict({**schema, "$defs": definitions})


def test_a_constraint_is_reported_with_its_own_path() -> None:
    losses: list[Loss] = []
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"anyOf": [{"type": "integer", "minimum": 1}]}},
        "$defs": {"A": {"type": "string", "maxLength": 3}},
    }
    anthropic_strict_schema(msgspec.json.encode(schema), "$.tools[2].function.parameters", losses)
    assert [(loss.code, loss.path, loss.detail) for loss in losses] == [
        ("schema_relaxed", "$.tools[2].function.parameters.properties.b.anyOf[0].minimum", "at least 1"),
        ("schema_relaxed", "$.tools[2].function.parameters.$defs.A.maxLength", "at most 3 characters"),
    ]


def test_what_is_refused_after_all_leaves_no_report() -> None:
    losses: list[Loss] = []
    with pytest.raises(InexpressibleError):
        anthropic_strict_schema(
            msgspec.json.encode(prop({"anyOf": [{"type": "string", "maxLength": 1}, {}]})), "$", losses
        )
    assert losses == []


def test_too_many_optional_members_or_unions_are_refused() -> None:
    for count, refused in ((24, False), (25, True)):
        members: Schema = {f"p{number}": {"type": "string"} for number in range(count)}
        schema: Schema = {"type": "object", "properties": members}
        if refused:
            with pytest.raises(InexpressibleError, match="optional"):
                strict(schema)
            strict({**schema, "required": list(members)})
        else:
            strict(schema)
    unions: Schema = {f"p{number}": {"type": ["string", "null"]} for number in range(17)}
    with pytest.raises(InexpressibleError, match="unions"):
        strict({"type": "object", "properties": unions, "required": list(unions)})
