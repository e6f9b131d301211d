"""What the fake Anthropic refuses in tools and in schemas."""

from collections.abc import Callable

import pytest

from dragoman.testing.json_value import JSON, Object

Refusal = Callable[..., str | None]


def tool(name: str = "f", **fields: JSON) -> Object:
    return {"name": name, "input_schema": {"type": "object", "properties": {}}, **fields}


def strict(properties: Object, **fields: JSON) -> Object:
    schema: Object = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **fields,
    }
    return tool(strict=True, input_schema=schema)


NODE: Object = {"$ref": "#/$defs/Node"}
DEFINITIONS: Object = {"Node": {"properties": {"next": NODE}}}

REFUSED: list[tuple[Object, str]] = [
    ({"tools": [tool("a.b")]}, "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'"),
    ({"tools": [tool("x" * 65)]}, "tools.0.custom.name: String should match pattern"),
    ({"tools": [{"name": "f"}]}, "tools.0.custom.input_schema: Field required"),
    ({"tools": [tool(input_schema={})]}, "tools.0.custom.input_schema.type: Field required"),
    ({"tools": [tool(input_schema={"type": "string"})]}, "input_schema.type: Input should be 'object'"),
    (
        {"tools": [tool(input_schema={"type": "object", "oneOf": []})]},
        "tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level",
    ),
    ({"tools": [tool(parameters={})]}, "tools.0.custom.parameters: Extra inputs are not permitted"),
    ({"tools": [tool(), tool()]}, "tools: Tool names must be unique."),
    ({"tools": [tool(type="function")]}, "tools.0: Input tag 'function' found using 'type' does not match"),
    ({"tool_choice": {"type": "auto"}}, "tool_choice may only be specified while providing tools"),
    (
        {"tools": [tool()], "tool_choice": {"type": "required"}},
        "tool_choice: Input tag 'required' found using 'type' does not match any of the expected tags:",
    ),
    (
        {"tools": [tool()], "tool_choice": {"type": "tool", "name": "g"}},
        "Tool 'g' not found in provided tools",
    ),
    (
        {"tools": [tool()], "tool_choice": {"type": "none", "disable_parallel_tool_use": True}},
        "tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted",
    ),
    (
        {"model": "claude-opus-5-5", "tools": [tool()], "tool_choice": {"type": "any"}},
        "type 'any' is not supported on this model",
    ),
    # what a model can be held to
    (
        {"tools": [strict({"a": {"type": "object"}})]},
        "tools.0.custom: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    (
        {"tools": [strict({"a": {"type": "string", "maxLength": 5}})]},
        "tools.0.custom: For 'string' type, property 'maxLength' is not supported",
    ),
    (
        {"tools": [strict({"a": {"type": "integer", "minimum": 1, "maximum": 5}})]},
        "For 'integer' type, properties maximum, minimum are not supported",
    ),
    (
        {"tools": [strict({"a": {"type": "array", "items": {}, "minItems": 2}})]},
        "For 'array' type, 'minItems' values other than 0 or 1 are not supported",
    ),
    ({"tools": [strict({"a": {"oneOf": []}})]}, "Schema type 'oneOf' is not supported"),
    (
        {"tools": [strict({"a": NODE}, **{"$defs": DEFINITIONS})]},
        "Circular reference detected in schema definitions: Node -> Node.",
    ),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_tools_are_refused_in_the_vendors_words(
    anthropic_refusal: Refusal, fields: Object, message: str
) -> None:
    assert message in (anthropic_refusal(fields) or "accepted")


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [tool()], "tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
        {"tools": [tool()], "tool_choice": {"type": "tool", "name": "f"}},
        {"tools": [tool()], "tool_choice": {"type": "none"}},
        {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]},
        {"tools": [strict({"a": {"type": ["string", "null"], "enum": ["x", None]}})]},
        {"tools": [tool(cache_control={"type": "ephemeral"})]},
        {"tools": [tool(input_schema={"type": "object", "properties": {"a": {"maxLength": 4}}})]},
    ],
)
def test_good_tools_are_accepted(anthropic_refusal: Refusal, fields: Object) -> None:
    assert anthropic_refusal(fields) is None
