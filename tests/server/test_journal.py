"""What is noted of an exchange that has ended."""

from collections.abc import MutableMapping
from typing import cast

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from dragoman.config.settings import ProviderSettings, RouteSettings, Settings, TargetSettings
from dragoman.conversation.failure import Failure
from dragoman.conversation.failure import FailureKind as Kind
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Target
from dragoman.gateway.record import AttemptRecord, LimitName, Outcome, Record
from dragoman.models.profile import Profile
from dragoman.providers.provider import Provider
from dragoman.routing.route import Exclusion, RouteTarget
from dragoman.server.journal import Journal, configured_targets
from dragoman.telemetry.metrics import Metrics

Entries = list[MutableMapping[str, object]]

BUSY = Failure(Kind.OVERLOADED, "busy", status=503)


def target(name: str, credential: str = "") -> RouteTarget:
    provider, _, model = name.partition("/")
    at = Target(provider, model, provider, Profile("any"))
    return RouteTarget(Provider(provider, ("openai_chat",)), at, name, credential or provider)


FIRST, SECOND = target("openai/gpt-4o"), target("azure/gpt-4o", "azure#2")


def attempt(
    at: RouteTarget = FIRST,
    began: float = 100.0,
    outcome: Outcome = "answered",
    *,
    failure: Failure | None = None,
    hedge: bool = False,
    usage: Usage | None = None,
    cost: int | None = None,
) -> AttemptRecord:
    """5 ms to plan, 20 ms for a place, 5 ms to send, a second to the first token and another to the end."""
    return AttemptRecord(
        at,
        began,
        hedge=hedge,
        plan="passthrough",
        planned=began + 0.005,
        admitted=began + 0.025,
        sent=began + 0.03,
        connected=began + 0.04,
        first_byte=began + 0.9,
        first_event=began + 1.03,
        ended=began + 2.03,
        outcome=outcome,
        failure=failure,
        usage=usage,
        cost=cost,
    )


def record(*attempts: AttemptRecord, failure: Failure | None = None, seconds: float = 2.04) -> Record:
    return Record(
        "req_1",
        "anthropic",
        began=100.0,
        key="key 1",
        model="chat",
        route="chat",
        stream=True,
        attempts=list(attempts),
        answered=next((one for one in attempts if one.outcome == "answered"), None),
        ended=100.0 + seconds,
        failure=failure,
    )


def noted(*records: Record) -> tuple[Entries, dict[str, float]]:
    """What is logged and what is counted of exchanges, without what is zero."""
    metrics = Metrics()
    metrics.configure([FIRST.name, SECOND.name])
    with capture_logs() as entries:
        for one in records:
            Journal(metrics)(one)
    found = {
        sample.name[len("dragoman_") :]
        + "".join(f",{sample.labels[name]}" for name in sorted(sample.labels)): sample.value
        for family in text_string_to_metric_families(metrics.render()[0].decode())
        for sample in family.samples
        if sample.name.startswith("dragoman_") and sample.value
    }
    return entries, found


def test_an_exchange_that_one_attempt_has_answered_is_one_entry_with_its_stages() -> None:
    entries, _ = noted(record(attempt(usage=Usage(input=3, output=11), cost=10_000_000)))
    (only,) = entries
    assert (only["event"], only["log_level"], only["request_id"]) == ("exchange", "info", "req_1")
    assert (only["target"], only["queue_ms"], only["cost_usd"]) == (FIRST.name, 20.0, "0.01")
    assert (only["total_ms"], only["output_tokens"], only["key"]) == (2040.0, 11, "key 1")
    assert (only["attempts"], only["plan_ms"]) == (1, 5.0)


def test_an_answered_exchange_is_counted_and_timed() -> None:
    _, found = noted(record(attempt(usage=Usage(input=3, output=11), cost=10_000_000)))
    assert found["requests_total,anthropic,answered,answer,chat,true"] == 1
    assert found["request_duration_seconds_sum,answer,chat,true"] == pytest.approx(2.04)
    assert found["attempts_total,openai,,gpt-4o,answered,openai"] == 1
    assert found["time_to_first_token_seconds_sum,gpt-4o,openai,true"] == pytest.approx(1.0)
    assert found["upstream_duration_seconds_sum,gpt-4o,openai,true"] == pytest.approx(2.0)
    assert found["queue_wait_seconds_sum,gpt-4o,openai"] == pytest.approx(0.02)
    assert found["time_between_tokens_seconds_sum,gpt-4o,openai"] == pytest.approx(0.1)
    assert found["tokens_total,input,gpt-4o,openai,chat"] == 3
    assert found["cost_dollars_total,gpt-4o,openai,chat"] == pytest.approx(0.01)
    assert not [name for name in found if name.startswith(("errors", "retries", "hedges", "skipped"))]


