"""What a request is counted against, and what its client is told."""

import math

import pytest

from dragoman.access.holder import Holder, Limit
from dragoman.access.limits import claims_of, draws_for, rate_limits, refusal, rest_of, slots_of
from dragoman.conversation.failure import FailureKind
from dragoman.conversation.rate_limit import RateLimit
from dragoman.coordination.memory_meters import MemoryMeters
from dragoman.coordination.meters import Draw, Drawn, Level, Slot
from dragoman.models.money import NANOS

KEY = Holder("key", "k1", "ci", (Limit("requests", 100, 60), Limit("tokens", 10_000, 60)), (), 5)
TEAM = Holder("team", "t1", "research", (Limit("cost", NANOS, 3600),))
ROUTE = Holder("route", "fast", "fast", (), (), 50)
NEEDED = (2000, NANOS // 20, 1)


def told(place: int, wait: float, *levels: Level) -> str:
    claims = claims_of((KEY, TEAM))
    return refusal(claims, NEEDED, Drawn(place, wait, levels)).message


def test_each_limit_of_each_holder_has_a_bucket_with_a_name_that_stays() -> None:
    assert draws_for(claims_of((KEY, TEAM, ROUTE)), NEEDED) == [
        Draw("key:k1:requests:60", 100, 60, 1),
        Draw("key:k1:tokens:60", 10_000, 60, 2000),
        Draw("team:t1:cost:3600", NANOS, 3600, NANOS // 20),
    ]


def test_of_two_limits_for_the_same_the_lower_one_counts() -> None:
    twice = Holder("key", "k", "k", (Limit("tokens", 9, 60), Limit("tokens", 5, 60), Limit("tokens", 7, 60)))
    assert [(claim.limit.most, claim.bucket) for claim in claims_of((twice,))] == [(5, "key:k:tokens:60")]


def test_holders_of_different_kinds_with_the_same_id_are_different() -> None:
    limits = (Limit("requests", 1, 60),)
    same = (Holder("key", "x", "x", limits, (), 1), Holder("team", "x", "x", limits, (), 1))
    assert len({claim.bucket for claim in claims_of(same)}) == 2
    assert len({slot.name for slot in slots_of(same)}) == 2


def test_slots_are_for_those_with_a_limit_of_concurrent_requests() -> None:
    assert slots_of((KEY, TEAM, ROUTE)) == (Slot("key:k1", 5), Slot("route:fast", 50))


def test_what_was_not_used_is_put_back_and_what_was_used_beyond_is_owed() -> None:
    claims = claims_of((KEY, TEAM))
    assert rest_of(claims, NEEDED, (500, NANOS // 10, 1)) == [
        Draw("key:k1:tokens:60", 10_000, 60, 1500),
        Draw("team:t1:cost:3600", NANOS, 3600, -(NANOS // 20)),
    ]
    assert rest_of(claims, NEEDED, NEEDED) == []


def test_a_request_that_was_not_served_is_put_back_as_a_whole() -> None:
    claims = claims_of((KEY,))
    nothing = (0, 0, 0)
    assert rest_of(claims, NEEDED, nothing) == draws_for(claims, NEEDED)


def test_a_refusal_says_which_limit_what_is_left_when_it_resets_and_what_to_do() -> None:
    assert told(0, 0.6, Level(0.2, 59.2)) == (
        "The key 'ci' may make at most 100 requests a minute, with 0 requests left now. Try again in 1 s; "
        "nothing of it is used any more in 60 s."
    )
    assert told(1, 4.2, Level(9, 1), Level(1300.7, 52.1)) == (
        "The key 'ci' may use at most 10,000 tokens a minute, with 1,300 tokens left now, and this request "
        "needs up to 2,000 tokens. Try again in 5 s, or with a shorter prompt or a lower output limit; "
        "nothing of it is used any more in 53 s."
    )


def test_costs_are_told_in_dollars() -> None:
    message = told(2, 72, Level(9, 1), Level(9, 1), Level(0.03 * NANOS, 3500))
    assert message.startswith(
        "The team 'research' may spend at most $1.00 an hour, with $0.03 left now, and this request needs up "
        "to $0.05. Try again in 72 s"
    )


def test_what_never_fits_is_said_to_and_no_client_waits_for_it() -> None:
    claims = claims_of((KEY,))
    failure = refusal(claims, (20_000, 0, 1), Drawn(1, math.inf, (Level(99, 1), Level(10_000, 0))))
    assert failure.message == (
        "The key 'ci' may use at most 10,000 tokens a minute, and this request needs up to 20,000 tokens: it "
        "never fits. Make the prompt shorter or the output limit lower, or have the limit raised."
    )
    assert (failure.retry_after, failure.should_retry) == (None, False)


def test_a_refusal_is_a_rate_limit_and_says_how_long_to_wait() -> None:
    failure = refusal(claims_of((KEY,)), NEEDED, Drawn(0, 11.2, (Level(0, 60), Level(9, 1))))
    assert (failure.kind, failure.code, failure.retry_after) == (
        FailureKind.RATE_LIMIT,
        "rate_limit_exceeded",
        12,
    )


def test_clients_are_told_of_requests_and_tokens_in_whole_numbers() -> None:
    levels = (Level(98.7, 0.8), Level(7999.9, 12), Level(1, 1))
    assert rate_limits(claims_of((KEY, TEAM)), levels) == (
        RateLimit("requests", 100, 98, 0.8),
        RateLimit("tokens", 10_000, 7999, 12),
    )


@pytest.mark.anyio
async def test_draws_and_refusals_fit_together() -> None:
    meters, claims = MemoryMeters(lambda: 0.0), claims_of((KEY, TEAM))
    for _ in range(5):
        drawn = await meters.draw(draws_for(claims, NEEDED))
        assert drawn.refused is None
    drawn = await meters.draw(draws_for(claims, NEEDED))
    failure = refusal(claims, NEEDED, drawn)
    assert "10,000 tokens a minute, with 0 tokens left" in failure.message
    assert failure.retry_after == 12
    await meters.put_back(rest_of(claims, NEEDED, (0, 0, 1)))
    assert (await meters.draw(draws_for(claims, NEEDED))).refused is None
