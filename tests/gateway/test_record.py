"""The log entry of an exchange says what happened, briefly."""

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.loss import dropped
from dragoman.conversation.response import StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Target
from dragoman.gateway.record import AttemptRecord, Record, render_route
from dragoman.models.profile import UNKNOWN
from dragoman.providers.provider import Provider
from dragoman.routing.route import Exclusion, RouteTarget


def test_an_entry_holds_only_what_there_is_to_say() -> None:
    assert Record("req_1", "anthropic", began=10.0).entry() == {"request_id": "req_1", "dialect": "anthropic"}


def target(name: str = "openai/gpt-4o", credential: str = "openai") -> RouteTarget:
    provider, model = name.split("/")
    place = Provider(provider, ("openai_chat",), "http://o")
    return RouteTarget(place, Target(provider, model, "o/f", UNKNOWN), name, credential)


def test_a_whole_exchange_is_told_in_one_entry() -> None:
    first = AttemptRecord(target("anthropic/claude", "anthropic"), began=10.0, ended=10.1, outcome="failed")
    second = AttemptRecord(
        target(credential="openai#2"),
        began=10.125,
        upstream_dialect="openai_chat",
        plan="translation",
        first_byte=10.25,
        first_event=10.5,
        outcome="answered",
        usage=Usage(input=3, output=5, cache_read=7),
        cost=210_000,
    )
    record = Record(
        "req_1",
        "anthropic",
        began=10.0,
        key="key 1",
        model="best",
        stream=True,
        attempts=[first, second],
        answered=second,
        excluded=[Exclusion(target("groq/llama", "groq"), "it rests for 3 s")],
        waited=0.05,
        ended=11.5,
        stops=(StopReason.END,),
        losses=(dropped("$.top_k", "top_k"), dropped("$.seed", "seed")),
    )
    assert record.entry() == {
        "request_id": "req_1",
        "dialect": "anthropic",
        "key": "key 1",
        "model": "best",
        "target": "openai/gpt-4o#2",
        "upstream_dialect": "openai_chat",
        "plan": "translation",
        "stream": True,
        "attempts": 2,
        "excluded": "groq/llama: it rests for 3 s",
        "waited_ms": 50.0,
        "first_byte_ms": 250.0,
        "first_event_ms": 500.0,
        "total_ms": 1500.0,
        "input_tokens": 3,
        "cache_read_tokens": 7,
        "output_tokens": 5,
        "cost_usd": "0.00021",
        "stop": "end",
        "losses": 'top_k;kind=dropped;path="$.top_k", seed;kind=dropped;path="$.seed"',
    }


def test_an_attempt_is_told_stage_by_stage() -> None:
    attempt = AttemptRecord(
        target(),
        began=1.0,
        hedge=True,
        upstream_dialect="anthropic",
        plan="translation",
        planned=1.001,
        admitted=1.051,
        sent=1.052,
        connected=1.062,
        first_byte=1.152,
        first_event=1.252,
        ended=2.0,
        outcome="lost",
        usage=Usage(input=9, output=2),
        estimated=True,
        failure=Failure(FailureKind.TIMEOUT, "Too slow."),
    )
    assert attempt.entry() == {
        "target": "openai/gpt-4o",
        "hedge": True,
        "upstream_dialect": "anthropic",
        "plan": "translation",
        "outcome": "lost",
        "plan_ms": 1.0,
        "queue_ms": 50.0,
        "connect_ms": 10.0,
        "first_byte_ms": 100.0,
        "first_event_ms": 200.0,
        "total_ms": 1000.0,
        "input_tokens": 9,
        "output_tokens": 2,
        "estimated": True,
        "failure": "timeout",
        "error": "Too slow.",
    }


def test_what_all_attempts_cost_is_added_up() -> None:
    paid = AttemptRecord(target(), began=0.0, cost=100_000_000)
    lost = AttemptRecord(target(), began=0.0, cost=200_000_000)
    free = AttemptRecord(target(), began=0.0)
    assert Record("r", "gemini", began=0.0, attempts=[paid, lost, free]).cost == 300_000_000
    assert Record("r", "gemini", began=0.0, attempts=[free]).cost is None


def test_where_it_went_is_said_in_one_word_and_how_often_it_was_sent() -> None:
    first = AttemptRecord(target(), began=0.0, failure=Failure(FailureKind.SERVER, "x"), outcome="failed")
    second = AttemptRecord(target("groq/odd model"), began=0.0)
    record = Record("r", "gemini", began=0.0)
    assert render_route(record) == ""
    record.attempts.append(first)
    assert render_route(record) == "openai/gpt-4o;attempts=1"
    record.attempts.append(second)
    assert render_route(record) == '"groq/odd model";attempts=2;pending'
    record.answered = second
    assert render_route(record) == '"groq/odd model";attempts=2'


def test_a_failure_is_named_by_its_kind_and_told_in_its_words() -> None:
    record = Record("req_1", "gemini", began=0.0, failure=Failure(FailureKind.RATE_LIMIT, "Slow down."))
    entry = record.entry()
    assert (entry["failure"], entry["error"]) == ("rate_limit", "Slow down.")


def test_a_count_is_told_apart_from_tokens_that_were_spent() -> None:
    record = Record("req_1", "anthropic", began=0.0, purpose="count", counted=12, estimated=True)
    entry = record.entry()
    assert (entry["purpose"], entry["counted_tokens"], entry["estimated"]) == ("count", 12, True)
    assert "input_tokens" not in entry
