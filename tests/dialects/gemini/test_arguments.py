"""Arguments of calls, between free text and an object."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from dragoman.conversation.blocks import ToolCall
from dragoman.dialects.gemini.arguments import PartialArguments, arguments_object
from dragoman.dialects.gemini.wire import PartialArg


def text(arguments: str, *, custom: bool = False) -> str:
    return bytes(arguments_object(ToolCall("1", "f", arguments, custom=custom))[0]).decode()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"a":1.0,"b":123456789012345678901234567890,"c":1e3}', None),
        ("", "{}"),
        ("  \n", "{}"),
        ('{\n  "a": "x \\n y",\n  "b": [1, 2]\n}', '{"a":"x \\n y","b":[1,2]}'),
        ("[1, 2]", '{"value":[1,2]}'),
        ('"text"', '{"value":"text"}'),
        ("null", "{}"),
        ('{"a":"b', '{"a":"b"}'),
        ('{"a":"b\\', '{"a":"b"}'),
        ('{"a":1,"b', '{"a":1}'),
        ('{"a":1,"b":', '{"a":1,"b":null}'),
        ('{"a":[1,{"b":2', '{"a":[1,{"b":2}]}'),
        ('{"a":[1,', '{"a":[1,null]}'),
        ('{"a":tr', "{}"),
        ("{", "{}"),
        ('{"a":1}}', None),
        ('{"a":1 "b":2, "c', '{"__raw_arguments":"{\\"a\\":1 \\"b\\":2, \\"c"}'),
        ("rm -rf", '{"__raw_arguments":"rm -rf"}'),
        ('{"a":1] ', '{"__raw_arguments":"{\\"a\\":1] "}'),
    ],
)
def test_no_call_is_lost_for_its_arguments(arguments: str, expected: str | None) -> None:
    if expected is None and arguments.endswith("}}"):
        expected = '{"__raw_arguments":"{\\"a\\":1}}"}'
    assert text(arguments) == (expected or arguments)


def test_free_text_of_a_custom_tool_is_its_input() -> None:
    assert text("*** Begin", custom=True) == '{"input":"*** Begin"}'


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), st.lists),
    ),
    st.integers(0, 400),
)
@settings(max_examples=100)
def test_an_object_cut_anywhere_is_closed(arguments: dict[str, object], cut: int) -> None:
    whole = json.dumps(arguments, ensure_ascii=False)
    result = json.loads(text(whole[: 1 + cut % len(whole)]))
    assert "__raw_arguments" not in result
    assert set(result) <= set(arguments)


@given(st.text(max_size=60))
@settings(max_examples=100)
def test_any_text_becomes_an_object(arguments: str) -> None:
    assert isinstance(json.loads(text(arguments)), dict)


def test_what_was_no_object_is_known_to_be_altered() -> None:
    assert not arguments_object(ToolCall("1", "f", ' { "a": 1 } '))[1]
    assert arguments_object(ToolCall("1", "f", '{"a": 1'))[1]


def test_streamed_arguments_are_built_path_by_path() -> None:
    arguments = PartialArguments()
    for piece in (
        PartialArg(json_path="$.city", string_value="Bos", will_continue=True),
        PartialArg(json_path="$.city", string_value="ton", will_continue=True),
        PartialArg(json_path="$.city", string_value=""),
        PartialArg(json_path="$.days[0].n", number_value=Raw(b"1.0")),
        PartialArg(json_path="$.days[1].n", number_value=Raw(b"2")),
        PartialArg(json_path="$['a b'].flag", bool_value=True),
        PartialArg(json_path="$.nothing"),
        PartialArg(json_path="$"),
        PartialArg(json_path="$.city.impossible", string_value="x"),
    ):
        arguments.feed(piece)
    assert arguments.text == (
        '{"city":{"impossible":"x"},"days":[{"n":1.0},{"n":2}],"a b":{"flag":true},"nothing":null}'
    )


def test_another_value_ends_a_string_that_was_to_continue() -> None:
    arguments = PartialArguments()
    arguments.feed(PartialArg(json_path="$.a", string_value="on", will_continue=True))
    arguments.feed(PartialArg(json_path="$.b", bool_value=False))
    arguments.feed(PartialArg(json_path="$.c", string_value="cut", will_continue=True))
    assert arguments.text == '{"a":"on","b":false,"c":"cut"}'


def test_a_string_that_does_not_continue_is_replaced_not_extended() -> None:
    arguments = PartialArguments()
    arguments.feed(PartialArg(json_path="$.a", string_value="one"))
    arguments.feed(PartialArg(json_path="$.a", string_value="two"))
    assert arguments.text == '{"a":"two"}'
    arguments.feed(PartialArg(json_path="$[0]", string_value="no object"))
    assert arguments.text == '{"a":"two"}'
