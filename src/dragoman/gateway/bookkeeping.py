"""What is written down of an exchange: its entry in the ledger, before the client has its whole answer."""

import time

import msgspec

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
    running = sum(one.ended is None and one is not record.answered for one in record.attempts)
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
    key, last, moment = call.key, record.last, time.monotonic()
    began = now - moment
    charges = [charge for attempt in record.attempts for charge in attempt.charges]
    failure = record.failure
    return Entry(
        request_id=record.request_id,
        began=began + record.began,
        key_id=key.id,
        key_name=key.name,
        dialect=record.dialect,
        model=record.model,
        status=LEFT if record.client_left else record.status,
        revision=record.revision,
        owner=key.owner,
        team_id=key.team_id,
        team_name=key.team_name,
        tags=key.tags,
        route=record.route,
        target="" if last is None else last.target.name,
        upstream_dialect="" if last is None else last.upstream_dialect,
        plan=record.plan or ("" if last is None else last.plan),
        purpose=record.purpose,
        stream=record.stream,
        cached=record.cached,
        queue=round(record.waited, 6),
        first_token=_seconds(record.began, None if last is None else last.first_event),
        total=_seconds(record.began, record.ended or moment),
        stop=",".join(record.stops),
        failure="" if failure is None else str(failure.kind),
        error="" if failure is None else failure.message,
        losses=render_losses(record.losses) if record.losses else "",
        usage=_counts(record.usage),
        estimated=record.estimated or any(one.estimated for one in record.attempts),
        cost=record.cost,
        unpriced=any(one.unpriced for one in record.attempts),
        node=node,
        attempts=tuple(
            [_attempt(one, began, moment, answered=one is record.answered) for one in record.attempts]
        ),
        charges=tuple(_joined(charges) if len(charges) > 1 else charges),
        bodies=bodies,
    )


def _attempt(attempt: AttemptRecord, began: float, moment: float, *, answered: bool) -> AttemptEntry:
    failure, outcome = attempt.failure, attempt.outcome
    if attempt.ended is None:
        # the last byte of the answer is about to go out
        outcome = "failed" if failure is not None else "answered" if answered else outcome
    return AttemptEntry(
        target=attempt.target.name,
        credential=attempt.target.credential,
        upstream_dialect=attempt.upstream_dialect,
        plan=attempt.plan,
        outcome=outcome,
        began=began + attempt.began,
        hedge=attempt.hedge,
        resent=attempt.resent,
        queue=_seconds(attempt.planned, attempt.admitted),
        connect=_seconds(attempt.sent, attempt.connected),
        first_byte=_seconds(attempt.sent, attempt.first_byte),
        first_token=_seconds(attempt.sent, attempt.first_event),
        total=_seconds(attempt.began, attempt.ended or moment),
        failure="" if failure is None else str(failure.kind),
        error="" if failure is None else failure.message,
        upstream_status=None if failure is None else failure.status,
        upstream_request_id=attempt.upstream_request_id,
        usage=_counts(attempt.usage),
        estimated=attempt.estimated,
        cost=attempt.cost,
        cost_rows=attempt.cost_rows,
        price_source=attempt.price_source,
        unpriced=attempt.unpriced,
    )


def _counts(usage: Usage | None) -> UsageCounts:
    return _NO_USAGE if usage is None else UsageCounts(*msgspec.structs.astuple(usage))


def _joined(charges: list[Charge]) -> list[Charge]:
    """The charges of several attempts, one for each lease."""
    sums: dict[tuple[str, str], int] = {}
    for charge in charges:
        place = (charge.account, charge.lease)
        sums[place] = sums.get(place, 0) + charge.amount
    return [Charge(account, lease, amount) for (account, lease), amount in sums.items()]


def _seconds(began: float | None, moment: float | None) -> float | None:
    return None if began is None or moment is None else round(moment - began, 6)


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
