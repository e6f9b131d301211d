"""A target's conditions: which requests meet them, and what is said about the others."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.config.settings import Conditions
from dragoman.routing.condition import unmet
from dragoman.routing.needs import Needs


@pytest.mark.parametrize(
    ("when", "needs", "reason"),
    [
        (Conditions(tools=True), Needs(), "when.tools = true, but the request has no tools"),
        (Conditions(tools=False), Needs(tools=True), "when.tools = false, but the request has tools"),
        (Conditions(images=True), Needs(), "when.images = true, but the request has no pictures"),
        (
            Conditions(images=False),
            Needs(images=True),
            "when.images = false, but the request has pictures",
        ),
        (
            Conditions(json_schema=True),
            Needs(),
            "when.json_schema = true, but the request wants no answer that keeps a JSON Schema",
        ),
        (
            Conditions(json_schema=False),
            Needs(json_schema=True),
            "when.json_schema = false, but the request wants an answer that keeps a JSON Schema",
        ),
        (Conditions(stream=True), Needs(), "when.stream = true, but the request wants a whole answer"),
        (Conditions(stream=False), Needs(stream=True), "when.stream = false, but the request wants a stream"),
        (
            Conditions(min_input_tokens=1000),
            Needs(input_tokens=999),
            "when.min_input_tokens = 1000, but the prompt has about 999",
        ),
        (
            Conditions(max_input_tokens=1000),
            Needs(input_tokens=1001),
            "when.max_input_tokens = 1000, but the prompt has about 1001",
        ),
        (
            Conditions(tags=("gold", "team-a")),
            Needs(tags=frozenset({"silver"})),
            'when.tags = ["gold", "team-a"], but the client\'s key has none of these',
        ),
    ],
)
def test_a_condition_that_does_not_hold_is_named_with_what_is_the_case(
    when: Conditions, needs: Needs, reason: str
) -> None:
    assert unmet(when, needs) == reason


@pytest.mark.parametrize(
    ("when", "needs"),
    [
        (Conditions(), Needs(True, True, True, True, 10**9, frozenset({"any"}))),
        (Conditions(min_input_tokens=1000), Needs(input_tokens=1000)),
        (Conditions(max_input_tokens=1000), Needs(input_tokens=1000)),
        (Conditions(max_input_tokens=0), Needs()),
        (Conditions(tags=("gold", "team-a")), Needs(tags=frozenset({"team-a", "other"}))),
        (Conditions(tools=True, images=False), Needs(tools=True)),
    ],
)
def test_a_request_that_meets_all_conditions_is_served(when: Conditions, needs: Needs) -> None:
    assert unmet(when, needs) == ""


def test_each_condition_that_does_not_hold_is_named() -> None:
    reason = unmet(Conditions(tools=True, stream=True, max_input_tokens=5), Needs(input_tokens=9))
    assert reason.split("; ") == [
        "when.tools = true, but the request has no tools",
        "when.stream = true, but the request wants a whole answer",
        "when.max_input_tokens = 5, but the prompt has about 9",
    ]


flags = st.sampled_from([None, True, False])


@given(
    st.builds(Conditions, flags, flags, flags, flags),
    st.builds(Needs, st.booleans(), st.booleans(), st.booleans(), st.booleans()),
)
@settings(max_examples=100)
def test_one_more_condition_never_lets_more_through(when: Conditions, needs: Needs) -> None:
    alone = [
        unmet(Conditions(**{field: getattr(when, field)}), needs)
        for field in ("tools", "images", "json_schema", "stream")
    ]
    assert unmet(when, needs) == "; ".join(reason for reason in alone if reason)
    assert unmet(msgspec.structs.replace(when, tools=not needs.tools), needs) != ""
