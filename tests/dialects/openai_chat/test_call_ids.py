"""Ids of tool calls as models take them."""

import re

from hypothesis import given
from hypothesis import strategies as st

from dragoman.dialects.openai_chat.call_ids import call_id


@given(st.text(max_size=60))
def test_mistrals_ids_have_nine_letters_and_digits(own: str) -> None:
    short = call_id(own, "mistral")
    assert re.fullmatch("[a-zA-Z0-9]{9}", short)
    assert call_id(own, "mistral") == short
    assert call_id(short, "mistral") == short


@given(st.text(min_size=1, max_size=60))
def test_other_ids_stay_where_they_are_short_enough(own: str) -> None:
    short = call_id(own, "free")
    assert len(short) <= 40
    assert short == own or len(own) > 40


def test_different_ids_stay_different() -> None:
    own = [f"functions.f:{number}" + "x" * 40 for number in range(1000)]
    assert len({call_id(each, "mistral") for each in own}) == 1000
    assert len({call_id(each, "free") for each in own}) == 1000
