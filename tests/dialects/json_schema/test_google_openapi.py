"""JSON Schema as Google's Schema, for models that know nothing else."""

import json

import pytest

from dragoman.conversation.loss import Loss
from dragoman.dialects.json_schema.google_openapi import google_openapi_parameters, google_openapi_schema


def rendered(schema: str) -> object:
    return json.loads(google_openapi_schema(schema.encode(), "$.s", []))


def relaxed(schema: str) -> list[str]:
    """The paths of the constraints that were lost."""
    losses: list[Loss] = []
    google_openapi_schema(schema.encode(), "$.s", losses)
    assert {loss.code for loss in losses} <= {"schema_relaxed"}
    return [loss.path for loss in losses]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ('{"type":"string","minLength":2}', '{"type":"STRING","minLength":2}'),
        ('{"type":["string","null"]}', '{"type":"STRING","nullable":true}'),
        (
            '{"type":["string","integer","null"],"minimum":3}',
            (
                '{"anyOf":[{"type":"STRING","description":"at least 3","nullable":true},'
                '{"type":"INTEGER","minimum":3,"nullable":true}]}'
            ),
        ),
        (
            '{"anyOf":[{"type":"string"},{"type":"null"}],"title":"T"}',
            '{"title":"T","type":"STRING","nullable":true}',
        ),
        ('{"oneOf":[{"type":"string"},{"const":null}]}', '{"type":"STRING","nullable":true}'),
        (
            '{"oneOf":[{"type":"string"},{"type":"integer"}],"description":"id"}',
            '{"anyOf":[{"type":"STRING","description":"id"},{"type":"INTEGER","description":"id"}]}',
        ),
        ('{"const":"a"}', '{"type":"STRING","enum":["a"]}'),
        ('{"const":5}', '{"type":"INTEGER","description":"must be 5"}'),
        ('{"const":true}', '{"type":"BOOLEAN","description":"must be true"}'),
        ('{"type":"integer","enum":[1,2]}', '{"type":"INTEGER","description":"one of 1, 2"}'),
        ('{"enum":[1,2.5]}', '{"type":"NUMBER","description":"one of 1, 2.5"}'),
        ('{"enum":["a",null]}', '{"type":"STRING","enum":["a"],"nullable":true}'),
        ('{"type":"string","enum":["a",""]}', '{"type":"STRING","description":"one of \\"a\\", \\"\\""}'),
        ('{"type":"integer","exclusiveMinimum":0}', '{"type":"INTEGER","minimum":1}'),
        ('{"type":"integer","exclusiveMaximum":1.5,"maximum":9}', '{"type":"INTEGER","maximum":1}'),
        ('{"type":"integer","exclusiveMinimum":0,"minimum":5}', '{"type":"INTEGER","minimum":5}'),
        ('{"type":"number","exclusiveMinimum":0}', '{"type":"NUMBER","description":"greater than 0"}'),
        (
            '{"type":"number","minimum":2,"exclusiveMinimum":true}',
            '{"type":"NUMBER","description":"greater than 2"}',
        ),
        ('{"type":"string","format":"date-time"}', '{"type":"STRING","format":"date-time"}'),
        ('{"type":"string","format":"email"}', '{"type":"STRING","description":"format email"}'),
        ('{"type":"integer","format":"int64"}', '{"type":"INTEGER","format":"int64"}'),
        ('{"type":"array"}', '{"type":"ARRAY","items":{"type":"STRING","description":"any JSON value"}}'),
        (
            '{"type":"array","items":{"type":"number"},"uniqueItems":true}',
            '{"type":"ARRAY","items":{"type":"NUMBER"},"description":"all items different"}',
        ),
        (
            '{"type":"array","prefixItems":[{"type":"number"},{"type":"string"}],"minItems":2}',
            (
                '{"type":"ARRAY","minItems":2,"items":{"anyOf":[{"type":"NUMBER"},{"type":"STRING"}]},'
                '"description":"2 elements in a fixed order"}'
            ),
        ),
        (
            '{"items":[{"type":"number"},{"type":"number"}]}',
            '{"type":"ARRAY","items":{"type":"NUMBER"},"description":"2 elements in a fixed order"}',
        ),
        ('{"type":"object","properties":{}}', '{"type":"OBJECT"}'),
        ('{"type":"object","additionalProperties":false}', '{"type":"OBJECT"}'),
        (
            '{"type":"object","additionalProperties":{"type":"string"},"description":"d"}',
            '{"type":"OBJECT","description":"d (other members match {\\"type\\":\\"string\\"})"}',
        ),
        (
            '{"properties":{"a":{"type":"string"}},"required":["a","gone",{}]}',
            '{"type":"OBJECT","properties":{"a":{"type":"STRING"}},"propertyOrdering":["a"],"required":["a"]}',
        ),
        ("{}", '{"type":"STRING","description":"any JSON value"}'),
        ('{"description":"anything"}', '{"type":"STRING","description":"anything"}'),
        ('{"type":"null"}', '{"type":"STRING","description":"always null","nullable":true}'),
        ('{"type":"file"}', '{"type":"STRING","description":"type file"}'),
        ('{"minimum":3}', '{"type":"NUMBER","minimum":3}'),
        ('{"type":"string","$comment":"c","$schema":"s","readOnly":true}', '{"type":"STRING"}'),
        ('{"type":"string","examples":["a"]}', '{"type":"STRING","description":"for example [\\"a\\"]"}'),
        ('{"type":"string","nullable":true}', '{"type":"STRING","nullable":true}'),
        (
            '{"type":"object","properties":{"a":false,"b":true}}',
            (
                '{"type":"OBJECT","properties":{"a":{"type":"STRING","description":"never given"},'
                '"b":{"type":"STRING","description":"any JSON value"}},"propertyOrdering":["a","b"]}'
            ),
        ),
        (
            (
                '{"allOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},'
                '{"properties":{"b":{"type":"integer","minimum":1}},"required":["b"]}],"description":"d"}'
            ),
            (
                '{"type":"OBJECT","properties":{"a":{"type":"STRING"},"b":{"type":"INTEGER","minimum":1}},'
                '"propertyOrdering":["a","b"],"required":["a","b"],"description":"d"}'
            ),
        ),
        (
            '{"type":"object","properties":{"a":{"type":"string"}},"anyOf":[{"required":["a"]},{"required":["b"]}]}',
            (
                '{"type":"OBJECT","properties":{"a":{"type":"STRING"}},"propertyOrdering":["a"],'
                '"description":"matching one of [{\\"required\\":[\\"a\\"]},{\\"required\\":[\\"b\\"]}]"}'
            ),
        ),
        (
            '{"type":"string","anyOf":[{"minLength":1},{"pattern":"x"}]}',
            '{"anyOf":[{"type":"STRING","minLength":1},{"type":"STRING","pattern":"x"}]}',
        ),
    ],
)
def test_a_schema_is_said_in_googles_words(schema: str, expected: str) -> None:
    assert rendered(schema) == json.loads(expected)


