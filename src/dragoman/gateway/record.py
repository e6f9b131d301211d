"""What is known about an exchange when it has ended: a log entry, one for each of its attempts, metrics."""

from typing import Literal

import msgspec

from dragoman.access.holder import HolderKind, LimitKind
from dragoman.conversation.failure import Failure
from dragoman.conversation.loss import Loss
from dragoman.conversation.rate_limit import RateLimit
from dragoman.conversation.response import StopReason
from dragoman.conversation.usage import Usage
from dragoman.gateway.answer_headers import render_losses, render_place
from dragoman.models.money import to_dollars
from dragoman.routing.route import Exclusion, RouteTarget
from dragoman.store.entry import Charge, CostRow

LimitName = LimitKind | Literal["concurrency", "budget"]

Outcome = Literal["answered", "failed", "lost", "abandoned"]
"""How an attempt ended: its answer went to the client; it failed; another attempt was quicker; the client
left or the gateway stopped.
"""


class AttemptRecord(msgspec.Struct):
    """One upstream request, filled in as it goes. Times are in seconds on the clock of `time.monotonic`;
    those of stages that were not reached are None.
    """

    target: RouteTarget
    began: float
    """When the attempt began: before its request was written, and before it waited for a free place."""
    hedge: bool = False
    """Whether it was a second one beside another that was slow."""
    upstream_dialect: str = ""
    plan: str = ""
    planned: float | None = None
    """When its request was written in the target's format."""
    admitted: float | None = None
    """When it had a place among those that may be there at once."""
    sent: float | None = None
    """When its request was handed to the transport."""
    resent: int = 0
    """How often it went out once more, because a kept connection was closed without a word."""
    connected: float | None = None
    """When there was a connection, new or kept."""
    first_byte: float | None = None
    """When the head of the answer had come."""
    first_event: float | None = None
    """When the first piece of the answer itself had come."""
    ended: float | None = None
    outcome: Outcome = "abandoned"
    failure: Failure | None = None
    usage: Usage | None = None
    estimated: bool = False
    """Whether some of the usage is ours and not the vendor's."""
    cost: int | None = None
    """Nano-dollars; None where the price or the usage is not known."""
    cost_rows: tuple[CostRow, ...] = ()
    """What it is made of."""
    price_source: str = ""
    unpriced: bool = False
    """Whether something was used whose price is not known."""
    charges: tuple[Charge, ...] = ()
    """Who pays how much of it."""
    upstream_request_id: str = ""
    """The upstream's id of the request, by which its vendor finds it."""

    def stages(self) -> dict[str, object]:
        """How long it took until the request was on its way."""
        return {
            "plan_ms": _milliseconds(self.began, self.planned),
            "queue_ms": _milliseconds(self.planned, self.admitted),
            "connect_ms": _milliseconds(self.sent, self.connected),
        }

    def entry(self) -> dict[str, object]:
        """The fields of the log entry, those that say nothing left out."""
        usage = self.usage or Usage()
        fields: dict[str, object] = {
            "target": self.target.label,
            "hedge": self.hedge,
            "upstream_dialect": self.upstream_dialect,
            "plan": self.plan,
            "outcome": self.outcome,
            "resent": self.resent,
            **self.stages(),
            "first_byte_ms": _milliseconds(self.sent, self.first_byte),
            "first_event_ms": _milliseconds(self.sent, self.first_event),
            "total_ms": _milliseconds(self.began, self.ended),
            "input_tokens": usage.input,
            "output_tokens": usage.output,
            "estimated": self.estimated,
            "cost_usd": _dollars(self.cost),
            "failure": str(self.failure.kind) if self.failure else "",
            "error": self.failure.message if self.failure else "",
        }
        return _said(fields)


