"""Schemas of answers that are no objects, put into one property."""

import json

import pytest

from dragoman.conversation.loss import approximated
from dragoman.dialects.json_schema.wrapping import (
    inner_losses,
    is_object_schema,
    needs_wrapping,
    object_schema,
    wrapped,
)


@pytest.mark.parametrize(
    ("schema", "needed"),
    [
        ('{"type":"object"}', False),
        ('{"properties":{}}', False),
        ("{}", False),
        ("true", False),
        ("nonsense", False),
        ('{"type":"array","items":{}}', True),
        ('{"type":["object","null"]}', True),
        ('{"anyOf":[{"type":"object"},{"type":"array"}]}', True),
        ('{"enum":["a"]}', True),
        ('{"$ref":"#/$defs/A","$defs":{"A":{"type":"object"}}}', False),
    ],
)
def test_only_what_may_be_no_object_is_wrapped(schema: str, needed: bool) -> None:
    assert needs_wrapping(schema.encode()) is needed
    assert (object_schema(schema.encode())[1] == "value") is needed


def test_definitions_stay_where_references_find_them() -> None:
    schema = b'{"type":"array","items":{"$ref":"#/$defs/A"},"$defs":{"A":{"type":"string"}}}'
    assert json.loads(wrapped(schema)) == {
        "type": "object",
        "properties": {"value": {"type": "array", "items": {"$ref": "#/$defs/A"}}},
        "required": ["value"],
        "additionalProperties": False,
        "$defs": {"A": {"type": "string"}},
    }


def test_references_to_the_root_follow_it() -> None:
    schema = b"""{"type":"array","items":{"anyOf":[{"$ref":"#"},{"$ref":"#/$defs/value"}]},
        "default":{"$ref":"#"},"$defs":{"value":{"not":{"$ref":"#/items"}}}}"""
    outer = json.loads(wrapped(schema))
    assert outer["properties"] == {"value": {"$ref": "#/$defs/value_1"}}
    assert outer["$defs"] == {
        "value": {"not": {"$ref": "#/$defs/value_1/items"}},
        "value_1": {
            "type": "array",
            "items": {"anyOf": [{"$ref": "#/$defs/value_1"}, {"$ref": "#/$defs/value"}]},
            "default": {"$ref": "#"},
        },
    }


def test_losses_name_places_in_the_clients_own_schema() -> None:
    losses = [approximated("$.s.properties.value.items.format", "schema_relaxed")]
    assert inner_losses(losses, "$.s", "value")[0].path == "$.s.items.format"
    assert inner_losses(losses, "$.s", None) == losses


def test_only_objects_can_be_a_tools_input() -> None:
    assert is_object_schema(b'{"type":"object"}')
    assert is_object_schema(b'{"properties":{}}')
    assert not is_object_schema(b'{"type":"array"}')
    assert not is_object_schema(b"[]")
    assert not is_object_schema(b"{")
