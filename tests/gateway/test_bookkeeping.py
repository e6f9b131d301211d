"""What the ledger is told of an exchange: every field is where it belongs, and nothing is told twice."""

import time

import pytest
from tests.gateway.ends import Upstream
from tests.gateway.test_exchange import JSON, OPENAI_ANSWER, Service

from dragoman.access.key_info import KeyInfo
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.loss import Loss, LossKind
from dragoman.conversation.response import StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects import openai_chat
from dragoman.dialects.dialect import Location, Target
from dragoman.gateway.bookkeeping import LEFT, entry_of, note
from dragoman.gateway.call import Call
from dragoman.gateway.record import AttemptRecord, Record
from dragoman.models.profile import Profile
from dragoman.providers.provider import Provider
from dragoman.routing.route import RouteTarget
from dragoman.store.entry import AttemptEntry, BodyEntry, Charge, CostRow, Entry, UsageCounts

KEY = KeyInfo("key-id", "key-name", tags=("tag",), owner="owner", team_id="team-id", team_name="team-name")
CALL = Call(openai_chat.DIALECT, Location(), b"{}", [], KEY, "req_1")
TARGET = RouteTarget(
    Provider("openai", ("openai_chat",)), Target("openai", "m", "o", Profile("any")), "name", "credential"
)
FAILED = Failure(FailureKind.OVERLOADED, "busy", status=529)
CHARGES = (Charge("account", "lease", 40), Charge("other", "lease", 40))


def attempt() -> AttemptRecord:
    return AttemptRecord(
        TARGET,
        began=100.5,
        hedge=True,
        upstream_dialect="upstream-dialect",
        plan="attempt-plan",
        planned=101.0,
        admitted=102.0,
        sent=104.0,
        resent=2,
        connected=108.0,
        first_byte=112.0,
        first_event=120.0,
        ended=136.5,
        outcome="failed",
        failure=FAILED,
        usage=Usage(*range(1, 12)),
        estimated=True,
        cost=40,
        cost_rows=(CostRow("input", 4, "10"),),
        price_source="price-source",
        unpriced=True,
        charges=CHARGES,
        upstream_request_id="upstream-id",
    )


def record(*attempts: AttemptRecord) -> Record:
    return Record(
        "request-id",
        "dialect",
        began=100.0,
        purpose="purpose",
        model="model",
        route="route",
        stream=True,
        attempts=list(attempts),
        waited=0.25,
        ended=140.0,
        stops=(StopReason.END, StopReason.MAX_TOKENS),
        losses=(Loss(LossKind.DROPPED, "top_k", "$.top_k"),),
        failure=FAILED,
        status=529,
        revision=3,
    )


def test_every_field_of_an_entry_is_where_it_belongs() -> None:
    body = BodyEntry("request", "application/json", b"{}")
    now, monotonic = 1_800_000_000.0, time.monotonic()
    entry = entry_of(CALL, record(attempt()), now, "node", (body,))
    usage = UsageCounts(*range(1, 12))
    assert entry.began - (now - monotonic + 100.0) == pytest.approx(0, abs=0.5)
    told = entry.attempts[0]
    assert told.began - entry.began == pytest.approx(0.5)
    assert told == AttemptEntry(
        target="name",
        credential="credential",
        upstream_dialect="upstream-dialect",
        plan="attempt-plan",
        outcome="failed",
        began=told.began,
        hedge=True,
        resent=2,
        queue=1.0,
        connect=4.0,
        first_byte=8.0,
        first_token=16.0,
        total=36.0,
        failure="overloaded",
        error="busy",
        upstream_status=529,
        upstream_request_id="upstream-id",
        usage=usage,
        estimated=True,
        cost=40,
        cost_rows=(CostRow("input", 4, "10"),),
        price_source="price-source",
        unpriced=True,
    )
    assert entry == Entry(
        request_id="request-id",
        began=entry.began,
        key_id="key-id",
        key_name="key-name",
        dialect="dialect",
        model="model",
        status=529,
        revision=3,
        owner="owner",
        team_id="team-id",
        team_name="team-name",
        tags=("tag",),
        route="route",
        target="name",
        upstream_dialect="upstream-dialect",
        plan="attempt-plan",
        purpose="purpose",
        stream=True,
        cached=False,
        queue=0.25,
        first_token=20.0,
        total=40.0,
        stop="end,max_tokens",
        failure="overloaded",
        error="busy",
        losses='top_k;kind=dropped;path="$.top_k"',
        usage=usage,
        estimated=True,
        cost=40,
        unpriced=True,
        node="node",
        attempts=(told,),
        charges=CHARGES,
        bodies=(body,),
    )


def test_several_attempts_pay_together_and_that_which_answered_is_told() -> None:
    failed, answered = attempt(), attempt()
    answered.usage, answered.unpriced, answered.estimated = Usage(input=7, output=1), False, False
    answered.outcome, answered.failure = "answered", None
    whole = record(failed, answered)
    whole.answered, whole.failure = answered, None
    entry = entry_of(CALL, whole, 0.0)
    assert entry.charges == (Charge("account", "lease", 80), Charge("other", "lease", 80))
    assert entry.usage == UsageCounts(input=7, output=1)
    assert (entry.cost, entry.unpriced, entry.estimated) == (80, True, True)
    assert [one.outcome for one in entry.attempts] == ["failed", "answered"]


def test_an_answer_that_was_kept_is_told_and_not_the_attempt_that_failed_before_it() -> None:
    failed, kept = attempt(), attempt()
    kept.usage, kept.failure, kept.cost = Usage(input=7, output=1), None, 0
    whole = record(failed)
    whole.answered, whole.cache = kept, "hit"
    entry = entry_of(CALL, whole, 0.0)
    assert entry.usage == UsageCounts(input=7, output=1)
    assert (entry.cached, entry.cost, entry.charges) == (True, 40, CHARGES)
    assert [one.outcome for one in entry.attempts] == ["failed"]


def test_who_asked_nobody_has_used_nothing() -> None:
    entry = entry_of(CALL, record(), 0.0)
    assert (entry.target, entry.usage, entry.cost, entry.charges) == ("", UsageCounts(), None, ())


def test_times_are_told_in_whole_microseconds() -> None:
    one = attempt()
    one.first_byte = 104.0 + 0.123_456_7
    assert entry_of(CALL, record(one), 0.0).attempts[0].first_byte == 0.123_457


@pytest.mark.anyio
async def test_an_exchange_is_told_again_only_when_something_has_changed() -> None:
    service = Service(Upstream(OPENAI_ANSWER, headers=JSON))
    whole = record(attempt())
    for _ in range(2):
        note(service.gateway, CALL, whole)
    assert [one.revision for one in service.book.entries] == [3]
    whole.client_left = True
    note(service.gateway, CALL, whole)
    assert [(one.revision, one.status) for one in service.book.entries] == [(3, 529), (4, LEFT)]
