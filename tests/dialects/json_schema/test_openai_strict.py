"""OpenAI's rules for strict schemas."""

import json

import pytest

from dragoman.conversation.loss import Loss
from dragoman.dialects.json_schema.openai_strict import (
    openai_answer,
    openai_form,
    openai_strict_schema,
    qualifies,
)


def is_refused(schema: bytes) -> bool:
    """Whether no model takes the schema as strict, whatever is done to it."""
    losses: list[Loss] = []
    found = openai_strict_schema(schema, "$", losses)
    assert found is not None or losses == []
    return found is None


def is_taken(schema: bytes) -> bool:
    """Whether the schema is sent as it is."""
    return openai_strict_schema(schema, "$", []) == schema


def schema(properties: dict[str, object], **members: object) -> bytes:
    """An object that is closed and requires all its properties, unless `members` say otherwise."""
    return json.dumps(
        {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
            **members,
        }
    ).encode()


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    "taken",
    [
        schema({}),
        schema({"a": TEXT}),
        schema({"a": {"type": ["string", "null"]}}),
        schema({"a": {"anyOf": [TEXT, {"type": "null"}]}}),
        schema({"a": {"type": "array", "items": {"$ref": "#"}}}),
        schema({"a": {"$ref": "#/$defs/b", "description": "d"}}, **{"$defs": {"b": TEXT}}),
        schema({"a": {"enum": [1, 2]}}),
    ],
)
def test_what_every_model_takes(taken: bytes) -> None:
    assert qualifies(taken)
    assert is_taken(taken)


@pytest.mark.parametrize(
    "doubtful",
    [
        schema({"a": {"type": "number", "minimum": 1}}),
        schema({"a": {"type": "string", "pattern": "^a", "format": "date"}}),
        schema({"a": {"type": "array", "items": TEXT, "minItems": 2}}),
        schema({"a": {"type": "string", "default": "x"}}),
    ],
)
def test_what_some_models_take_is_left_to_the_client(doubtful: bytes) -> None:
    assert not qualifies(doubtful)
    assert is_taken(doubtful)


@pytest.mark.parametrize(
    "refused",
    [
        b"true",
        b"{}",
        b"no json",
        b"[" * 100_000,
        b'{"type":"array","items":{"type":"string"}}',
        schema({"a": TEXT}, required=[]),
        schema({"a": TEXT}, required=["a", "b"]),
        schema({"a": TEXT}, additionalProperties=True),
        b'{"type":"object"}',
        schema({}, anyOf=[TEXT]),
        schema({"a": {}}),
        schema({"a": True}),
        schema({"a": {"type": "object"}}),
        schema({"a": {"type": ["object", "null"], "properties": {}}}),
        schema({"a": {"type": "array"}}),
        schema({"a": {"type": "array", "items": {"type": "object"}}}),
        schema({"a": {"anyOf": [{"type": "object"}]}}),
        schema({"a": {"$ref": "#/$defs/b"}}, **{"$defs": {"b": {"type": "object"}}}),
        schema({"a": {"$ref": "#/definitions/b"}}, definitions={"b": {"type": "object"}}),
    ],
)
def test_what_no_model_takes(refused: bytes) -> None:
    assert is_refused(refused)
    assert not qualifies(refused)


@pytest.mark.parametrize(
    ("given", "expected", "paths"),
    [
        (
            {"type": "string", "minLength": 1, "description": "d"},
            {"type": "string", "description": "d (at least 1 characters)"},
            ["$.s.properties.a.minLength"],
        ),
        ({"oneOf": [TEXT, {"type": "null"}]}, {"anyOf": [TEXT, {"type": "null"}]}, []),
        ({"allOf": [TEXT, {"description": "d"}]}, {"type": "string", "description": "d"}, []),
        ({"items": TEXT}, {"items": TEXT, "type": "array"}, []),
        (
            {"$ref": "#", "default": 1, "title": "t"},
            {"$ref": "#", "description": "default: 1"},
            [],
        ),
        (
            {"type": "array", "items": TEXT, "uniqueItems": True},
            {"type": "array", "items": TEXT, "description": "all items different"},
            ["$.s.properties.a.uniqueItems"],
        ),
    ],
)
def test_what_cannot_be_held_to_moves_into_words(given: object, expected: object, paths: list[str]) -> None:
    losses: list[Loss] = []
    converted = openai_strict_schema(schema({"a": given}), "$.s", losses)
    assert json.loads(converted or b"") == json.loads(schema({"a": expected}))
    assert [loss.path for loss in losses] == paths


def test_objects_may_be_nested_ten_deep() -> None:
    nested: object = TEXT
    for _ in range(10):
        nested = json.loads(schema({"a": nested}))
    assert is_taken(json.dumps(nested).encode())
    assert is_refused(schema({"a": nested}))


def test_a_schema_that_cannot_be_strict_is_a_guide_only() -> None:
    losses: list[Loss] = []
    optional = schema({"a": TEXT}, required=[])
    where = "$.tools[0].function.parameters"
    assert openai_form(optional, True, where, losses) == (optional, False)
    assert [(loss.code, loss.path) for loss in losses] == [("strict", "$.tools[0].function.strict")]
    assert openai_form(optional, None, where, []) == (optional, None)
    assert openai_form(schema({"a": TEXT}), True, where, []) == (schema({"a": TEXT}), True)


def test_an_answer_that_is_no_object_is_wrapped_for_clients_of_other_formats() -> None:
    losses: list[Loss] = []
    listed = b'{"type":"array","items":{"type":"string","minLength":2}}'
    answer = openai_answer(listed, True, "$.r.schema", losses, native=False)
    assert answer.wrapped_in == "value"
    assert answer.strict is True
    assert json.loads(answer.schema)["properties"]["value"]["type"] == "array"
    assert [(loss.code, loss.path) for loss in losses] == [
        ("schema_wrapped", "$.response_format"),
        ("schema_relaxed", "$.r.schema.items.minLength"),
    ]
    assert openai_answer(schema({"a": TEXT}), None, "$", [], native=False).strict is True
    assert openai_answer(schema({"a": TEXT}), None, "$", [], native=True).strict is None