class Record(msgspec.Struct):
    """One exchange, filled in as it goes. Times are in seconds on the clock of `time.monotonic`: the event
    loop's may know milliseconds only.
    """

    request_id: str
    dialect: str
    began: float
    purpose: str = ""
    """What was asked for, where it is no answer of a model: `count`, `embedding`."""
    key: str = ""
    """The name of the client's key, never the key."""
    model: str = ""
    route: str = ""
    """The route of the configuration; empty for models that clients name by themselves."""
    stream: bool = False
    plan: str = ""
    """What was done without an upstream: `estimate`."""
    attempts: list[AttemptRecord] = msgspec.field(default_factory=list[AttemptRecord])
    """Every upstream request, in the order in which they began."""
    answered: AttemptRecord | None = None
    """The one whose answer went to the client."""
    excluded: list[Exclusion] = msgspec.field(default_factory=list[Exclusion])
    """Targets that were not asked, and why."""
    waited: float = 0.0
    """Seconds for which the exchange itself waited: for a place of its key, and between two attempts."""
    ended: float | None = None
    counted: int | None = None
    """The tokens of a prompt that was counted and not sent: nothing that was spent."""
    estimated: bool = False
    """Whether the number of tokens is ours and not the vendor's."""
    stops: tuple[StopReason, ...] = ()
    losses: tuple[Loss, ...] = ()
    report_losses: bool = True
    """Whether the client is told of the losses; the log always is."""
    failure: Failure | None = None
    client_left: bool = False
    status: int = 200
    """The HTTP status that the client is sent."""
    cache: Literal["", "hit", "miss"] = ""
    """Whether the answer was kept from an earlier request; empty where none is looked for."""
    rate_limits: tuple[RateLimit, ...] = ()
    """How the limits stand that clients may know of."""
    reached: tuple[HolderKind, LimitName] | None = None
    """Whose limit or budget was reached last, and which."""
    noted: tuple[object, ...] | None = None
    """As what it was written down last."""
    revision: int = 0
    """How often it was written down."""

    @property
    def cached(self) -> bool:
        """Whether the answer was kept from an earlier request."""
        return self.cache == "hit"

    @property
    def last(self) -> AttemptRecord | None:
        """The attempt that says most about the exchange: the one that answered, else the latest."""
        return self.answered or (self.attempts[-1] if self.attempts else None)

    @property
    def sent(self) -> int:
        """How many requests went upstream."""
        return sum(1 + attempt.resent for attempt in self.attempts)

    @property
    def simple(self) -> bool:
        """Whether there was one attempt, and it answered: what there is to say of it is said of the whole."""
        return len(self.attempts) == 1 and self.attempts[0].outcome == "answered" and not self.client_left

    @property
    def usage(self) -> Usage | None:
        """What the answer took that went to the client; other attempts may have cost something too."""
        return None if self.last is None else self.last.usage

    @property
    def cost(self) -> int | None:
        """What all attempts cost together, in nano-dollars; None where nothing is known."""
        total: int | None = None
        for attempt in self.attempts:
            if attempt.cost is not None:
                total = attempt.cost if total is None else total + attempt.cost
        return 0 if total is None and self.cached else total

    def entry(self) -> dict[str, object]:
        """The fields of the log entry, those that say nothing left out."""
        last, usage = self.last, self.usage or Usage()
        fields: dict[str, object] = {
            "request_id": self.request_id,
            "dialect": self.dialect,
            "purpose": self.purpose,
            "key": self.key,
            "model": self.model,
            "target": "" if last is None else last.target.label,
            "upstream_dialect": "" if last is None else last.upstream_dialect,
            "plan": self.plan or ("" if last is None else last.plan),
            "cache": self.cache,
            "stream": self.stream,
            "attempts": self.sent,
            "excluded": "; ".join(f"{one.target.label}: {one.reason}" for one in self.excluded),
            "waited_ms": _milliseconds(0.0, self.waited or None),
            **({} if last is None or not self.simple else last.stages()),
            "first_byte_ms": _milliseconds(self.began, None if last is None else last.first_byte),
            "first_event_ms": _milliseconds(self.began, None if last is None else last.first_event),
            "total_ms": _milliseconds(self.began, self.ended),
            "input_tokens": usage.input,
            "cache_read_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
            "output_tokens": usage.output,
            "reasoning_tokens": usage.reasoning,
            "cost_usd": _dollars(self.cost),
            "counted_tokens": self.counted,
            "estimated": self.estimated or (last is not None and last.estimated),
            "stop": ",".join(self.stops),
            "losses": render_losses(self.losses) if self.losses else "",
            "failure": str(self.failure.kind) if self.failure else "",
            "error": self.failure.message if self.failure else "",
            "client_left": self.client_left,
        }
        return _said(fields)


def render_route(record: Record) -> str:
    """What `x-dragoman-route` says of an exchange; empty where nobody was asked."""
    last = record.last
    if last is None:
        return ""
    pending = record.answered is None and last.failure is None
    return render_place(last.target.label, record.sent, pending=pending)


def _said(fields: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value not in (None, "", False)}


def _milliseconds(began: float | None, moment: float | None) -> float | None:
    return None if moment is None or began is None else round((moment - began) * 1000, 1)


def _dollars(nanos: int | None) -> str | None:
    return None if nanos is None else f"{to_dollars(nanos).normalize():f}"
