"""JSON Schema as the `...JsonSchema` fields take it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.failure import FailureError
from dragoman.dialects.gemini.json_schema import has_no_parameters, render_json_schema
from dragoman.dialects.json_tree import members


def rendered(schema: str) -> object:
    raw = render_json_schema(schema.encode(), "schema").schema
    assert raw is not None
    return json.loads(bytes(raw))


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
    relaxed = render_json_schema(schema.encode(), "schema")
    assert relaxed.schema is not None
    assert bytes(relaxed.schema) == schema.encode()
    assert relaxed.notes == ()


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
    ("schema", "note"),
    [
        ('{"$ref":"https://example.org/x.json"}', "$ref"),
        ('{"properties":{"a":{"$ref":"#/properties/a"}}}', "$ref"),
        ('{"const":[1]}', "const"),
        ('{"allOf":[{"$ref":"#/nowhere"},{"type":"object"}]}', "$ref"),
        ('{"anyOf":[{"type":"string"}],"oneOf":[{"type":"string"}]}', "oneOf"),
        ('{"allOf":[{"$ref":"#"},{"type":"object"}]}', "$ref"),
    ],
)
def test_what_cannot_be_said_is_noted(schema: str, note: str) -> None:
    assert render_json_schema(schema.encode(), "schema").notes == (note,)


def test_references_that_multiply_do_not_explode() -> None:
    twice = [{"$ref": "#/$defs/d"}, {"$ref": "#/$defs/d"}]
    schema = json.dumps({"allOf": twice, "$defs": {"d": {"allOf": twice * 20}}})
    relaxed = render_json_schema(schema.encode(), "schema")
    assert relaxed.notes == ("$ref",)
    grid = {f"p{n}": {"type": "string"} for n in range(25_000)}
    assert "size" in render_json_schema(json.dumps({"properties": grid}).encode(), "schema").notes


@pytest.mark.parametrize("schema", [b"[]", b"nonsense", b'"x"'])
def test_what_is_no_schema_is_refused_with_its_path(schema: bytes) -> None:
    with pytest.raises(FailureError) as caught:
        render_json_schema(schema, "tools[2].parameters")
    assert caught.value.failure.param == "tools[2].parameters"


def test_nesting_without_end_is_refused() -> None:
    deep = b'{"type":"array","items":' * 600 + b"{}" + b"}" * 600
    with pytest.raises(FailureError, match="nested too deeply"):
        render_json_schema(deep, "p")


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
    assert has_no_parameters(schema) is expected


def schemas() -> st.SearchStrategy[object]:
    """Schemas that hold what has to be rewritten."""

    def grow(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
        return st.fixed_dictionaries(
            {},
            optional={
                "properties": st.dictionaries(st.sampled_from(["a", "const"]), inner, max_size=2),
                "items": inner | st.lists(inner, max_size=2),
                "oneOf": st.lists(inner, max_size=2),
                "allOf": st.lists(inner, max_size=3),
                "const": st.integers() | st.none() | st.booleans(),
                "$defs": st.fixed_dictionaries({"D": inner}),
                "default": st.fixed_dictionaries({"const": st.integers()}),
            },
        )

    anything: dict[str, object] = {}
    references = st.fixed_dictionaries({"$ref": st.sampled_from(["#", "#/$defs/D", "#/x"])})
    leaves: st.SearchStrategy[object] = st.booleans() | st.just(anything) | references
    return st.recursive(leaves, grow, max_leaves=8)


@given(schemas().filter(lambda schema: members(schema) is not None))
@settings(max_examples=100, deadline=None)
def test_no_foreign_keyword_is_left_whatever_comes_in(schema: object) -> None:
    body = json.dumps(schema).encode()
    relaxed = render_json_schema(body, "p")
    assert relaxed.schema is not None
    for keyword in ("allOf", "oneOf", "definitions"):
        assert f'"{keyword}"' not in bytes(relaxed.schema).decode()
    assert render_json_schema(body, "p") == relaxed
