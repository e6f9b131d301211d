"""What becomes of an exchange that has ended: a log entry, and one for each attempt where there is more to
say than of the whole; metrics.
"""

import contextlib
import logging

import structlog
from structlog.typing import FilteringBoundLogger

from dragoman.access.holder import HolderKind
from dragoman.config.settings import Settings, TargetSettings
from dragoman.conversation.failure import STATUS, Failure, FailureKind
from dragoman.gateway.record import AttemptRecord, LimitName, Record
from dragoman.telemetry.metrics import Metrics

_log: FilteringBoundLogger = structlog.get_logger("dragoman")

_REQUESTS_FAULT = frozenset(
    {
        FailureKind.INVALID_REQUEST,
        FailureKind.CONTEXT_OVERFLOW,
        FailureKind.CONTENT_POLICY,
        FailureKind.AUTHENTICATION,
        FailureKind.NOT_FOUND,
        FailureKind.METHOD_NOT_ALLOWED,
        FailureKind.REQUEST_TIMEOUT,
        FailureKind.CONFLICT,
        FailureKind.TOO_LARGE,
        FailureKind.CLIENT_CLOSED,
    }
)
"""Kinds of failures that say something of the request, and nothing of the upstream that refuses it."""

_LIMITS = frozenset({"rate_limit_exceeded", "concurrency_limit", "budget_exceeded"})
"""Codes of our own refusals because of limits and budgets."""


class Journal:
    """Takes note of ended exchanges. Called by the gateway, once for each."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def __call__(self, record: Record, /) -> None:
        """Take note of one exchange. Never raises: the answer has gone out, or is about to."""
        try:
            _log_entries(record)
        except Exception as error:  # noqa: BLE001 - it is logged, as far as logging works
            _complain(error)
        try:
            self._count(record)
        except Exception as error:  # noqa: BLE001 - it is logged
            _complain(error)

    def _count(self, record: Record) -> None:
        metrics, route = self._metrics, record.route
        total = (record.began if record.ended is None else record.ended) - record.began
        outcome = "left" if record.client_left else "answered" if record.failure is None else "failed"
        metrics.request(
            route,
            record.dialect,
            record.purpose,
            outcome,
            total,
            stream=record.stream,
            waited=record.waited,
            failure=None if record.failure is None else record.failure.kind,
        )
        if (limit := _limit(record)) is not None:
            metrics.limited(route, *limit)
        if record.cache:
            metrics.looked_up(route, record.cache)
        metrics.own("" if record.last is None else record.last.plan, total - record.waited - _outside(record))
        before: AttemptRecord | None = None
        for attempt in record.attempts:
            self._count_attempt(record, attempt)
            if attempt.hedge:
                metrics.hedge(route, attempt.outcome)
            elif before is not None:
                metrics.retry(route, elsewhere=attempt.target.name != before.target.name)
            before = before if attempt.hedge else attempt
        for excluded in record.excluded:
            metrics.skipped(route, excluded.target.name)

    def _count_attempt(self, record: Record, attempt: AttemptRecord) -> None:
        metrics, target, outcome = self._metrics, attempt.target.name, attempt.outcome
        failure = None if attempt.failure is None else attempt.failure.kind
        metrics.attempt(target, attempt.target.credential, outcome, failure)
        answered = outcome == "answered"
        metrics.times(
            target,
            stream=record.stream,
            queued=_seconds(attempt.planned, attempt.admitted),
            first_token=_seconds(attempt.sent, attempt.first_event),
            total=_seconds(attempt.sent, attempt.ended) if answered else None,
        )
        usage = attempt.usage
        if usage is None:
            return
        metrics.spent(
            record.route, target, usage, attempt.cost, unpriced=attempt.unpriced, estimated=attempt.estimated
        )
        if answered and record.stream and (usage.output or 0) > 1:
            speaking = _seconds(attempt.first_event, attempt.ended)
            if speaking is not None:
                metrics.between_tokens(target, speaking / ((usage.output or 0) - 1))


def _complain(error: Exception) -> None:
    with contextlib.suppress(Exception):
        _log.error("an exchange could not be noted", error=repr(error))


def configured_targets(settings: Settings) -> list[str]:
    """What the configuration names, as `provider/model`: targets of routes, and models of providers."""
    named = [
        target.target if isinstance(target, TargetSettings) else target
        for route in settings.routes.values()
        for target in route.targets
    ]
    return [*named, *(f"{name}/{model}" for name, one in settings.providers.items() for model in one.models)]


def _log_entries(record: Record) -> None:
    log = _log.bind()  # the proxy would look for the real one with each question
    for attempt in () if record.simple else record.attempts:
        at_fault = attempt.failure is not None and _upstream_at_fault(attempt.failure, record)
        level = logging.WARNING if at_fault else logging.INFO
        if log.is_enabled_for(level):
            log.log(level, "attempt", request_id=record.request_id, **attempt.entry())
    failed = record.failure is not None and STATUS[record.failure.kind] >= 500
    level = logging.WARNING if failed else logging.INFO
    if log.is_enabled_for(level):
        log.log(level, "exchange failed" if failed else "exchange", **record.entry())


def _upstream_at_fault(failure: Failure, record: Record) -> bool:
    """Whether the operator has to know, because other requests may fail in the same way."""
    if failure.kind is FailureKind.MODEL_NOT_FOUND:
        # of a route, it is the configuration's; else clients ask for what they like
        return bool(record.route)
    # without a status it is ours: there was no free place
    full = failure.kind is FailureKind.RATE_LIMIT and failure.status is None
    return not full and failure.kind not in _REQUESTS_FAULT


def _limit(record: Record) -> tuple[HolderKind, LimitName] | None:
    """Whose limit refused the request, and which, where that is how it ended."""
    failure = record.failure
    refused = failure is not None and failure.status is None and failure.code in _LIMITS
    return record.reached if refused else None


def _outside(record: Record) -> float:
    """Seconds in which at least one attempt waited for a free place or was with its upstream."""
    attempts = record.attempts
    if len(attempts) == 1:
        # its spans follow each other
        (only,) = attempts
        return (_seconds(only.planned, only.admitted) or 0.0) + (_seconds(only.sent, only.ended) or 0.0)
    spans: list[tuple[float, float]] = []
    for attempt in attempts:
        for began, ended in ((attempt.planned, attempt.admitted), (attempt.sent, attempt.ended)):
            if began is not None and ended is not None:
                spans.append((began, ended))
    total, until = 0.0, 0.0
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total


def _seconds(began: float | None, ended: float | None) -> float | None:
    return None if began is None or ended is None else ended - began
