"""What goes to a terminal does nothing to it, and means the same."""

import json

from hypothesis import given
from hypothesis import strategies as st

from dragoman.cli.terminal import printable, printable_json


@given(st.text())
def test_text_is_one_line_that_a_terminal_shows(text: str) -> None:
    assert printable(text).isprintable()
    assert text.isprintable() == (printable(text) == text)


@given(st.text())
def test_json_says_the_same_in_characters_that_a_terminal_shows(text: str) -> None:
    shown = printable_json(json.dumps([text], ensure_ascii=False).encode("utf-8", "replace"))
    assert shown.isprintable()
    assert json.loads(shown) == [text]


def test_characters_of_two_halves_are_escaped_as_such() -> None:
    assert printable_json('"\U000e0041 \x9b é 🦄"'.encode()) == '"\\udb40\\udc41 \\u009b é 🦄"'
