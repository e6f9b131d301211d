"""What holds for every conversion, whatever schema comes in."""

import json
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.dialects.json_schema.schemas import accepts, anything, as_bytes, json_values, sensible

from dragoman.conversation.loss import Loss
from dragoman.dialects.json_schema.anthropic_strict import InexpressibleError, anthropic_strict_schema
from dragoman.dialects.json_schema.anthropic_tool import anthropic_input_schema
from dragoman.dialects.json_schema.google_json import google_json_schema, google_parameters
from dragoman.dialects.json_schema.google_openapi import google_openapi_parameters, google_openapi_schema
from dragoman.dialects.json_schema.openai_plain import openai_schema
from dragoman.dialects.json_schema.openai_strict import openai_strict_schema, qualifies
from dragoman.dialects.json_schema.tree import walk
from dragoman.dialects.json_schema.wrapping import PROPERTY, needs_wrapping, wrapped
from dragoman.dialects.json_tree import elements, members
from dragoman.testing.json_value import JSON
from dragoman.testing.rules.anthropic_tools import StrictSchema
from dragoman.testing.rules.gemini_config import check_schema
from dragoman.testing.rules.openai_schema import SchemaOf
from dragoman.testing.schema_instance import instance_of

Form = Callable[[bytes, str, list[Loss]], bytes | None]


def anthropic_strict(schema: bytes, path: str, losses: list[Loss]) -> bytes | None:
    try:
        return anthropic_strict_schema(schema, path, losses)
    except InexpressibleError:
        return None


FORMS: list[Form] = [
    openai_schema,
    openai_strict_schema,
    anthropic_input_schema,
    anthropic_strict,
    google_json_schema,
    google_parameters,
    google_openapi_schema,
    google_openapi_parameters,
]
REPEATABLE: list[Form] = FORMS[:6]
"""Forms that are JSON Schema themselves, so that they can be converted once more."""

every_form = pytest.mark.parametrize("form", FORMS)


@every_form
@given(schema=anything() | json_values())
@settings(max_examples=60)
def test_any_json_is_converted_the_same_way_each_time(form: Form, schema: object) -> None:
    first: list[Loss] = []
    second: list[Loss] = []
    body = as_bytes(schema)
    assert form(body, "$.s", first) == form(body, "$.s", second)
    assert first == second
    assert all(loss.code in {"schema_relaxed", "strict"} and loss.path.startswith("$.s") for loss in first)


@pytest.mark.parametrize("form", REPEATABLE)
@given(schema=anything())
@settings(max_examples=60)
def test_what_is_converted_once_needs_it_no_more(form: Form, schema: object) -> None:
    once = form(as_bytes(schema), "$", [])
    if once is None:
        return
    losses: list[Loss] = []
    assert form(once, "$", losses) == once
    assert losses == []


@every_form
@pytest.mark.parametrize("schema", [b"nonsense", b"", b"\xff", b'{"a":' * 3000 + b"1" + b"}" * 3000])
def test_what_cannot_be_read_breaks_nothing(form: Form, schema: bytes) -> None:
    losses: list[Loss] = []
    converted = form(schema, "$", losses)
    assert converted is None or members(json.loads(converted)) is not None


@every_form
def test_deep_nesting_breaks_nothing(form: Form) -> None:
    for depth in (100, 300, 600, 5000):
        deep = b'{"type":"object","properties":{"a":' * depth + b"{}" + b"}}" * depth
        form(deep, "$", [])


@every_form
@given(data=json_values())
@settings(max_examples=60)
def test_data_that_looks_like_a_schema_is_never_rewritten(form: Form, data: object) -> None:
    body = as_bytes(
        {
            "type": "object",
            "properties": {"$ref": {"type": "string", "default": data}, "type": {"type": "integer"}},
            "required": ["$ref", "type"],
            "additionalProperties": False,
        }
    )
    converted = form(body, "$", [])
    assert converted is not None
    properties = members((members(json.loads(converted)) or {})["properties"]) or {}
    assert list(properties) == ["$ref", "type"]
    assert (members(properties["$ref"]) or {})["default"] == data


@pytest.mark.parametrize("form", [openai_schema, google_json_schema, google_openapi_schema])
@given(schema=sensible())
@settings(max_examples=60)
def test_what_the_client_allows_stays_allowed(form: Form, schema: object) -> None:
    body = as_bytes({"type": "object", "properties": {"x": schema}, "required": ["x"]})
    tree: JSON = json.loads(body)
    value = instance_of(tree, "a word")
    assume(accepts(tree, value))
    converted = form(body, "$", [])
    assert accepts(json.loads(converted or b"{}"), value), (converted, value)


