"""OpenAI's rules for strict schemas."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.dialects.openai_chat.strict_schema import is_refused, qualifies


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
    assert not is_refused(taken)


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
    assert not is_refused(doubtful)


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
        schema({}, oneOf=[TEXT]),
        schema({}, allOf=[]),
        schema({"a": {}}),
        schema({"a": True}),
        schema({"a": {"type": "object"}}),
        schema({"a": {"type": ["object", "null"], "properties": {}}}),
        schema({"a": {"type": "array"}}),
        schema({"a": {"type": "array", "items": {"type": "object"}}}),
        schema({"a": {"anyOf": [{"type": "object"}]}}),
        schema({"a": {"type": "string", "minLength": 1}}),
        schema({"a": {"$ref": "#", "type": "object"}}),
        schema({"a": {"$ref": "#/$defs/b"}}, **{"$defs": {"b": {"type": "object"}}}),
        schema({"a": {"$ref": "#/definitions/b"}}, definitions={"b": {"type": "object"}}),
    ],
)
def test_what_no_model_takes(refused: bytes) -> None:
    assert is_refused(refused)
    assert not qualifies(refused)


@given(
    st.recursive(
        st.sampled_from([True, {}, TEXT, {"type": "integer", "minimum": 0}]),
        lambda inner: (
            inner.map(lambda one: {"type": "array", "items": one})
            | st.dictionaries(st.sampled_from("abc"), inner).map(lambda some: json.loads(schema(some)))
            | st.lists(inner, min_size=1, max_size=2).map(lambda some: {"anyOf": some})
        ),
        max_leaves=6,
    )
)
@settings(max_examples=100)
def test_no_schema_both_qualifies_and_is_refused(found: object) -> None:
    text = json.dumps(found).encode()
    assert not (qualifies(text) and is_refused(text))
