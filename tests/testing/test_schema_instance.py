"""Instances of JSON Schemas."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragoman.testing.json_value import JSON, Object
from dragoman.testing.schema_instance import instance_of

Validate = Callable[[JSON, JSON], list[str]]

SCHEMAS: dict[str, JSON] = {
    "bounds that exclude": {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5},
    "negative numbers": {"type": "number", "maximum": -2.5},
    "a multiple": {"type": "integer", "minimum": 10, "multipleOf": 7},
    "a long string": {"type": "string", "minLength": 40, "maxLength": 41},
    "a short string": {"type": "string", "maxLength": 3},
    "a pattern": {"type": "string", "pattern": "^[a-z]{3}-[0-9]+$", "minLength": 8},
    "a pattern without end": {"type": "string", "pattern": "^[0-9]+$", "minLength": 5},
    "many elements": {"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True},
    "unique words": {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 3, "uniqueItems": True},
    "no elements": {"type": "array", "items": {"type": "string"}, "maxItems": 0},
    "a tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "boolean"}], "minItems": 2},
    "null or more": {"type": ["null", "integer"]},
    "a choice": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"a": {"const": 4}}}]},
    "one of several": {"oneOf": [{"type": "string", "maxLength": 2}, {"type": "integer"}]},
    "parts that add up": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
        ]
    },
    "no type": {"properties": {"a": {"minimum": 4}}, "required": ["a"]},
    "closed and nested": {
        "type": "object",
        "properties": {
            "people": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
                    "required": ["name", "age"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["people"],
        "additionalProperties": False,
    },
    "a definition": {
        "$ref": "#/$defs/Point",
        "$defs": {"Point": {"type": "array", "items": {"type": "number"}}},
    },
    "a list that refers to itself": {
        "$ref": "#/$defs/Node",
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {
                    "value": {"type": "integer"},
                    "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                },
                "required": ["value", "next"],
            }
        },
    },
    "a tree that refers to itself": {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#"}}},
        "required": ["children"],
    },
    "Google's spelling": {
        "type": "OBJECT",
        "properties": {"when": {"type": "STRING", "nullable": True}, "count": {"type": "INTEGER"}},
        "required": ["count"],
    },
    "a member without a schema": {"type": "object", "required": ["x"]},
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_the_instance_is_valid(schema: JSON, validate: Validate) -> None:
    assert validate(schema, instance_of(schema, "Ada is 7 years old", ("Ada",))) == []


def test_the_conversation_fills_what_it_can() -> None:
    schema: Object = {
        "type": "object",
        "properties": {
            "from": {"type": "string"},
            "to": {"type": "string"},
            "on": {"type": "string", "format": "date"},
            "seats": {"type": "integer"},
            "class": {"type": "string", "enum": ["first", "second"]},
            "contact": {"type": "string", "format": "email"},
        },
        "required": ["from", "to", "on", "seats", "class", "contact"],
    }
    text = "Book 3 seats, second class, from Oslo to Rome on 2026-02-03; mail bo@example.org"

    assert instance_of(schema, text, ("Oslo", "Rome")) == {
        "from": "Oslo",
        "to": "Rome",
        "on": "2026-02-03",
        "seats": 3,
        "class": "second",
        "contact": "bo@example.org",
    }


def test_optional_members_stay_away_where_others_are_required() -> None:
    schema: Object = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["b"],
    }

    assert instance_of(schema) == {"b": 1}


def test_members_appear_where_none_is_required() -> None:
    assert instance_of({"type": "object", "properties": {"a": {"type": "boolean"}}}) == {"a": True}


@st.composite
def leaves(draw: st.DrawFn) -> Object:
    match draw(st.sampled_from(["integer", "string", "boolean", "enum"])):
        case "integer":
            low = draw(st.integers(-50, 50))
            return {"type": "integer", "minimum": low, "maximum": low + draw(st.integers(0, 20))}
        case "string":
            short = draw(st.integers(0, 20))
            return {"type": "string", "minLength": short, "maxLength": short + draw(st.integers(0, 5))}
        case "boolean":
            return {"type": "boolean"}
        case _:
            words: list[JSON] = [*draw(st.lists(st.text(max_size=4), min_size=1, max_size=3))]
            return {"enum": words}


@st.composite
def schemas(draw: st.DrawFn, depth: int = 2) -> Object:
    inner = schemas(depth=depth - 1) if depth else leaves()
    match draw(st.sampled_from(["leaf", "object", "array", "anyOf"])):
        case "object":
            known: Object = {**draw(st.dictionaries(st.sampled_from("abcd"), inner, max_size=3))}
            required: list[JSON] = [*sorted(known)]
            return {
                "type": "object",
                "properties": known,
                "required": required,
                "additionalProperties": False,
            }
        case "array":
            return {"type": "array", "items": draw(inner), "minItems": draw(st.integers(0, 3))}
        case "anyOf":
            options: list[JSON] = [*draw(st.lists(inner, min_size=1, max_size=3))]
            return {"anyOf": options}
        case _:
            return draw(leaves())


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schema=schemas(), text=st.text(max_size=30))
def test_every_schema_without_contradictions_is_met(schema: Object, text: str, validate: Validate) -> None:
    assert validate(schema, instance_of(schema, text, (text,))) == []
