"""Numbers keep their text, and members their order."""

import pytest

from dragoman.conformance.exact_json import decode, decode_object, encode, normal


@pytest.mark.parametrize(
    "text",
    [
        '{"b":1.0,"a":[1,2.50,-0.0,1e3,12345678901234567890],"c":{"d":null,"e":true}}',
        '"Grüße \\"and\\" \\\\ more"',
        "[]",
        "1.10",
    ],
)
def test_a_compact_text_comes_back_as_it_was(text: str) -> None:
    assert encode(decode(text)) == text


def test_white_space_is_all_that_goes() -> None:
    assert normal(' { "a" : 1.0 ,\n"b" : [ ] } ') == '{"a":1.0,"b":[]}'


def test_what_is_no_json_stays() -> None:
    assert normal("not {json") == "not {json"


def test_numbers_are_still_numbers() -> None:
    assert decode_object('{"a":1.50}') == {"a": 1.5}


def test_another_value_is_no_object() -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        decode_object("[1]")


def test_what_is_nested_too_deeply_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"deep|recursion"):
        decode("[" * 100_000)