def test_null_in_a_union_of_unions_reaches_every_variant() -> None:
    schema = '{"anyOf":[{"type":["string","integer"]},{"type":"boolean"},{"type":"null"}]}'
    assert rendered(schema) == json.loads(
        """{"anyOf":[
            {"anyOf":[{"type":"STRING","nullable":true},{"type":"INTEGER","nullable":true}]},
            {"type":"BOOLEAN","nullable":true}
        ]}"""
    )


def test_a_reference_may_lead_into_a_list() -> None:
    schema = '{"prefixItems":[{"type":"number"},{"$ref":"#/prefixItems/0"},{"$ref":"#/prefixItems/9"}]}'
    assert '"NUMBER"' in json.dumps(rendered(schema))
    assert relaxed(schema) == ["$.s.prefixItems", "$.s.prefixItems[2].$ref"]


def test_references_are_put_in_place_with_what_stands_beside_them() -> None:
    schema = """{"type":"object","properties":{"home":{"$ref":"#/$defs/Place","description":"where"},
        "work":{"$ref":"#/definitions/a~1b%20c"}},
        "$defs":{"Place":{"type":"object","properties":{"city":{"type":"string"}}}},
        "definitions":{"a/b c":{"type":"integer"}}}"""
    assert rendered(schema) == json.loads(
        """{"type":"OBJECT","properties":{
        "home":{"type":"OBJECT","properties":{"city":{"type":"STRING"}},"propertyOrdering":["city"],
            "description":"where"},
        "work":{"type":"INTEGER"}},"propertyOrdering":["home","work"]}"""
    )


