"""What an answer has cost."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.usage import Usage
from dragoman.models.price import Price, blended, cost_of

MILLION = 1_000_000

COUNTS = st.integers(0, 10**12) | st.integers(0, 100)
DOLLARS = st.decimals("0", "1000", places=6)


@st.composite
def usages(draw: st.DrawFn, unknown: bool = True) -> Usage:
    """Counts whose parts are no larger than the wholes."""
    may_lack = st.none() if unknown else st.just(0)
    whole_input = draw(may_lack | COUNTS)
    whole_output = draw(may_lack | COUNTS)
    writes = draw(may_lack | COUNTS)
    return Usage(
        input=whole_input,
        output=whole_output,
        cache_read=draw(may_lack | COUNTS),
        cache_write=writes,
        cache_write_1h=draw(may_lack | st.integers(0, writes or 0)),
        reasoning=draw(may_lack | st.integers(0, whole_output or 0)),
        audio_input=draw(may_lack | st.integers(0, whole_input or 0)),
        audio_output=draw(may_lack | st.integers(0, whole_output or 0)),
    )


PLAIN_PRICES = st.builds(
    Price,
    input=DOLLARS,
    output=DOLLARS,
    cache_read=st.none() | DOLLARS,
    cache_write=st.none() | DOLLARS,
    cache_write_1h=st.none() | DOLLARS,
    audio_input=st.none() | DOLLARS,
    audio_output=st.none() | DOLLARS,
)


def price(prompt: str = "2", answer: str = "8", **others: str) -> Price:
    return msgspec.convert({"input": prompt, "output": answer, **others}, Price)


def cost(usage: Usage, of: Price) -> Decimal:
    dollars = cost_of(usage, of)
    assert dollars is not None
    return dollars


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        (Usage(input=MILLION), "2"),
        (Usage(output=MILLION), "8"),
        (Usage(input=1), "0.000002"),
        (Usage(output=MILLION, reasoning=400_000), "8"),
        (Usage(input=MILLION, cache_read=MILLION), "2.5"),
        (Usage(input=MILLION, cache_write=MILLION), "4.5"),
        (Usage(input=MILLION, cache_write=MILLION, cache_write_1h=MILLION), "6"),
        (Usage(input=0, cache_write=MILLION, cache_write_1h=500_000), "3.25"),
        (Usage(input=MILLION, audio_input=250_000), "11.5"),
        (Usage(output=MILLION, audio_output=500_000), "44"),
    ],
)
def test_every_kind_of_token_has_its_price(usage: Usage, dollars: str) -> None:
    full = price(cache_read="0.5", cache_write="2.5", cache_write_1h="4", audio_input="40", audio_output="80")
    assert cost(usage, full) == Decimal(dollars)


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        (Usage(cache_read=MILLION), "2"),
        (Usage(cache_write=MILLION), "2"),
        (Usage(cache_write=MILLION, cache_write_1h=MILLION), "2"),
        (Usage(input=MILLION, audio_input=MILLION), "2"),
        (Usage(output=MILLION, audio_output=MILLION), "8"),
    ],
)
def test_a_kind_without_its_own_price_takes_the_nearest(usage: Usage, dollars: str) -> None:
    assert cost(usage, price()) == Decimal(dollars)


def test_what_is_kept_for_an_hour_costs_what_other_writes_do_where_nothing_else_is_said() -> None:
    usage = Usage(cache_write=MILLION, cache_write_1h=MILLION)
    assert cost(usage, price(cache_write="2.5")) == Decimal("2.5")


@pytest.mark.parametrize("usage", [None, Usage(), Usage(reasoning=7)])
def test_nothing_known_costs_nothing_that_could_be_told(usage: Usage | None) -> None:
    assert cost_of(usage, price()) is None


def test_a_known_nothing_costs_zero() -> None:
    assert cost_of(Usage(input=0), price()) == 0


def test_amounts_too_small_for_floats_are_exact() -> None:
    assert cost(Usage(input=1, output=3), price("0.1", "0.2")) == Decimal("0.0000007")


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        (Usage(input=200_000), "0.4"),
        (Usage(input=200_001), "0.800004"),
        (Usage(input=1, cache_read=150_000, cache_write=50_000), "0.800004"),
        (Usage(input=200_001, output=MILLION), "12.800004"),
        (Usage(input=MILLION, output=MILLION), "26"),
    ],
)
def test_a_long_prompt_has_its_own_price_for_all_its_tokens(usage: Usage, dollars: str) -> None:
    tiered = msgspec.structs.replace(
        price(), above=((200_000, price("4", "12")), (500_000, price("6", "20")))
    )
    assert cost(usage, tiered) == Decimal(dollars)


def test_a_part_larger_than_its_whole_counts_as_all_of_it() -> None:
    usage = Usage(input=MILLION, audio_input=5 * MILLION, cache_write=MILLION, cache_write_1h=9 * MILLION)
    assert cost(usage, price(audio_input="40", cache_write_1h="4")) == 44


@given(one=usages(unknown=False), other=usages(unknown=False), of=PLAIN_PRICES)
@settings(max_examples=100)
def test_two_answers_cost_what_both_together_do(one: Usage, other: Usage, of: Price) -> None:
    assert cost(one, of) + cost(other, of) == cost(one.plus(other), of)


@given(
    usage=usages(), field=st.sampled_from(["input", "output", "cache_read", "cache_write"]), data=st.data()
)
@settings(max_examples=100)
def test_more_tokens_never_cost_less(usage: Usage, field: str, data: st.DataObject) -> None:
    of = data.draw(PLAIN_PRICES)
    before: int | None = getattr(usage, field)
    more = msgspec.structs.replace(usage, **{field: (before or 0) + data.draw(COUNTS)})
    assert (cost_of(usage, of) or 0) <= cost(more, of)


@given(
    usage=st.builds(Usage, *[st.none() | COUNTS] * 8),
    of=PLAIN_PRICES,
    tier=PLAIN_PRICES,
    least=st.integers(0, 10**6),
)
@settings(max_examples=100)
def test_no_answer_has_a_negative_cost(usage: Usage, of: Price, tier: Price, least: int) -> None:
    dollars = cost_of(usage, msgspec.structs.replace(of, above=((least, tier),)))
    assert dollars is None or dollars >= 0


def test_prices_are_compared_by_four_tokens_in_for_one_out() -> None:
    assert blended(price("2", "8")) == 4.0