def test_the_gateways_own_time_is_what_it_did_not_wait_for() -> None:
    _, found = noted(record(attempt()))
    assert found["own_duration_seconds_sum,passthrough"] == pytest.approx(2.04 - 0.02 - 2.0)


def test_time_in_which_two_upstreams_were_waited_for_counts_once() -> None:
    raced = record(attempt(outcome="lost"), attempt(SECOND, 101.0, hedge=True), seconds=3.05)
    _, found = noted(raced)
    # 100.005 to 100.025 for a place, 100.03 to 103.03 for one upstream or the other
    assert found["own_duration_seconds_sum,passthrough"] == pytest.approx(3.05 - 0.02 - 3.0)


def test_waiting_of_the_exchange_itself_is_not_its_own_time() -> None:
    waiting = record(seconds=5)
    waiting.waited = 4.5
    _, found = noted(waiting)
    assert found["request_wait_seconds_sum,chat"] == 4.5
    assert found["own_duration_seconds_sum,"] == pytest.approx(0.5)


def test_a_fallback_is_a_retry_elsewhere_and_a_failed_attempt_says_why() -> None:
    entries, found = noted(record(attempt(outcome="failed", failure=BUSY), attempt(SECOND, 102.1)))
    assert [(entry["event"], entry["log_level"]) for entry in entries] == [
        ("attempt", "warning"),
        ("attempt", "info"),
        ("exchange", "info"),
    ]
    assert (entries[0]["failure"], entries[0]["error"]) == ("overloaded", "busy")
    assert found["retries_total,chat,other"] == 1
    assert found["attempts_total,openai,overloaded,gpt-4o,failed,openai"] == 1
    assert found["attempts_total,azure#2,,gpt-4o,answered,azure"] == 1
    assert "upstream_duration_seconds_sum,gpt-4o,openai,true" not in found


def test_a_second_try_at_the_same_target_is_a_retry_there() -> None:
    _, found = noted(record(attempt(outcome="failed", failure=BUSY), attempt(began=102.1)))
    assert found["retries_total,chat,same"] == 1


def test_a_hedge_is_no_retry() -> None:
    _, found = noted(record(attempt(outcome="lost"), attempt(SECOND, 101.0, hedge=True)))
    assert found["hedges_total,answered,chat"] == 1
    assert not [name for name in found if name.startswith("retries")]


def test_what_a_lost_attempt_used_is_counted_too() -> None:
    used, cost = Usage(input=5, output=2), 500_000_000
    both = (attempt(outcome="lost", usage=used, cost=cost), attempt(SECOND, 101.0, usage=used, cost=cost))
    _, found = noted(record(*both))
    assert found["tokens_total,output,gpt-4o,openai,chat"] == 2
    assert found["cost_dollars_total,gpt-4o,openai,chat"] == 0.5
    assert "time_between_tokens_seconds_sum,gpt-4o,openai" not in found


def test_a_failed_exchange_is_a_warning_where_it_is_not_the_clients_fault() -> None:
    entries, found = noted(
        record(attempt(outcome="failed", failure=BUSY), failure=BUSY),
        record(failure=Failure(Kind.INVALID_REQUEST, "no")),
    )
    assert [(entry["event"], entry["log_level"]) for entry in entries[1:]] == [
        ("exchange failed", "warning"),
        ("exchange", "info"),
    ]
    assert found["errors_total,anthropic,overloaded,chat"] == 1
    assert found["errors_total,anthropic,invalid_request,chat"] == 1
    assert found["requests_total,anthropic,failed,answer,chat,true"] == 2


def test_a_client_that_left_is_neither_answered_nor_failed() -> None:
    left = record(attempt(outcome="abandoned"))
    left.client_left = True
    _, found = noted(left)
    assert found["requests_total,anthropic,left,answer,chat,true"] == 1


