"""Schemas as OpenAI takes them without `strict`."""

import json

import pytest

from dragoman.conversation.loss import Loss
from dragoman.dialects.json_schema.openai_plain import openai_schema


@pytest.mark.parametrize(
    "schema",
    [
        '{ "type": "object", "properties": {"a": {"not": {}, "minimum": 1.0}}, "patternProperties": {} }',
        '{"type":"object","$defs":{"L":{"items":{},"type":"array"}},"anyOf":[{"required":["a"]}]}',
        '{"type":"object","properties":{"a":{"default":{"type":"array"},"enum":[{"type":"array"}]}}}',
        '{"type":"object","properties":{"type":{"type":"string"},"items":true}}',
    ],
)
def test_what_is_accepted_stays_byte_for_byte(schema: str) -> None:
    losses: list[Loss] = []
    assert openai_schema(schema.encode(), "$", losses) == schema.encode()
    assert losses == []


CONVERTED: list[tuple[str, object, list[str]]] = [
    ("{}", {"type": "object", "properties": {}}, []),
    ("true", {"type": "object", "properties": {}}, ["$.p"]),
    ('{"properties":{"a":{}}}', {"type": "object", "properties": {"a": {}}}, []),
    ('{"type":["object","null"]}', {"type": "object"}, ["$.p.type"]),
    (
        '{"type":"object","properties":{"a":{"type":"array"}}}',
        {"type": "object", "properties": {"a": {"type": "array", "items": {}}}},
        [],
    ),
    (
        '{"type":"object","$defs":{"a":{"anyOf":[{"type":"array"}]}},"not":{"type":"array"}}',
        {
            "type": "object",
            "$defs": {"a": {"anyOf": [{"type": "array", "items": {}}]}},
            "not": {"type": "array", "items": {}},
        },
        [],
    ),
]


@pytest.mark.parametrize(("schema", "expected", "paths"), CONVERTED)
def test_roots_are_objects_and_lists_have_items(schema: str, expected: object, paths: list[str]) -> None:
    losses: list[Loss] = []
    assert json.loads(openai_schema(schema.encode(), "$.p", losses)) == expected
    assert [loss.path for loss in losses] == paths
