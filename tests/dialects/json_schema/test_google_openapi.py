"""JSON Schema as Google's Schema, for models that know nothing else."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.failure import FailureError
from dragoman.dialects.gemini.openapi_schema import render_openapi_schema
from dragoman.dialects.json_tree import elements, members, text


def rendered(schema: str) -> object:
    raw = render_openapi_schema(schema.encode(), "schema", parameters=False).schema
    return None if raw is None else json.loads(bytes(raw))


def notes(schema: str) -> tuple[str, ...]:
    return render_openapi_schema(schema.encode(), "schema", parameters=False).notes


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ('{"type":"string","minLength":2}', '{"type":"STRING","minLength":2}'),
        ('{"type":["string","null"]}', '{"type":"STRING","nullable":true}'),
        (
            '{"type":["string","integer","null"],"minimum":3}',
            (
                '{"anyOf":[{"type":"STRING","description":"minimum: 3","nullable":true},'
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
        ('{"type":"array"}', '{"type":"ARRAY","items":{"type":"STRING"}}'),
        (
            '{"type":"array","items":{"type":"number"},"uniqueItems":true}',
            '{"type":"ARRAY","items":{"type":"NUMBER"},"description":"uniqueItems: true"}',
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
            '{"type":"OBJECT","description":"d (additionalProperties: {\\"type\\":\\"string\\"})"}',
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
        ('{"type":"string","examples":["a"]}', '{"type":"STRING","description":"examples: [\\"a\\"]"}'),
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
                '"description":"anyOf: [{\\"required\\":[\\"a\\"]},{\\"required\\":[\\"b\\"]}]"}'
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
    assert notes(schema) == ("$ref", "prefixItems")


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
    assert notes(schema) == ("$ref",)


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
    assert "size" in notes(schema)


def test_removed_constraints_are_named_once() -> None:
    schema = """{"type":"object","properties":{
        "a":{"type":"string","format":"uuid","contentEncoding":"base64"},
        "b":{"type":"string","format":"email"}}}"""
    assert notes(schema) == ("contentEncoding", "format")


def test_a_long_constraint_is_only_mentioned() -> None:
    schema = json.dumps({"type": "string", "not": {"enum": ["x" * 300]}})
    assert rendered(schema) == {"type": "STRING", "description": "not"}


def test_data_is_left_as_it_is() -> None:
    schema = '{"type":"object","properties":{"const":{"type":"string","default":{"const":1}}}}'
    assert rendered(schema) == json.loads(
        '{"type":"OBJECT","properties":{"const":{"type":"STRING","default":{"const":1}}},"propertyOrdering":["const"]}'
    )


@pytest.mark.parametrize("schema", ["{}", '{"type":"object"}', '{"type":"object","properties":{}}'])
def test_a_function_without_parameters_has_no_schema(schema: str) -> None:
    assert render_openapi_schema(schema.encode(), "p", parameters=True).schema is None


def test_parameters_are_an_object_even_where_the_schema_does_not_say_so() -> None:
    relaxed = render_openapi_schema(b'{"properties":{"a":{"type":"string"}}}', "p", parameters=True)
    assert relaxed.schema is not None
    assert json.loads(bytes(relaxed.schema))["type"] == "OBJECT"


@pytest.mark.parametrize("schema", [b"[]", b"nonsense", b'"x"'])
def test_what_is_no_schema_is_refused_with_its_path(schema: bytes) -> None:
    with pytest.raises(FailureError) as caught:
        render_openapi_schema(schema, "tools[2].parameters", parameters=True)
    assert caught.value.failure.param == "tools[2].parameters"


def test_nesting_without_end_is_refused() -> None:
    deep = b'{"type":"array","items":' * 600 + b"{}" + b"}" * 600
    with pytest.raises(FailureError, match="nested too deeply"):
        render_openapi_schema(deep, "p", parameters=False)


SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["a", "b", ""])


def schemas() -> st.SearchStrategy[object]:
    """Schemas of all sorts, well-formed or not."""

    def grow(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
        return st.fixed_dictionaries(
            {},
            optional={
                "type": st.sampled_from(
                    [
                        "string",
                        "integer",
                        "number",
                        "boolean",
                        "array",
                        "object",
                        "null",
                        ["string", "null"],
                        5,
                    ]
                ),
                "properties": st.dictionaries(st.sampled_from(["a", "$ref", "type"]), inner, max_size=2),
                "required": st.lists(st.sampled_from(["a", "z"]), max_size=2),
                "items": inner | st.lists(inner, max_size=2),
                "prefixItems": st.lists(inner, max_size=2),
                "anyOf": st.lists(inner, max_size=2),
                "oneOf": st.lists(inner, max_size=2),
                "allOf": st.lists(inner, max_size=2),
                "not": inner,
                "enum": st.lists(SCALARS, max_size=3),
                "const": SCALARS,
                "default": SCALARS,
                "minimum": st.integers(-3, 3),
                "exclusiveMinimum": st.integers(-3, 3) | st.booleans(),
                "exclusiveMaximum": st.floats(allow_nan=False, allow_infinity=False),
                "pattern": st.just("^a"),
                "format": st.sampled_from(["date-time", "email", "int32", "enum"]),
                "description": st.just("d"),
                "nullable": st.booleans(),
                "additionalProperties": st.booleans() | inner,
                "$ref": st.sampled_from(["#", "#/$defs/D", "#/nowhere", "other.json", "#/anyOf/0"]),
                "$defs": st.fixed_dictionaries({"D": inner}),
            },
        )

    anything: dict[str, object] = {}
    leaves: st.SearchStrategy[object] = st.booleans() | st.just(anything)
    return st.recursive(leaves, grow, max_leaves=6)


ALLOWED = frozenset(
    {
        "anyOf",
        "default",
        "description",
        "enum",
        "format",
        "items",
        "maximum",
        "maxItems",
        "maxLength",
        "maxProperties",
        "minimum",
        "minItems",
        "minLength",
        "minProperties",
        "nullable",
        "pattern",
        "properties",
        "propertyOrdering",
        "required",
        "title",
        "type",
    }
)


def check(schema: dict[str, object]) -> None:
    """Google takes this schema."""
    assert set(schema) <= ALLOWED
    variants = elements(schema.get("anyOf"))
    if variants is not None:
        assert set(schema) == {"anyOf"}
        for variant in variants:
            check(members(variant) or {})
        return
    assert schema["type"] in {"STRING", "INTEGER", "NUMBER", "BOOLEAN", "ARRAY", "OBJECT"}
    assert all(text(value) for value in elements(schema.get("enum")) or ())
    if schema["type"] == "ARRAY":
        check(members(schema["items"]) or {})
    if "properties" in schema:
        properties = members(schema["properties"])
        assert properties
        assert set(map(str, elements(schema.get("required")) or ())) <= set(properties)
        for one in properties.values():
            check(members(one) or {})


@given(schemas().filter(lambda schema: members(schema) is not None))
@settings(max_examples=100, deadline=None)
def test_whatever_comes_in_google_takes_what_goes_out(schema: object) -> None:
    body = json.dumps(schema).encode()
    relaxed = render_openapi_schema(body, "p", parameters=False)
    assert relaxed.schema is not None
    check(json.loads(bytes(relaxed.schema)))
    assert render_openapi_schema(body, "p", parameters=False) == relaxed
