"""What an answer has cost."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.usage import Usage
from dragoman.models.money import to_nanos, to_nanos_at_most
from dragoman.models.price import Price, blended, cost_of, lines_of, tariff_of, worst_case

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
        audio_input=draw(may_lack | st.integers(0, (whole_input or 0) // 2)),
        audio_output=draw(may_lack | st.integers(0, (whole_output or 0) // 2)),
        image_input=draw(may_lack | st.integers(0, (whole_input or 0) // 2)),
        image_output=draw(may_lack | st.integers(0, (whole_output or 0) // 2)),
        searches=draw(may_lack | st.integers(0, 1000)),
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
    image_input=st.none() | DOLLARS,
    image_output=st.none() | DOLLARS,
    searches=st.none() | DOLLARS,
)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    """Prices that may be others for long prompts."""
    starts = sorted(draw(st.sets(st.integers(1, 10**6), max_size=2)))
    above = tuple((start, draw(PLAIN_PRICES)) for start in starts)
    return msgspec.structs.replace(draw(PLAIN_PRICES), above=above)


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
        (Usage(input=MILLION, audio_input=250_000, image_input=500_000), "13.5"),
        (Usage(output=MILLION, image_output=MILLION), "30"),
        (Usage(searches=3), "0.03"),
        (Usage(output=MILLION, searches=1000), "18"),
    ],
)
def test_every_kind_of_token_has_its_price(usage: Usage, dollars: str) -> None:
    full = price(
        cache_read="0.5",
        cache_write="2.5",
        cache_write_1h="4",
        audio_input="40",
        audio_output="80",
        image_input="6",
        image_output="30",
        searches="10",
    )
    assert cost(usage, full) == Decimal(dollars)


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        (Usage(cache_read=MILLION), "2"),
        (Usage(cache_write=MILLION), "2"),
        (Usage(cache_write=MILLION, cache_write_1h=MILLION), "2"),
        (Usage(input=MILLION, audio_input=MILLION), "2"),
        (Usage(output=MILLION, audio_output=MILLION), "8"),
        (Usage(input=MILLION, image_input=MILLION), "2"),
        (Usage(output=MILLION, image_output=MILLION), "8"),
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
    usage=st.builds(Usage, *[st.none() | COUNTS] * 11),
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


def test_a_cost_is_told_line_by_line() -> None:
    usage = Usage(input=1000, output=200, cache_read=5000, cache_write=300, cache_write_1h=100, searches=2)
    of = price(cache_read="0.2", cache_write="2.5", cache_write_1h="4", searches="10")
    lines = lines_of(usage, of)
    assert [(line.kind, line.count, str(line.price), line.unit) for line in lines] == [
        ("input", 1000, "2", MILLION),
        ("cache_read", 5000, "0.2", MILLION),
        ("cache_write", 200, "2.5", MILLION),
        ("cache_write_1h", 100, "4", MILLION),
        ("output", 200, "8", MILLION),
        ("searches", 2, "10", 1000),
    ]
    assert sum(line.cost for line in lines) == cost(usage, of) == Decimal("0.0255")


def test_searches_without_a_price_have_no_line() -> None:
    usage = Usage(input=1, searches=2)
    assert [line.kind for line in lines_of(usage, price())] == ["input"]
    assert not tariff_of(price()).prices_all(usage)
    assert tariff_of(price(searches="0")).prices_all(usage)


def test_searches_for_long_prompts_cost_what_others_do() -> None:
    tiered = msgspec.structs.replace(price(searches="10"), above=((5, price("4", "12")),))
    assert cost(Usage(input=6, searches=1), tiered) == Decimal("0.010024")


def test_of_nothing_there_are_no_lines() -> None:
    assert lines_of(None, price()) == ()
    assert lines_of(Usage(input=0, output=0), price()) == ()


@given(usage=usages(), of=prices())
@settings(max_examples=100)
def test_the_lines_add_up_to_the_cost(usage: Usage, of: Price) -> None:
    lines = lines_of(usage, of)
    assert sum((line.cost for line in lines), Decimal(0)) == (cost_of(usage, of) or 0)
    assert len({line.kind for line in lines}) == len(lines)
    assert all(line.count > 0 for line in lines)


@given(usage=usages(), of=prices())
@settings(max_examples=100)
def test_nano_dollars_are_rounded_once_and_as_money_is(usage: Usage, of: Price) -> None:
    tariff = tariff_of(of)
    assert tariff.nanos(tariff.lines(usage)) == to_nanos(cost_of(usage, of) or Decimal(0))


@given(usage=usages(), of=prices(), more=st.tuples(COUNTS, COUNTS))
@settings(max_examples=100)
def test_nothing_costs_more_than_the_worst_case(usage: Usage, of: Price, more: tuple[int, int]) -> None:
    prompt, output = usage.prompt + more[0], (usage.output or 0) + more[1]
    worst = worst_case(prompt, output, of, media=True, searches=usage.searches or 0)
    assert worst >= (cost_of(usage, of) or 0)
    nanos = tariff_of(of).worst_nanos(prompt, output, media=True, searches=usage.searches or 0)
    assert nanos == to_nanos_at_most(worst)


@given(usage=usages(), of=prices())
@settings(max_examples=100)
def test_without_media_the_worst_case_is_that_of_text(usage: Usage, of: Price) -> None:
    text = msgspec.structs.replace(
        usage, audio_input=None, audio_output=None, image_input=None, image_output=None, searches=None
    )
    assert worst_case(text.prompt, text.output or 0, of) >= (cost_of(text, of) or 0)


def test_the_worst_case_is_the_dearest_way_to_keep_a_prompt() -> None:
    of = price(cache_read="0.2", cache_write="2.5", cache_write_1h="4", audio_input="40")
    assert worst_case(MILLION, 0, of) == 4
    assert worst_case(MILLION, MILLION, of, media=True) == 48


def test_a_shorter_prompt_may_be_the_dearer_one() -> None:
    cheaper = msgspec.structs.replace(price("10", "10"), above=((100, price("1", "1")),))
    assert worst_case(200, 0, cheaper) == Decimal("0.002")


def test_only_prices_that_the_prompt_can_reach_count() -> None:
    dearer = msgspec.structs.replace(price("1", "1"), above=((100, price("10", "10")),))
    assert worst_case(100, 0, dearer) == Decimal("0.0001")
    assert worst_case(101, 0, dearer) == Decimal("0.00101")


def test_a_price_says_where_and_when_it_was_read() -> None:
    assert price(source="a list", checked="2026-01-02").origin == "a list, 2026-01-02"
    assert price(source="the configuration").origin == "the configuration"
