"""Ids."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.dialects.answer_id import answer_id
from dragoman.dialects.anthropic.identifiers import ANSWER_PREFIX, CallIds, call_id


@pytest.mark.parametrize("own", ["toolu_01A", "call_1", "a-b_C9"])
def test_ids_that_fit_stay(own: str) -> None:
    assert call_id(own) == own


@given(st.lists(st.text(min_size=1, max_size=80), unique=True, max_size=5))
def test_ids_are_made_to_fit_and_stay_different(ids: list[str]) -> None:
    written = [call_id(own) for own in ids]
    assert len(set(written)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", each) for each in written)


def test_a_call_without_an_id_of_its_own_gets_one_from_its_place() -> None:
    def taken(answer: str) -> list[str]:
        ids = CallIds(answer)
        return [ids.take(own, index, "f") for index, own in enumerate(["call_0", "", "call_0", ""])]

    assert taken("msg_1") == taken("msg_1")
    assert taken("msg_1")[0] == "call_0"
    assert len({*taken("msg_1"), *taken("msg_2")}) == 7


@pytest.mark.parametrize(
    ("upstream", "expected"),
    [
        ("msg_01A", "msg_01A"),
        ("chatcmpl-abc", "msg_abc"),
        ("resp_abc", "msg_abc"),
        ("gen-17-x", "msg_17-x"),
        ("abc", "msg_abc"),
        ("", "msg_fallback"),
    ],
)
def test_answers_are_called_messages(upstream: str, expected: str) -> None:
    assert answer_id(upstream, "msg_fallback", ANSWER_PREFIX) == expected
