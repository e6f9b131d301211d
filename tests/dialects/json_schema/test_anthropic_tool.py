"""Schemas of tools' inputs, as Anthropic takes them."""

import msgspec
import pytest

from dragoman.conversation.loss import Loss
from dragoman.dialects.json_schema.anthropic_tool import anthropic_input_schema

Schema = dict[str, object]

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
    losses: list[Loss] = []
    written = anthropic_input_schema(parameters, "$", losses)
    assert msgspec.json.decode(written) == msgspec.json.decode(expected)
    assert bool(losses) == changed


def test_references_that_double_at_every_step_allow_any_object() -> None:
    definitions: Schema = {"D0": {"type": "string"}}
    for step in range(1, 40):
        twice = {"allOf": [{"$ref": f"#/$defs/D{step - 1}"}, {"$ref": f"#/$defs/D{step - 1}"}]}
        definitions[f"D{step}"] = twice
    losses: list[Loss] = []
    schema = msgspec.json.encode({"allOf": [{"$ref": "#/$defs/D39"}], "$defs": definitions})
    written = msgspec.json.decode(anthropic_input_schema(schema, "$.p", losses))
    assert written["type"] == "object"
    assert "allOf" not in written
    assert [loss.path for loss in losses] == ["$.p.allOf"]


def test_members_that_branches_describe_differently_may_be_as_any_says() -> None:
    schema = msgspec.json.encode(
        {
            "oneOf": [
                {"type": "object", "properties": {"k": {"const": "a"}}, "required": ["k"]},
                {"type": "object", "properties": {"k": {"const": "b"}, "x": {}}, "required": ["k", "x"]},
            ]
        }
    )
    losses: list[Loss] = []
    assert msgspec.json.decode(anthropic_input_schema(schema, "$.p", losses)) == {
        "type": "object",
        "properties": {"k": {"anyOf": [{"const": "a"}, {"const": "b"}]}, "x": {}},
        "required": ["k"],
    }
    assert [(loss.path, loss.code) for loss in losses] == [("$.p.oneOf", "schema_relaxed")]