def test_a_schema_that_contains_itself_is_cut() -> None:
    schema = """{"$ref":"#/$defs/Node","$defs":{"Node":{"type":"object",
        "properties":{"name":{"type":"string"},"next":{"$ref":"#/$defs/Node"}}}}}"""
    tree = json.dumps(rendered(schema))
    assert tree.count('"name"') == 2 * 2  # a property, and its place in the order, twice
    assert "nested further in the same way" in tree
    assert relaxed(schema) == ["$.s.$defs.Node.properties.next.$ref"]


def test_a_reference_to_another_document_is_only_named() -> None:
    schema = '{"$ref":"https://example.org/pet.json"}'
    assert rendered(schema) == {"type": "OBJECT", "description": "as https://example.org/pet.json"}


def test_references_that_multiply_do_not_explode() -> None:
    definitions = {
        f"d{n}": {
            "type": "object",
            "properties": {"a": {"$ref": f"#/$defs/d{n + 1}"}, "b": {"$ref": f"#/$defs/d{n + 1}"}},
        }
        for n in range(30)
    }
    schema = json.dumps({"$ref": "#/$defs/d0", "$defs": definitions})
    assert len(json.dumps(rendered(schema))) < 2_000_000
    assert "$.s" in relaxed(schema)


def test_removed_constraints_are_reported_with_their_paths() -> None:
    schema = """{"type":"object","properties":{
        "a":{"type":"string","format":"uuid","contentEncoding":"base64"},
        "b":{"$ref":"#/$defs/B"},"c":{"$ref":"#/$defs/B"}},"$defs":{"B":{"type":"string","format":"email"}}}"""
    assert relaxed(schema) == [
        "$.s.properties.a.format",
        "$.s.properties.a.contentEncoding",
        "$.s.$defs.B.format",
    ]


def test_a_very_long_constraint_is_only_named() -> None:
    schema = json.dumps({"type": "string", "not": {"enum": ["x" * 3000]}})
    assert rendered(schema) == {"type": "STRING", "description": "not"}


def test_data_is_left_as_it_is() -> None:
    schema = '{"type":"object","properties":{"const":{"type":"string","default":{"const":1}}}}'
    assert rendered(schema) == json.loads(
        '{"type":"OBJECT","properties":{"const":{"type":"STRING","default":{"const":1}}},"propertyOrdering":["const"]}'
    )


@pytest.mark.parametrize("schema", ["{}", '{"type":"object"}', '{"type":"object","properties":{}}'])
def test_a_function_without_parameters_has_no_schema(schema: str) -> None:
    assert google_openapi_parameters(schema.encode(), "$", []) is None


def test_parameters_are_an_object_even_where_the_schema_does_not_say_so() -> None:
    parameters = google_openapi_parameters(b'{"properties":{"a":{"type":"string"}}}', "$", [])
    assert json.loads(parameters or b"")["type"] == "OBJECT"


def test_a_union_of_parameters_becomes_one_object() -> None:
    losses: list[Loss] = []
    schema = b"""{"anyOf":[
        {"type":"object","properties":{"k":{"const":"a"},"n":{"type":"integer"}},"required":["k","n"]},
        {"$ref":"#/$defs/B"}],
        "$defs":{"B":{"type":"object","properties":{"k":{"const":"b"}},"required":["k"]}}}"""
    parameters = google_openapi_parameters(schema, "$.p", losses)
    assert json.loads(parameters or b"") == {
        "type": "OBJECT",
        "properties": {
            "k": {"anyOf": [{"type": "STRING", "enum": ["a"]}, {"type": "STRING", "enum": ["b"]}]},
            "n": {"type": "INTEGER"},
        },
        "propertyOrdering": ["k", "n"],
        "required": ["k"],
    }
    assert [loss.path for loss in losses] == ["$.p.anyOf"]


@pytest.mark.parametrize("schema", [b"[]", b"nonsense", b'"x"', b"true"])
def test_what_is_no_schema_is_any_object(schema: bytes) -> None:
    losses: list[Loss] = []
    assert google_openapi_schema(schema, "$.p", losses) == b'{"type":"OBJECT"}'
    assert [loss.path for loss in losses] == ["$.p"]


def test_nesting_without_end_is_any_object() -> None:
    deep = '{"type":"array","items":' * 600 + "{}" + "}" * 600
    assert rendered(deep) == {"type": "OBJECT"}