@pytest.mark.parametrize(
    ("failure", "level"),
    [
        (Failure(Kind.INVALID_REQUEST, "no", status=400), "info"),
        (Failure(Kind.CONTEXT_OVERFLOW, "long", status=400), "info"),
        (Failure(Kind.RATE_LIMIT, "slowly", status=429), "warning"),
        (Failure(Kind.RATE_LIMIT, "no free place", code="concurrency_limit"), "info"),
        (Failure(Kind.UPSTREAM_AUTHENTICATION, "who?", status=401), "warning"),
        (Failure(Kind.TIMEOUT, "silence"), "warning"),
        (Failure(Kind.BAD_GATEWAY, "noise"), "warning"),
        (Failure(Kind.MODEL_NOT_FOUND, "what?", status=404), "warning"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.kind),
)
def test_a_failed_attempt_is_a_warning_where_the_upstream_is_at_fault(failure: Failure, level: str) -> None:
    entries, _ = noted(record(attempt(outcome="failed", failure=failure)))
    assert entries[0]["log_level"] == level


def test_a_model_that_a_client_has_made_up_is_no_reason_to_warn() -> None:
    asked = record(attempt(outcome="failed", failure=Failure(Kind.MODEL_NOT_FOUND, "what?", status=404)))
    asked.route = ""
    entries, found = noted(asked)
    assert entries[0]["log_level"] == "info"
    assert found["requests_total,anthropic,answered,answer,other,true"] == 1


def test_targets_that_were_not_asked_are_told_and_counted() -> None:
    choosy = record(attempt(SECOND))
    choosy.excluded.append(Exclusion(FIRST, "resting for 3 s"))
    entries, found = noted(choosy)
    assert entries[-1]["excluded"] == "openai/gpt-4o: resting for 3 s"
    assert found["skipped_targets_total,gpt-4o,openai,chat"] == 1


def test_a_record_of_nothing_is_noted() -> None:
    entries, found = noted(Record("req_1", "gemini", began=1.0))
    assert [entry["event"] for entry in entries] == ["exchange"]
    assert found["requests_total,gemini,answered,answer,other,false"] == 1


def test_nothing_that_goes_wrong_reaches_the_exchange() -> None:
    broken = msgspec.structs.replace(record(), attempts=[cast("AttemptRecord", object())])
    entries, found = noted(broken, record())
    assert [entry["event"] for entry in entries] == [*["an exchange could not be noted"] * 2, "exchange"]
    assert found["requests_total,anthropic,answered,answer,chat,true"] == 2


def test_the_configured_targets_are_those_of_routes_and_the_models_of_providers() -> None:
    settings = Settings(
        providers={"local": ProviderSettings(models=("llama", "qwen"))},
        routes={"chat": RouteSettings(targets=("openai/gpt-4o", TargetSettings("azure/gpt-4o")))},
    )
    assert configured_targets(settings) == ["openai/gpt-4o", "azure/gpt-4o", "local/llama", "local/qwen"]


@pytest.mark.parametrize(
    ("code", "limit"),
    [
        ("rate_limit_exceeded", "tokens"),
        ("concurrency_limit", "concurrency"),
        ("budget_exceeded", "budget"),
    ],
)
def test_a_request_that_a_limit_refuses_is_counted_by_whose_it_is(code: str, limit: LimitName) -> None:
    refused = record(failure=Failure(Kind.RATE_LIMIT, "no more", code=code))
    refused.reached = ("team", limit)
    _, found = noted(refused)
    assert found[f"limited_requests_total,team,{limit},chat"] == 1


def test_a_limit_of_the_upstreams_own_is_none_of_ours() -> None:
    """Nor is one that was reached at a target before another refused for a reason of its own."""
    for failure in (
        Failure(Kind.RATE_LIMIT, "slow down", code="rate_limit_exceeded", status=429),
        BUSY,
        None,
    ):
        ended = record(failure=failure)
        ended.reached = ("key", "budget")
        _, found = noted(ended)
        assert not [name for name in found if name.startswith("limited_")]


def test_answers_that_are_looked_for_are_counted_as_hits_and_misses() -> None:
    hit, miss = record(), record()
    hit.cache, miss.cache = "hit", "miss"
    _, found = noted(hit, miss, miss, record())
    assert found["cache_lookups_total,hit,chat"] == 1
    assert found["cache_lookups_total,miss,chat"] == 2


def test_what_is_estimated_or_has_no_price_is_counted() -> None:
    guessed = attempt(usage=Usage(input=3), cost=10)
    guessed.estimated = guessed.unpriced = True
    _, found = noted(record(guessed), record(attempt(usage=Usage(input=3), cost=10)))
    assert found["estimated_attempts_total,gpt-4o,openai"] == 1
    assert found["unpriced_attempts_total,gpt-4o,openai"] == 1
