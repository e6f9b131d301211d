"""What is written down of an exchange: its entry in the ledger, before the client has its whole answer."""

import time
from collections.abc import Iterable

from msgspec.structs import astuple

from dragoman.conversation.failure import Failure
from dragoman.conversation.usage import Usage
from dragoman.gateway.answer_headers import error_headers, render_losses
from dragoman.gateway.call import Call, Client
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.overheard import OverheardClient
from dragoman.gateway.record import AttemptRecord, Record, render_route
from dragoman.store.entry import AttemptEntry, BodyEntry, Charge, Entry, UsageCounts

LEFT = 499
"""The status of requests whose client has left, as nginx has it."""

_NO_USAGE = UsageCounts()


def overhear(gateway: Gateway, client: Client) -> Client:
    """The client, with its answer kept where the ledger keeps bodies."""
    settings = gateway.ledger.settings
    return client if settings.bodies == "off" else OverheardClient(client, 2 * settings.max_body_bytes)


def note_end(gateway: Gateway, call: Call, record: Record, client: Client) -> None:
    """Bring an exchange that has ended to the ledger, with what is kept of its bodies."""
    record.ended = time.monotonic()
    if isinstance(client, OverheardClient):
        note(gateway, call, record, client.bodies(call, gateway.bodies))
    else:
        note(gateway, call, record)
    gateway.journal(record)


def note(gateway: Gateway, call: Call, record: Record, bodies: tuple[BodyEntry, ...] = ()) -> None:
    """Bring an exchange to the ledger as it is now. If it is there already, only where something has changed
    since: another attempt has ended, the client has left, or there are bodies to keep.
    """
    running = 0
    for one in record.attempts:
        if one.ended is None and one is not record.answered:
            running += 1
    state = (record.client_left, record.failure is None, record.cost, len(record.attempts), running)
    if state == record.noted and not bodies:
        return
    entry = entry_of(call, record, gateway.now(), gateway.node, bodies)
    record.noted = state
    record.revision += 1
    gateway.ledger.write(entry)


def entry_of(
    call: Call, record: Record, now: float, node: str = "", bodies: tuple[BodyEntry, ...] = ()
) -> Entry:
    """The entry of an exchange, as far as it has come at `now`, in Unix seconds. `node` is who serves it."""
    key, last, moment, start = call.key, record.last, time.monotonic(), record.began
    began = now - moment
    failure, answered = record.failure, record.answered
    attempts = [_attempt(one, began, moment, answered=one is answered) for one in record.attempts]
    if len(attempts) == 1 and (only := record.attempts[0]) is last:
        # nearly always; everything of the only one is that of the exchange, if no kept answer came after it
        usage, charges = attempts[0].usage, only.charges
        estimated, unpriced = record.estimated or only.estimated, only.unpriced
    else:
        usage, charges = _counts(record.usage), _joined(record.attempts)
        estimated = record.estimated or any(one.estimated for one in record.attempts)
        unpriced = any(one.unpriced for one in record.attempts)
    # by position, in the order of its fields: by their names takes seven times as long
    return Entry(
        record.request_id,
        began + start,
        key.id,
        key.name,
        record.dialect,
        record.model,
        LEFT if record.client_left else record.status,
        record.revision,
        key.owner,
        key.team_id,
        key.team_name,
        key.tags,
        record.route,
        "" if last is None else last.target.name,
        "" if last is None else last.upstream_dialect,
        record.plan or ("" if last is None else last.plan),
        record.purpose,
        record.stream,
        record.cached,
        round(record.waited, 6) if record.waited else 0.0,
        None if last is None else _seconds(start, last.first_event),
        _seconds(start, record.ended or moment),
        ",".join(record.stops),
        "" if failure is None else str(failure.kind),
        "" if failure is None else failure.message,
        render_losses(record.losses) if record.losses else "",
        usage,
        estimated,
        record.cost,
        unpriced,
        node,
        tuple(attempts),
        charges,
        bodies,
    )


def _attempt(attempt: AttemptRecord, began: float, moment: float, *, answered: bool) -> AttemptEntry:
    failure, outcome, target, sent = attempt.failure, attempt.outcome, attempt.target, attempt.sent
    if attempt.ended is None:
        # the last byte of the answer is about to go out
        outcome = "failed" if failure is not None else "answered" if answered else outcome
    # by position, too
    return AttemptEntry(
        target.name,
        target.credential,
        attempt.upstream_dialect,
        attempt.plan,
        outcome,
        began + attempt.began,
        attempt.hedge,
        attempt.resent,
        _seconds(attempt.planned, attempt.admitted),
        _seconds(sent, attempt.connected),
        _seconds(sent, attempt.first_byte),
        _seconds(sent, attempt.first_event),
        _seconds(attempt.began, attempt.ended or moment),
        "" if failure is None else str(failure.kind),
        "" if failure is None else failure.message,
        None if failure is None else failure.status,
        attempt.upstream_request_id,
        _counts(attempt.usage),
        attempt.estimated,
        attempt.cost,
        attempt.cost_rows,
        attempt.price_source,
        attempt.unpriced,
    )


def _counts(usage: Usage | None) -> UsageCounts:
    return _NO_USAGE if usage is None else UsageCounts(*astuple(usage))


def _joined(attempts: Iterable[AttemptRecord]) -> tuple[Charge, ...]:
    """The charges of several attempts, one for each lease."""
    sums: dict[tuple[str, str], int] = {}
    for attempt in attempts:
        for charge in attempt.charges:
            place = (charge.account, charge.lease)
            sums[place] = sums.get(place, 0) + charge.amount
    return tuple([Charge(account, lease, amount) for (account, lease), amount in sums.items()])


def _seconds(began: float | None, moment: float | None) -> float | None:
    """From one moment to a later one, in whole microseconds: `round` takes twice as long."""
    return None if began is None or moment is None else int((moment - began) * 1e6 + 0.5) / 1e6


def limit_headers(gateway: Gateway, call: Call, record: Record) -> list[tuple[str, str]]:
    """What the client's format says of its limits."""
    return call.dialect.rate_limit_headers(record.rate_limits, gateway.now()) if record.rate_limits else []


async def refuse(gateway: Gateway, call: Call, record: Record, failure: Failure, client: Client) -> None:
    """Tell a client that has been sent nothing yet why it gets no answer."""
    failed = call.dialect.render_error(failure, call.request_id)
    record.status = failed.status
    retried = failure.retryable and len(record.attempts) > 1
    headers = error_headers(
        failed.headers,
        failure,
        render_route(record),
        retried=retried,
        limits=limit_headers(gateway, call, record),
    )
    note(gateway, call, record)
    await client.respond(failed.status, headers, failed.body)