@given(schema=sensible())
@settings(max_examples=60)
def test_strict_forms_allow_what_fits_into_their_closed_objects(schema: object) -> None:
    body = as_bytes(
        {"type": "object", "properties": {"x": schema}, "required": ["x"], "additionalProperties": False}
    )
    tree: JSON = json.loads(body)
    value = instance_of(tree, "a word")
    assume(accepts(tree, value))
    openai = openai_strict_schema(body, "$", [])
    assert openai is None or accepts(json.loads(openai), value)
    anthropic = anthropic_strict(body, "$", [])
    # objects that say nothing of further members are closed: instances made here have none
    assert anthropic is None or accepts(json.loads(anthropic), value)


@given(schema=sensible().filter(lambda schema: "properties" in (members(schema) or {})))
@settings(max_examples=60)
def test_a_tools_input_stays_what_the_client_allows(schema: object) -> None:
    tree: JSON = json.loads(as_bytes(schema))
    value = instance_of(tree, "a word")
    assume(accepts(tree, value))
    assert accepts(json.loads(anthropic_input_schema(as_bytes(schema), "$", [])), value)
    parameters = google_openapi_parameters(as_bytes(schema), "$", [])
    assert parameters is None or accepts(json.loads(parameters), value)


# --- the vendors' rules ---------------------------------------------------------------------------


@given(schema=anything())
@settings(max_examples=60)
def test_openai_takes_it(schema: object) -> None:
    SchemaOf("function 'f'", "tools", None).check(
        json.loads(openai_schema(as_bytes(schema), "$", [])), strict=False
    )
    strict = openai_strict_schema(as_bytes(schema), "$", [])
    if strict is not None:
        SchemaOf("function 'f'", "tools", None).check(json.loads(strict), strict=True)


@given(schema=anything() | sensible())
@settings(max_examples=60)
def test_what_qualifies_for_openai_goes_as_it_is(schema: object) -> None:
    body = as_bytes(schema)
    if qualifies(body):
        losses: list[Loss] = []
        assert openai_strict_schema(body, "$", losses) == body
        assert losses == []


@given(schema=anything() | sensible())
@settings(max_examples=60)
def test_anthropic_takes_it(schema: object) -> None:
    root = json.loads(anthropic_input_schema(as_bytes(schema), "$", []))
    assert root["type"] == "object"
    assert not {"anyOf", "oneOf", "allOf"} & root.keys()
    strict = anthropic_strict(as_bytes(schema), "$", [])
    if strict is not None:
        StrictSchema("tools.0.custom", json.loads(strict)).check()


@given(schema=anything() | sensible())
@settings(max_examples=60)
def test_google_takes_it(schema: object) -> None:
    tree = json.loads(google_openapi_schema(as_bytes(schema), "$", []))
    check_schema(_snake(tree), "response_schema")
    parameters = google_openapi_parameters(as_bytes(schema), "$", [])
    if parameters is not None:
        check_schema(_snake(json.loads(parameters)), "parameters", root=True)
    for node in walk(json.loads(google_json_schema(as_bytes(schema), "$", []))):
        for keyword in ("allOf", "oneOf", "definitions", "const"):
            kind = node.get(keyword)
            assert not isinstance(kind, dict | list) or keyword not in {"allOf", "oneOf", "definitions"}
        for value in elements(node.get("enum")) or ():
            assert isinstance(value, str | int | float)
            assert not isinstance(value, bool)


def _snake(tree: dict[str, JSON]) -> dict[str, JSON]:
    """Google's schema as its own parser spells it."""
    out: dict[str, JSON] = {}
    for name, value in tree.items():
        match name, value:
            case "anyOf", list():
                out["any_of"] = [_snake(one) if isinstance(one, dict) else one for one in value]
            case "items", dict():
                out[name] = _snake(value)
            case "properties", dict():
                out[name] = {key: _snake(one) if isinstance(one, dict) else one for key, one in value.items()}
            case _:
                out[name] = value
    return out


# --- wrapping -------------------------------------------------------------------------------------


@given(schema=sensible())
@settings(max_examples=60)
def test_a_wrapped_schema_allows_the_same_values(schema: object) -> None:
    assume(needs_wrapping(as_bytes(schema)))
    tree: JSON = json.loads(as_bytes(schema))
    value = instance_of(tree, "a word")
    outer = json.loads(wrapped(as_bytes(schema)))
    assert accepts(outer, {PROPERTY: value}) == accepts(tree, value)
    assert not needs_wrapping(wrapped(as_bytes(schema)))


@given(number=st.sampled_from(["1.0", "1e2", "0.10", "-0.0", "123456789012345678901234567890", "1e400"]))
@pytest.mark.parametrize("form", [openai_schema, google_json_schema, anthropic_input_schema])
def test_numbers_keep_their_text(form: Form, number: str) -> None:
    schema = f'{{"properties":{{"b":{{"type":"array","oneOf":[{{"default":{number}}}]}},"a":{{}}}}}}'
    converted = form(schema.encode(), "$", []) or b""
    assert f'"default":{number}'.encode() in converted
    assert converted.index(b'"b"') < converted.index(b'"a"')
