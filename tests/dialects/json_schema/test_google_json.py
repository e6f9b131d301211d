"""JSON Schema as the `...JsonSchema` fields take it."""

import json

import pytest

from dragoman.conversation.loss import Loss
from dragoman.dialects.json_schema.google_json import google_json_schema, google_parameters


def rendered(schema: str) -> object:
    return json.loads(google_json_schema(schema.encode(), "$.s", []))


def relaxed(schema: str) -> list[str]:
    """The paths of the constraints that were lost."""
    losses: list[Loss] = []
    google_json_schema(schema.encode(), "$.s", losses)
    assert {loss.code for loss in losses} <= {"schema_relaxed"}
    return [loss.path for loss in losses]


@pytest.mark.parametrize(
    "schema",
    [
        '{ "type": "object", "properties": {"a": {"type": ["string", "null"], "minLength": 1.0}} }',
        '{"$defs":{"N":{"properties":{"n":{"$ref":"#/$defs/N"}}}},"$ref":"#/$defs/N"}',
        '{"type":"object","additionalProperties":false,"required":["a"],"not":{"type":"string"}}',
        '{"prefixItems":[{"type":"string"}],"items":{"type":"number"},"enum":[1,"a"]}',
        '{"properties":{"const":{"type":"string","default":{"const":1,"oneOf":[]}}}}',
        '{"additionalProperties":{"type":"string"},"examples":[{"allOf":[1]}]}',
    ],
)
def test_what_is_accepted_stays_byte_for_byte(schema: str) -> None:
    assert google_json_schema(schema.encode(), "$.s", []) == schema.encode()
    assert relaxed(schema) == []


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ('{"const":"a"}', '{"enum":["a"]}'),
        ('{"const":2}', '{"enum":[2]}'),
        ('{"const":null}', '{"type":"null"}'),
        ('{"const":true,"description":"d"}', '{"description":"d (must be true)"}'),
        ('{"const":[1]}', '{"description":"must be [1]"}'),
        ('{"oneOf":[{"const":"a"},{"type":"null"}]}', '{"anyOf":[{"enum":["a"]},{"type":"null"}]}'),
        (
            '{"allOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}},"required":["b"]}]}',
            '{"properties":{"a":{},"b":{}},"required":["a","b"]}',
        ),
        (
            '{"allOf":[{"minimum":1,"maximum":9},{"minimum":3,"maximum":20}],"minimum":2}',
            '{"minimum":3,"maximum":9}',
        ),
        (
            '{"allOf":[{"enum":["a","b"]},{"enum":["b","c"],"description":"x"}],"description":"y"}',
            '{"description":"y x","enum":["b"]}',
        ),
        (
            '{"$ref":"#/$defs/A","description":"d","$defs":{"A":{"type":"string"}}}',
            '{"anyOf":[{"$ref":"#/$defs/A"}],"description":"d","$defs":{"A":{"type":"string"}}}',
        ),
        (
            '{"properties":{"a":{"allOf":[{"$ref":"#/definitions/A"}],"default":1}},"definitions":{"A":{}}}',
            '{"properties":{"a":{"anyOf":[{"$ref":"#/$defs/A"}],"default":1}},"$defs":{"A":{}}}',
        ),
        (
            '{"properties":{"a":{"allOf":[{"$ref":"#/$defs/A"},{"title":"t"}]}},"$defs":{"A":{"type":"string"}}}',
            '{"properties":{"a":{"type":"string","title":"t"}},"$defs":{"A":{"type":"string"}}}',
        ),
        (
            '{"properties":{"a":{"type":"string"},"b":{"$ref":"#/properties/a"}}}',
            '{"properties":{"a":{"type":"string"},"b":{"type":"string"}}}',
        ),
        (
            '{"properties":{"a":{"$ref":"#/$defs/A","anyOf":[{"type":"string"}]}},"$defs":{"A":{"title":"t"}}}',
            '{"properties":{"a":{"title":"t","anyOf":[{"type":"string"}]}},"$defs":{"A":{"title":"t"}}}',
        ),
        (
            '{"items":[{"type":"string"}],"contains":true}',
            '{"prefixItems":[{"type":"string"}],"contains":{}}',
        ),
    ],
)
def test_the_few_foreign_keywords_are_rewritten(schema: str, expected: str) -> None:
    assert rendered(schema) == json.loads(expected)


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ('{"$ref":"https://example.org/x.json"}', "$.s.$ref"),
        ('{"properties":{"a":{"$ref":"#/properties/a"}}}', "$.s.properties.a.$ref"),
        ('{"const":[1]}', "$.s.const"),
        ('{"properties":{"a b":{"enum":[true,null]}}}', '$.s.properties["a b"].enum'),
        ('{"allOf":[{"$ref":"#/nowhere"},{"type":"object"}]}', "$.s.allOf[0].$ref"),
        ('{"anyOf":[{"type":"string"}],"oneOf":[{"type":"string"}]}', "$.s.oneOf"),
        ('{"allOf":[{"$ref":"#"},{"type":"object"}]}', "$.s.allOf[0].$ref"),
        ('{"allOf":[{"title":"t"},{"$ref":"#/$defs/D"}],"$defs":{"D":{"const":[]}}}', "$.s.$defs.D.const"),
        ('{"properties":{"a":false}}', "$.s.properties.a"),
        ("[]", "$.s"),
        ('"x"', "$.s"),
        ("nonsense", "$.s"),
    ],
)
def test_what_cannot_be_said_is_reported_with_its_path(schema: str, path: str) -> None:
    assert relaxed(schema) == [path]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ('{"enum":["a",1]}', '{"enum":["a",1]}'),
        ('{"enum":[null]}', '{"type":"null"}'),
        (
            '{"type":["string","null"],"enum":["a",null],"description":"d"}',
            '{"description":"d","anyOf":[{"type":"string","enum":["a"]},{"type":"null"}]}',
        ),
        ('{"type":"boolean","enum":[true]}', '{"type":"boolean","description":"must be true"}'),
        ('{"type":"array","items":true}', '{"type":"array","items":{}}'),
    ],
)
def test_values_and_booleans(schema: str, expected: str) -> None:
    assert rendered(schema) == json.loads(expected)


def test_references_that_multiply_do_not_explode() -> None:
    twice = [{"$ref": "#/$defs/d"}, {"$ref": "#/$defs/d"}]
    paths = relaxed(json.dumps({"allOf": twice, "$defs": {"d": {"allOf": twice * 20}}}))
    assert all(path.endswith("$ref") for path in paths)
    grid = {f"p{n}": {"type": "string"} for n in range(25_000)}
    assert relaxed(json.dumps({"properties": grid})) == ["$.s"]


def test_nesting_without_end_allows_anything() -> None:
    deep = '{"type":"array","items":' * 600 + "{}" + "}" * 600
    assert rendered(deep) == {}
    assert relaxed(deep) == ["$.s"]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (b"{}", True),
        (b'{"type":"object","properties":{}}', True),
        (b'{"type":"object","additionalProperties":false}', True),
        (b'{"type":"object","additionalProperties":true}', False),
        (b'{"type":"object","properties":{"a":{}}}', False),
        (b'{"anyOf":[{"type":"object"}]}', False),
    ],
)
def test_an_object_without_members_is_no_parameters(schema: bytes, expected: bool) -> None:
    assert (google_parameters(schema, "$", []) is None) is expected
