"""Mixed traffic at full speed: every format in front and behind, streamed and whole; a fifth of the upstream
requests fail in every way, and a tenth of the clients leave.
"""

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.soak.errands import DIALECTS, FAILING, LEAVING, Fate
from tests.soak.gateway import configuration
from tests.soak.judgement import Outcome
from tests.soak.process import Held, Memory, Noted, Service, Traffic, gateway, settled, traffic
from tests.soak.traffic import Report

SEED = 20_260
"""Any number will do: it fixes who asks what, who leaves, and which upstream requests fail."""

WARM_UP = 5.0
"""Seconds of traffic after which files, threads and pools are open that stay so."""

GROWTH = 0.05
"""How much more memory the last third of the time may take than the one before."""

NOTHING_GOING_ON = ("dragoman_target_in_flight", "dragoman_places_in_use", "dragoman_queue_length")
"""Measures that are 0 when everybody has gone."""


def test_nothing_is_wrong_lost_or_left_behind(soak_seconds: float, tmp_path: Path) -> None:
    with traffic(SEED) as both, gateway(configuration(both.upstream_port), tmp_path) as service:
        both.run(service.port, WARM_UP)
        both.close()
        before = settled(service.process)
        memory = Memory(service.process)
        used = service.process.cpu_seconds()
        with memory.sampling():
            report = both.run(service.port, soak_seconds)
        used = service.process.cpu_seconds() - used
        left = _left(both, service, before)
        summary = _summary(report, memory.samples, used, service.noted)
        complaints = [*left, *_grown(memory.samples)]
    # the log is complete only when the gateway has ended
    complaints += [*report.problems, *_unaccounted(report, service.noted), *_untried(report)]
    sys.stdout.write(summary)
    assert not complaints, "\n".join(complaints)


def _left(both: Traffic, service: Service, before: Held) -> Iterator[str]:
    """What is not given back when everybody has gone."""
    both.close()
    after = settled(service.process)
    if any(now > then for now, then in zip(after, before, strict=True)):
        yield f"open after the traffic: {after}; before it: {before}"
    gauges = service.gauges()
    yield from (f"{name} is {gauges[name]:g}" for name in NOTHING_GOING_ON if gauges[name])


def _grown(samples: list[int]) -> Iterator[str]:
    """Memory that grows: medians of thirds, as single samples tell of the moment's traffic."""
    third = len(samples) // 3
    earlier, later = (statistics.median(part) for part in (samples[third : 2 * third], samples[2 * third :]))
    if later > earlier * (1 + GROWTH):
        yield f"memory grows: {earlier / 1e6:.1f} MB, then {later / 1e6:.1f} MB"


def _unaccounted(report: Report, noted: Noted) -> Iterator[str]:
    """Requests that are not in the log, or twice."""
    yield from noted.problems
    if noted.exchanges.total() != report.sent:
        yield f"{report.sent} requests were sent, {noted.exchanges.total()} are noted"
    if len(noted.exchanges) != noted.exchanges.total():
        yield f"noted under the same id: {noted.exchanges.most_common(3)}"
    if len(set(report.ids)) != len(report.ids):
        yield "two clients saw the same request id"
    if unknown := set(report.ids) - noted.exchanges.keys():
        yield f"{len(unknown)} request ids are not noted, such as {min(unknown)!r}"
    made = report.upstream_requests
    if not made <= noted.attempts <= made + noted.cut:
        yield (
            f"{made} attempts came to the upstream; {noted.attempts} are noted, {noted.cut} of them given up "
            "before their answer began"
        )


def _untried(report: Report) -> Iterator[str]:
    """What the traffic was to hold and did not: then the soak has shown nothing."""
    yield from (f"no upstream request met with '{fate}'" for fate in Fate if fate not in report.fates)
    yield from (f"no errand was {outcome}" for outcome in Outcome if outcome not in report.outcomes)
    if report.pairs != 2 * len(DIALECTS) ** 2:
        yield f"only {report.pairs} combinations of formats were served"
    failed = 1 - report.fates.get(Fate.WELL, 0) / max(1, report.upstream_requests)
    if not 0.8 * FAILING < failed < 1.2 * FAILING:
        yield f"{failed:.1%} of the upstream requests failed"
    left = report.outcomes.get(Outcome.LEFT, 0) / max(1, report.sent)
    if not 0.5 * LEAVING < left < 1.2 * LEAVING:
        yield f"{left:.1%} of the clients left"


def _summary(report: Report, samples: list[int], used: float, noted: Noted) -> str:
    tenth = max(1, len(samples) // 10)
    parts = [samples[start : start + tenth] for start in range(0, len(samples), tenth)]
    memory = ", ".join(f"{statistics.median(part) / 1e6:.1f}" for part in parts)
    return "\n".join(
        [
            "",
            (
                f"{report.sent} requests, the last ones at {report.rate:.0f} a second; "
                f"the gateway took {used / max(report.seconds, 1):.0%} of a core"
            ),
            f"outcomes: {report.outcomes}; after another attempt: {report.retried}",
            f"upstream: {report.upstream_requests} requests ({report.resent} resent), {report.fates}",
            f"log: {noted.attempts} attempts, {noted.cut} given up early; {dict(noted.others)}",
            f"memory, MB, medians of tenths: {memory}",
            "",
        ]
    )
