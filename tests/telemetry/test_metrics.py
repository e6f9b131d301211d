"""Metrics, as Prometheus reads them, in one process and in several."""

import asyncio
import os
import subprocess
import sys
import timeit
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dragoman import __version__
from dragoman.conversation.failure import FailureKind
from dragoman.conversation.usage import Usage
from dragoman.telemetry.backing_state import BackingState
from dragoman.telemetry.instruments import INSTRUMENTS
from dragoman.telemetry.metrics import STATES, Metrics
from dragoman.telemetry.workers import SHARED, forget


class State(NamedTuple):
    name: str
    credential: str
    state: str
    in_flight: int = 0
    waiting: int = 0


class Going:
    """What goes on at targets, as a test says it."""

    def __init__(self, *states: State) -> None:
        self.states = list(states)

    def targets(self) -> list[State]:
        return self.states

    def in_use(self) -> int:
        return sum(state.in_flight for state in self.states)

    def waiting(self) -> int:
        return sum(state.waiting for state in self.states)


@pytest.fixture
def metrics() -> Metrics:
    made = Metrics(now=lambda: 1_800_000_000.5)
    made.configure(["openai/gpt-4o", "anthropic/claude-sonnet-4-5"])
    return made


def samples(metrics: Metrics) -> dict[str, float]:
    """Every sample on the page, under its name with its labels in order."""
    page, _ = metrics.render()
    return {
        sample.name
        + "".join(f",{name}={sample.labels[name]}" for name in sorted(sample.labels)): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def series(found: dict[str, float], name: str) -> dict[str, float]:
    """The samples of one name, but for those that are zero."""
    return {
        key[len(name) + 1 :]: value for key, value in found.items() if key.split(",")[0] == name and value
    }


def test_a_request_is_counted_with_its_outcome_and_timed(metrics: Metrics) -> None:
    metrics.request("chat", "anthropic", "", "answered", 1.5, stream=True)
    metrics.request("chat", "anthropic", "count", "left", 0.2, stream=False, waited=0.7)
    found = samples(metrics)
    assert series(found, "dragoman_requests_total") == {
        "dialect=anthropic,outcome=answered,purpose=answer,route=chat,stream=true": 1,
        "dialect=anthropic,outcome=left,purpose=count,route=chat,stream=false": 1,
    }
    assert found["dragoman_request_duration_seconds_sum,purpose=answer,route=chat,stream=true"] == 1.5
    assert series(found, "dragoman_request_wait_seconds_sum") == {"route=chat": 0.7}
    assert series(found, "dragoman_errors_total") == {}


def test_an_error_is_counted_by_its_kind(metrics: Metrics) -> None:
    metrics.request("chat", "gemini", "", "failed", 1, stream=False, failure=FailureKind.OVERLOADED)
    metrics.refused(FailureKind.AUTHENTICATION)
    found = samples(metrics)
    assert series(found, "dragoman_errors_total") == {"dialect=gemini,kind=overloaded,route=chat": 1}
    assert series(found, "dragoman_refusals_total") == {"kind=authentication": 1}


def test_an_attempt_is_counted_by_target_credential_outcome_and_failure(metrics: Metrics) -> None:
    metrics.attempt("openai/gpt-4o", "openai#2", "failed", FailureKind.RATE_LIMIT)
    metrics.attempt("openai/gpt-4o", "openai#1", "answered", None)
    assert series(samples(metrics), "dragoman_attempts_total") == {
        "credential=openai#2,failure=rate_limit,model=gpt-4o,outcome=failed,provider=openai": 1,
        "credential=openai#1,failure=,model=gpt-4o,outcome=answered,provider=openai": 1,
    }


def test_tokens_are_counted_by_kind_and_cost_in_dollars(metrics: Metrics) -> None:
    usage = Usage(input=10, output=7, cache_read=100, reasoning=3)
    metrics.spent("chat", "openai/gpt-4o", usage, 2_500_000)
    metrics.spent("chat", "openai/gpt-4o", usage, None, unpriced=True, estimated=True)
    found = samples(metrics)
    assert series(found, "dragoman_tokens_total") == {
        f"kind={kind},model=gpt-4o,provider=openai,route=chat": count
        for kind, count in {"input": 20, "output": 14, "cache_read": 200, "reasoning": 6}.items()
    }
    assert series(found, "dragoman_cost_dollars_total") == {"model=gpt-4o,provider=openai,route=chat": 0.0025}
    assert series(found, "dragoman_unpriced_attempts_total") == {"model=gpt-4o,provider=openai": 1}
    assert series(found, "dragoman_estimated_attempts_total") == {"model=gpt-4o,provider=openai": 1}


def test_what_costs_nothing_is_not_unpriced(metrics: Metrics) -> None:
    metrics.spent("chat", "openai/gpt-4o", Usage(input=1), 0)
    assert series(samples(metrics), "dragoman_unpriced_attempts_total") == {}


def test_the_stages_of_an_attempt_are_timed(metrics: Metrics) -> None:
    metrics.times("openai/gpt-4o", stream=True, queued=0.25, first_token=0.5, total=4)
    metrics.times("openai/gpt-4o", stream=False, queued=0.0)
    metrics.between_tokens("openai/gpt-4o", 0.02)
    metrics.own("passthrough", 0.001)
    metrics.own("passthrough", -0.001)
    found = samples(metrics)
    place = "model=gpt-4o,provider=openai"
    assert found[f"dragoman_queue_wait_seconds_sum,{place}"] == 0.25
    assert found[f"dragoman_queue_wait_seconds_count,{place}"] == 2
    assert series(found, "dragoman_time_to_first_token_seconds_sum") == {f"{place},stream=true": 0.5}
    assert series(found, "dragoman_upstream_duration_seconds_sum") == {f"{place},stream=true": 4}
    assert series(found, "dragoman_time_between_tokens_seconds_sum") == {place: 0.02}
    assert found["dragoman_own_duration_seconds_sum,plan=passthrough"] == 0.001


def test_what_clients_choose_never_becomes_a_label(metrics: Metrics) -> None:
    going = Going()
    metrics.watch(going)
    for number in range(50):
        name = f"openai/invented-{number}"
        metrics.request("", "openai_chat", "", "failed", 1, stream=False, failure=FailureKind.SERVER)
        metrics.attempt(name, "openai", "answered", None)
        metrics.times(name, stream=False, queued=0, first_token=1, total=2)
        metrics.between_tokens(name, 1)
        metrics.spent("", name, Usage(input=1, output=1), None, unpriced=True)
        metrics.spent("", name, Usage(input=1, output=1), 1_000_000_000, estimated=True)
        metrics.limited("", "key", "tokens")
        metrics.looked_up("", "hit")
        metrics.hedge("", "lost")
        metrics.retry("", elsewhere=True)
        metrics.skipped("", name)
        going.states.append(State(name, "openai", "healthy", in_flight=1))
    found = samples(metrics)
    assert not any("invented" in key for key in found)
    counted = "credential=openai,failure=,model=other,outcome=answered,provider=openai"
    assert series(found, "dragoman_attempts_total") == {counted: 50}
    in_flight = {"credential=openai,model=other,provider=openai": 50}
    assert series(found, "dragoman_target_in_flight") == in_flight


def test_limits_that_are_reached_are_counted_by_whose_they_are(metrics: Metrics) -> None:
    metrics.limited("chat", "team", "budget")
    metrics.limited("", "key", "requests")
    assert series(samples(metrics), "dragoman_limited_requests_total") == {
        "holder=team,limit=budget,route=chat": 1,
        "holder=key,limit=requests,route=other": 1,
    }


def test_what_the_gateway_stands_on_is_read_when_it_is_looked_at(metrics: Metrics) -> None:
    states = [
        BackingState(),
        BackingState(journal_unread_bytes=2000, journal_unread_since=1_800_000_000.0, rows_written=3),
        BackingState(
            store_usable=False,
            coordination_degraded=True,
            rows_written=5,
            entries_dropped=2,
            entries_rejected=1,
            leased_nanos=2_500_000_000,
            reserved_nanos=10_000_000,
        ),
    ]
    metrics.watch_backing(lambda: states.pop(0))
    found = samples(metrics)
    assert (found["dragoman_store_usable"], found["dragoman_coordination_degraded"]) == (1, 0)
    assert found["dragoman_journal_unread_bytes"] == 2000
    assert found["dragoman_journal_oldest_entry_age_seconds"] == 0.5
    assert found["dragoman_ledger_rows_total"] == 3
    found = samples(metrics)
    assert (found["dragoman_store_usable"], found["dragoman_coordination_degraded"]) == (0, 1)
    assert found["dragoman_journal_unread_bytes"] == 0
    assert found["dragoman_journal_oldest_entry_age_seconds"] == 0
    assert found["dragoman_ledger_rows_total"] == 5
    assert series(found, "dragoman_ledger_lost_entries_total") == {"reason=dropped": 2, "reason=rejected": 1}
    assert found["dragoman_budget_leased_dollars"] == 2.5
    assert found["dragoman_budget_reserved_dollars"] == 0.01


def test_gauges_tell_what_goes_on_when_they_are_looked_at(metrics: Metrics) -> None:
    going = Going(
        State("openai/gpt-4o", "openai#1", "resting"),
        State("openai/gpt-4o", "openai#2", "healthy", in_flight=3, waiting=2),
    )
    metrics.watch(going)
    found = samples(metrics)
    place = "credential=openai#2,model=gpt-4o,provider=openai"
    assert series(found, "dragoman_target_in_flight") == {place: 3}
    assert series(found, "dragoman_target_waiting") == {place: 2}
    assert series(found, "dragoman_target_state") == {
        "credential=openai#1,model=gpt-4o,provider=openai,state=resting": 1,
        "credential=openai#2,model=gpt-4o,provider=openai,state=healthy": 1,
    }
    assert (found["dragoman_places_in_use"], found["dragoman_queue_length"]) == (3, 2)
    states = [key for key in found if key.startswith("dragoman_target_state")]
    assert len(states) == 2 * len(STATES)


def test_a_target_that_is_gone_has_nothing_on_its_way(metrics: Metrics) -> None:
    going = Going(State("openai/gpt-4o", "openai", "healthy", in_flight=3))
    metrics.watch(going)
    assert series(samples(metrics), "dragoman_target_in_flight")
    going.states.clear()
    found = samples(metrics)
    assert series(found, "dragoman_target_in_flight") == {}
    assert series(found, "dragoman_target_state") == {}


def test_reloads_are_counted_and_the_last_one_is_told(metrics: Metrics) -> None:
    found = samples(metrics)
    assert found["dragoman_config_last_reload_successful"] == 1
    assert found["dragoman_config_last_reload_success_timestamp_seconds"] == 1_800_000_000.5
    assert found["dragoman_config_reloads_total,result=failure"] == 0
    metrics.reloaded(success=True)
    metrics.reloaded(success=False)
    found = samples(metrics)
    assert found["dragoman_config_last_reload_successful"] == 0
    assert found["dragoman_config_reloads_total,result=success"] == 1
    assert found["dragoman_config_reloads_total,result=failure"] == 1
    assert found[f"dragoman_build_info,version={__version__}"] == 1
    assert found["dragoman_workers"] == 1


def test_two_gateways_of_one_process_count_for_themselves() -> None:
    first, second = Metrics(), Metrics()
    first.retry("chat", elsewhere=False)
    assert series(samples(first), "dragoman_retries_total") == {"route=chat,to=same": 1}
    assert series(samples(second), "dragoman_retries_total") == {}


def test_the_page_is_prometheus_text_or_openmetrics_as_asked_for(metrics: Metrics) -> None:
    metrics.retry("chat", elsewhere=False)
    assert metrics.render()[1] == "text/plain; version=0.0.4; charset=utf-8"
    assert metrics.render("*/*")[1].startswith("text/plain")
    page, content_type = metrics.render("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert b"# TYPE dragoman_retries counter" in page
    assert page.endswith(b"# EOF\n")


def test_the_page_can_be_written_while_other_things_go_on(metrics: Metrics) -> None:
    metrics.retry("chat", elsewhere=False)
    page, content_type = asyncio.run(metrics.page("text/plain"))
    assert b'dragoman_retries_total{route="chat",to="same"} 1.0' in page
    assert content_type.startswith("text/plain")


def test_a_process_tells_of_itself(metrics: Metrics) -> None:
    assert samples(metrics)["process_resident_memory_bytes"] > 1_000_000


def test_names_follow_the_conventions_of_prometheus() -> None:
    for one in INSTRUMENTS:
        assert one.name.startswith("dragoman_")
        assert one.name.endswith("_total") == (one.kind == "counter"), one.name
        assert bool(one.buckets) == (one.kind == "histogram"), one.name
        assert one.kind != "histogram" or one.name.endswith("_seconds"), one.name
        assert list(one.buckets) == sorted(set(one.buckets))
        assert one.meaning.endswith(".")
    assert len({one.name for one in INSTRUMENTS}) == len(INSTRUMENTS)


def test_the_page_shows_every_metric(metrics: Metrics) -> None:
    metrics.watch_backing(BackingState)
    page, _ = metrics.render()
    told = {line.split()[2] for line in page.decode().splitlines() if line.startswith("# TYPE dragoman_")}
    assert told == {one.name for one in INSTRUMENTS}


def test_what_is_measured_of_a_request_costs_little(metrics: Metrics) -> None:
    """Some 10 us on a free machine; the bound is wide for busy ones."""
    usage, cost = Usage(input=10, output=7, cache_read=3), 10_000_000

    def count() -> None:
        metrics.request("chat", "openai_chat", "", "answered", 1.5, stream=True)
        metrics.own("passthrough", 0.001)
        metrics.attempt("openai/gpt-4o", "openai", "answered", None)
        metrics.times("openai/gpt-4o", stream=True, queued=0, first_token=0.5, total=1)
        metrics.spent("chat", "openai/gpt-4o", usage, cost)
        metrics.between_tokens("openai/gpt-4o", 0.02)

    assert min(timeit.repeat(count, number=200, repeat=10)) / 200 < 60e-6


@pytest.mark.parametrize("module", ["dragoman.cli.main", "dragoman.cli.serve"])
def test_the_library_is_not_there_before_workers_are_told_where_to_share(module: str) -> None:
    """It looks for their folder once, when it is imported. And the command line does not wait for it."""
    program = f"import sys, {module}; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# --- several workers -----------------------------------------------------------------------------

WORKER = """
import asyncio, os, sys
from dragoman.telemetry.backing_state import BackingState
from dragoman.telemetry.metrics import Metrics
from tests.telemetry.test_metrics import Going, State

async def main() -> None:
    metrics = Metrics(now=lambda: float(sys.argv[1]))
    metrics.configure(["openai/gpt-4o"])
    going = Going(State("openai/gpt-4o", "openai", sys.argv[2], in_flight=2))
    metrics.watch(going)
    away = sys.argv[2] == "resting"
    metrics.watch_backing(
        lambda: BackingState(
            store_usable=not away,
            coordination_degraded=away,
            journal_unread_bytes=100,
            journal_unread_since=float(sys.argv[1]) - 5 * away,
            rows_written=7,
            reserved_nanos=500_000_000,
        )
    )
    metrics.retry("chat", elsewhere=False)
    metrics.between_tokens("openai/gpt-4o", 0.02)
    current = asyncio.create_task(metrics.keep_current())
    for line in iter(lambda: sys.stdin.readline().strip(), ""):
        match line:
            case "idle":
                going.states[0] = State("openai/gpt-4o", "openai", "healthy")
            case "fail":
                metrics.reloaded(success=False)
        await asyncio.sleep(1.2 if line == "idle" else 0)
        page = metrics.render()[0].decode() if line == "render" else ""
        print(page + "---", flush=True)

asyncio.run(main())
"""


class Worker:
    """A process with metrics of its own, which does what it is told."""

    def __init__(self, folder: Path, loaded: int, state: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(loaded), state],
            env={**os.environ, SHARED: str(folder), "PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, order: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        lines: list[str] = []
        while (line := self.process.stdout.readline()) not in {"---\n", ""}:
            lines.append(line)
        return "".join(lines)

    def samples(self) -> dict[str, float]:
        return {
            sample.name + "".join(f",{sample.labels[name]}" for name in sorted(sample.labels)): sample.value
            for family in text_string_to_metric_families(self.tell("render"))
            for sample in family.samples
        }

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[Worker]]:
    started = [Worker(tmp_path, 1_800_000_000, "healthy"), Worker(tmp_path, 1_800_000_100, "resting")]
    for worker in started:
        worker.tell("begin")
    yield started
    for worker in started:
        worker.end()


def test_each_worker_shows_the_sum_of_all(workers: list[Worker]) -> None:
    for worker in workers:
        found = worker.samples()
        assert found["dragoman_retries_total,chat,same"] == 2
        assert found["dragoman_time_between_tokens_seconds_count,gpt-4o,openai"] == 2
        assert found["dragoman_time_between_tokens_seconds_bucket,0.02,gpt-4o,openai"] == 2
        assert found["dragoman_target_in_flight,openai,gpt-4o,openai"] == 4
        assert found["dragoman_target_state,openai,gpt-4o,openai,resting"] == 1
        assert found["dragoman_target_state,openai,gpt-4o,openai,healthy"] == 1
        assert found["dragoman_places_in_use"] == 4
        assert found["dragoman_workers"] == 2
        assert found[f"dragoman_build_info,{__version__}"] == 1
        assert found["dragoman_config_last_reload_success_timestamp_seconds"] == 1_800_000_000
        assert found["dragoman_config_last_reload_successful"] == 1


def test_what_workers_stand_on_is_told_of_the_worst_and_summed_up(workers: list[Worker]) -> None:
    for worker in workers:
        found = worker.samples()
        assert found["dragoman_store_usable"] == 0
        assert found["dragoman_coordination_degraded"] == 1
        assert found["dragoman_journal_unread_bytes"] == 200
        assert found["dragoman_journal_oldest_entry_age_seconds"] == 5
        assert found["dragoman_ledger_rows_total"] == 14
        assert found["dragoman_budget_reserved_dollars"] == 1


def test_a_worker_shows_within_seconds_what_another_has_going_on(workers: list[Worker]) -> None:
    workers[1].tell("idle")
    found = workers[0].samples()
    assert found["dragoman_target_in_flight,openai,gpt-4o,openai"] == 2
    assert found["dragoman_target_state,openai,gpt-4o,openai,healthy"] == 2


def test_a_reload_that_failed_in_one_worker_is_seen_in_all(workers: list[Worker]) -> None:
    workers[1].tell("fail")
    assert workers[0].samples()["dragoman_config_last_reload_successful"] == 0


def test_what_a_worker_has_counted_stays_when_it_is_gone(
    workers: list[Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers[1].end()
    monkeypatch.setenv(SHARED, str(tmp_path))
    forget(workers[1].process.pid)
    found = workers[0].samples()
    assert found["dragoman_retries_total,chat,same"] == 2
    assert found["dragoman_target_in_flight,openai,gpt-4o,openai"] == 2
    assert found["dragoman_workers"] == 1
    assert found["dragoman_ledger_rows_total"] == 14
    assert found["dragoman_journal_unread_bytes"] == 100
    assert found["dragoman_store_usable"] == 1


def test_alone_there_is_nothing_to_keep_current() -> None:
    asyncio.run(asyncio.wait_for(Metrics().keep_current(), 1))
