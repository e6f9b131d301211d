"""Google's Schema as JSON Schema."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.failure import FailureError
from dragoman.conversation.loss import Loss
from dragoman.dialects.gemini.schema import parse_json_schema, parse_schema
from dragoman.dialects.json_schema.google_openapi import google_openapi_schema


def parsed(schema: str) -> object:
    return json.loads(parse_schema(schema.encode(), "parameters"))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ('{"type":"STRING"}', '{"type":"string"}'),
        (
            '{"type":6,"properties":{"a":{"type":1}}}',
            '{"type":"object","properties":{"a":{"type":"string"}}}',
        ),
        ('{"type":"TYPE_UNSPECIFIED"}', "{}"),
        ('{"type":["STRING","NULL"]}', '{"type":["string","null"]}'),
        ('{"type":"STRING","nullable":true}', '{"type":["string","null"]}'),
        (
            '{"type":"STRING","enum":["a"],"format":"enum","nullable":true}',
            '{"type":["string","null"],"enum":["a",null]}',
        ),
        (
            '{"anyOf":[{"type":"STRING"},{"type":"INTEGER"}],"nullable":true}',
            '{"anyOf":[{"type":"string"},{"type":"integer"},{"type":"null"}]}',
        ),
        (
            '{"type":"ARRAY","items":{"type":"NUMBER"},"minItems":"1","maxItems":3}',
            '{"type":"array","items":{"type":"number"},"minItems":1,"maxItems":3}',
        ),
        ('{"any_of":[{"type":"STRING","max_length":"5"}]}', '{"anyOf":[{"type":"string","maxLength":5}]}'),
        (
            '{"type":"STRING","example":"x","pattern":"^a"}',
            '{"type":"string","examples":["x"],"pattern":"^a"}',
        ),
        (
            '{"ref":"#/defs/Pet","defs":{"Pet":{"type":"OBJECT"}}}',
            '{"$ref":"#/$defs/Pet","$defs":{"Pet":{"type":"object"}}}',
        ),
        (
            '{"type":"OBJECT","additionalProperties":false,"title":"T"}',
            '{"type":"object","additionalProperties":false,"title":"T"}',
        ),
        ('{"type":"object","description":null,"default":null}', '{"type":"object","default":null}'),
    ],
)
def test_a_schema_means_the_same_in_json_schema(schema: str, expected: str) -> None:
    assert parsed(schema) == json.loads(expected)


def test_the_order_of_properties_is_kept_by_their_order() -> None:
    text = parse_schema(
        b'{"type":"OBJECT","properties":{"a":{},"b":{},"c":{}},"propertyOrdering":["c","a"]}', "parameters"
    ).decode()
    assert text == '{"type":"object","properties":{"c":{},"a":{},"b":{}}}'


def test_data_is_not_taken_for_a_schema() -> None:
    schema = '{"default":{"type":"STRING","nullable":true},"properties":{"type":{"type":"STRING"}}}'
    assert parsed(schema) == json.loads(
        schema.replace('{"type":{"type":"STRING"}}', '{"type":{"type":"string"}}')
    )


@pytest.mark.parametrize("schema", [b"[]", b'"x"', b"1"])
def test_what_is_no_object_is_refused_with_its_path(schema: bytes) -> None:
    with pytest.raises(FailureError) as caught:
        parse_schema(schema, "tools[0].parameters")
    assert caught.value.failure.param == "tools[0].parameters"


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(FailureError, match="utf-8"):
        parse_schema(b'{"a":"\xff"}', "parameters")


def test_nesting_without_end_is_refused() -> None:
    deep = b'{"items":' * 50_000 + b"{}" + b"}" * 50_000
    with pytest.raises(FailureError, match=r"(?i)recursion|nested"):
        parse_schema(deep, "parameters")


def google_schemas() -> st.SearchStrategy[dict[str, object]]:
    """Schemas that say nothing but what Google's own language can say."""
    described = st.fixed_dictionaries({}, optional={"description": st.text(min_size=1, max_size=5)})

    def with_type(kind: str, **optional: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
        own: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
            {"type": st.just(kind)}, optional={**optional, "nullable": st.just(True)}
        )
        return st.tuples(own, described).map(lambda pair: {**pair[0], **pair[1]})

    leaves = st.one_of(
        with_type("STRING", pattern=st.just("^a"), enum=st.just(["a", "b"])),
        with_type("INTEGER", minimum=st.integers(0, 3), format=st.just("int32")),
        with_type("NUMBER", maximum=st.floats(0, 3)),
        with_type("BOOLEAN"),
    )

    def grow(inner: st.SearchStrategy[dict[str, object]]) -> st.SearchStrategy[dict[str, object]]:
        def array(items: dict[str, object]) -> dict[str, object]:
            return {"type": "ARRAY", "items": items}

        def object_(properties: dict[str, dict[str, object]]) -> dict[str, object]:
            names = list(properties)
            return {
                "type": "OBJECT",
                "properties": properties,
                "propertyOrdering": names,
                "required": names[:1],
            }

        names = st.sampled_from(["a", "b", "type"])
        return inner.map(array) | st.dictionaries(names, inner, min_size=1, max_size=3).map(object_)

    return st.recursive(leaves, grow, max_leaves=6)


@given(google_schemas())
@settings(max_examples=100)
def test_googles_own_schemas_survive_the_way_there_and_back(schema: dict[str, object]) -> None:
    as_json_schema = parse_schema(json.dumps(schema).encode(), "responseSchema")
    losses: list[Loss] = []
    assert json.loads(google_openapi_schema(as_json_schema, "$", losses)) == schema
    assert losses == []


def test_numbers_keep_their_text() -> None:
    schema = b'{"type":"NUMBER","minimum":1.0,"default":1e2}'
    assert parse_schema(schema, "p") == b'{"type":"number","minimum":1.0,"default":1e2}'


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (b'{ "type": "object", "title": "OBJECT" }', b'{ "type": "object", "title": "OBJECT" }'),
        (b'{"type":"object","properties":{"a":{"type" : "STRING"}}}', None),
        (b'{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}', None),
    ],
)
def test_json_schema_with_types_in_capitals_is_googles_schema(schema: bytes, expected: bytes | None) -> None:
    meant = b'{"type":"object","properties":{"a":{"type":"string"}}}'
    assert parse_json_schema(schema, "parameters") == (expected or meant)
