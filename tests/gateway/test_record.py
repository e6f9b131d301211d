"""The log entry of an exchange says what happened, briefly."""

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.loss import dropped
from dragoman.conversation.response import StopReason
from dragoman.conversation.usage import Usage
from dragoman.gateway.record import Record


def test_an_entry_holds_only_what_there_is_to_say() -> None:
    assert Record("req_1", "anthropic", began=10.0).entry() == {"request_id": "req_1", "dialect": "anthropic"}


def test_a_whole_exchange_is_told_in_one_entry() -> None:
    record = Record(
        "req_1",
        "anthropic",
        began=10.0,
        key="key 1",
        model="best",
        provider="openai",
        upstream_model="gpt-4o",
        upstream_dialect="openai_chat",
        plan="translation",
        stream=True,
        attempts=2,
        first_byte=10.25,
        ended=11.5,
        usage=Usage(input=3, output=5, cache_read=7),
        stops=(StopReason.END,),
        losses=(dropped("$.top_k", "top_k"), dropped("$.seed", "seed")),
    )
    assert record.entry() == {
        "request_id": "req_1",
        "dialect": "anthropic",
        "key": "key 1",
        "model": "best",
        "target": "openai/gpt-4o",
        "upstream_dialect": "openai_chat",
        "plan": "translation",
        "stream": True,
        "attempts": 2,
        "first_byte_ms": 250.0,
        "total_ms": 1500.0,
        "input_tokens": 3,
        "cache_read_tokens": 7,
        "output_tokens": 5,
        "stop": "end",
        "losses": 'top_k;kind=dropped;path="$.top_k", seed;kind=dropped;path="$.seed"',
    }


def test_a_failure_is_named_by_its_kind_and_told_in_its_words() -> None:
    record = Record("req_1", "gemini", began=0.0, failure=Failure(FailureKind.RATE_LIMIT, "Slow down."))
    entry = record.entry()
    assert (entry["failure"], entry["error"]) == ("rate_limit", "Slow down.")


def test_a_count_is_told_apart_from_tokens_that_were_spent() -> None:
    record = Record("req_1", "anthropic", began=0.0, purpose="count", counted=12, estimated=True)
    entry = record.entry()
    assert (entry["purpose"], entry["counted_tokens"], entry["estimated"]) == ("count", 12, True)
    assert "input_tokens" not in entry
