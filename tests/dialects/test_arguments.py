"""Tool arguments as objects."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import ToolCall
from dragoman.dialects.arguments import (
    arguments_text,
    call_input,
    closed_object,
    compact,
    custom_input,
    input_object,
    whole_arguments,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "expected", "altered"),
    [
        ("", "{}", False),
        (" \n", "{}", False),
        ('{"b": 1.0, "a": 1e5}', '{"b": 1.0, "a": 1e5}', False),
        ("[1, 2]", '{"value":[1, 2]}', True),
        ("1.50", '{"value":1.50}', True),
        ('"x"', '{"value":"x"}', True),
        ("null", "{}", False),
        (" null ", "{}", False),
        ("hello", '{"__raw_arguments":"hello"}', True),
        ('{"a": 1}}', '{"__raw_arguments":"{\\"a\\": 1}}"}', True),
        ("{", "{}", True),
        ('{"a": "b', '{"a": "b"}', True),
        ('{"a": "b\\', '{"a": "b"}', True),
        ('{"a": "b\\u12', '{"a": "b"}', True),
        ('{"a": 1] ', '{"__raw_arguments":"{\\"a\\": 1] "}', True),
        ('{"a": 1, "b', '{"a": 1}', True),
        ('{"a": 1, "b":', '{"a": 1, "b":null}', True),
        ('{"a": 1,', '{"a": 1}', True),
        ('{"a": tru', "{}", True),
        ('{"a": [1, {"b": "}]', '{"a": [1, {"b": "}]"}]}', True),
        ('{"a": [1, 2', '{"a": [1, 2]}', True),
    ],
)
def test_arguments_become_an_object(text: str, expected: str, altered: bool) -> None:
    raw, was_altered = input_object(text)
    assert (bytes(raw).decode(), was_altered) == (expected, altered)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=3), st.data())
@settings(max_examples=100)
def test_an_object_cut_anywhere_is_closed(value: dict[str, object], data: st.DataObject) -> None:
    text = msgspec.json.encode(value).decode()
    cut = text[: data.draw(st.integers(1, len(text)))]
    closed = closed_object(cut)
    assert closed is not None
    assert isinstance(msgspec.json.decode(closed), dict)


@given(st.text(max_size=20))
@settings(max_examples=100)
def test_any_text_becomes_an_object(text: str) -> None:
    raw, _ = input_object(text)
    assert isinstance(msgspec.json.decode(raw), dict)


def test_free_text_of_a_custom_tool_is_its_input() -> None:
    assert bytes(custom_input("*** Begin")) == b'{"input":"*** Begin"}'
    assert call_input(ToolCall("1", "f", "null", custom=True)) == (custom_input("null"), False)
    assert call_input(ToolCall("1", "f", "null")) == (msgspec.Raw(b"{}"), False)


@pytest.mark.parametrize(
    ("arguments", "whole"),
    [("", "{}"), (" \n", "{}"), ("null", "{}"), ("{}", "{}"), ('{"a": 1', '{"a": 1'), (" [] ", " [] ")],
)
def test_arguments_that_say_nothing_are_an_empty_object(arguments: str, whole: str) -> None:
    assert whole_arguments(arguments) == whole


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (b"", "{}"),
        (b"null", "{}"),
        (b"{ }", "{}"),
        (b'{\n "x": 1.0\n}', '{"x":1.0}'),
        (b'{"x":"\xff"}', '{"x":"\ufffd"}'),
    ],
)
def test_an_object_on_the_wire_becomes_text(given: bytes, text: str) -> None:
    assert arguments_text(msgspec.Raw(given)) == text


def test_what_does_not_begin_an_object_is_not_closed() -> None:
    assert closed_object('"abc') is None
    assert closed_object('{"a":1}]') is None


def test_compact_changes_nothing_but_space() -> None:
    raw = msgspec.Raw(b'{ "a" : [ 1.0 , 1E5,\t12345678901234567890123 ], "b c": "d  \\u00e9 \\" \\\\" }')
    assert compact(raw) == b'{"a":[1.0,1E5,12345678901234567890123],"b c":"d  \\u00e9 \\" \\\\"}'
