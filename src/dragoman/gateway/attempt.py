"""One attempt: a place among those that may be there at once, a request on its way, what became of it.

Whoever makes it tells it how far it has come; it keeps the time, and notes everything for the record, for
the choice of later targets, and for the race with another attempt.
"""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.conversation.usage import Usage
from dragoman.gateway.admission import Admission, Hold
from dragoman.gateway.answer_headers import upstream_id
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.record import AttemptRecord
from dragoman.gateway.time_limits import TimeLimits
from dragoman.gateway.upstream_call import without_secret
from dragoman.ledger.pricing import Quote
from dragoman.routing.places import Place
from dragoman.routing.route import Route, RouteTarget
from dragoman.routing.traffic import Asking
from dragoman.upstream.transport import UpstreamResponse


class UnservableError(FailureError):
    """A target cannot be asked for this: not the request is at fault, and another target may serve it."""


class Supervisor(Protocol):
    """What an attempt has to ask of those that stand beside it."""

    end: float
    """When the exchange is over, on the event loop's clock."""
    priority: int
    stream: bool
    left: int
    """How many more upstream requests are allowed."""
    admission: Admission
    """What the exchange is held to."""

    @property
    def retrying(self) -> bool:
        """Whether an upstream request has failed before."""
        ...

    def spend(self, record: AttemptRecord) -> None:
        """One more upstream request. Raises `FailureError` where no more are allowed."""
        ...

    def claim(self, record: AttemptRecord) -> None:
        """An attempt has the answer: no other goes on. Raises `CancelledError` where another was first."""
        ...

    def failed(self, target: RouteTarget, failure: Failure) -> None:
        """Take note of a failure, for what is tried next."""
        ...


class Attempt:
    """One upstream request inside `async with`. A failure inside is noted and raised, cleaned of secrets.

    The stages, in order: `admit`, `set_aside`, `sent`, `connected`, `accepted`, `heard`, `begun`, `account`.
    """

    __slots__ = (
        "_above",
        "_accounted",
        "_asking",
        "_claimed",
        "_gateway",
        "_hold",
        "_place",
        "_quote",
        "_route",
        "arrivals",
        "limits",
        "prompt_usage",
        "record",
        "target",
        "timeouts",
    )

    def __init__(
        self, gateway: Gateway, route: Route, target: RouteTarget, above: Supervisor, *, hedge: bool = False
    ) -> None:
        """Take where it goes; `hedge` says that it is a second one beside another."""
        self._gateway = gateway
        self._route = route
        self._above = above
        self._claimed = False
        self._place: Place | None = None
        self._asking: Asking | None = None
        self._hold: Hold | None = None
        self._quote: Quote | None = None
        self._accounted = False
        self.target = target
        self.timeouts = route.timeouts
        self.limits = TimeLimits(route.timeouts, above.end, gateway.watch)
        self.record = AttemptRecord(target, time.monotonic(), hedge)
        self.arrivals = 0
        """How many copies of the request have been accepted, one by one."""
        self.prompt_usage: Callable[[], Usage | None] | None = None
        """Estimates what an attempt has cost that was given up before its upstream told."""

    def again(self) -> "Attempt":
        """Another attempt at the same target."""
        return Attempt(self._gateway, self._route, self.target, self._above, hedge=self.record.hedge)

    @property
    def more(self) -> bool:
        """Whether there may be another upstream request after this one."""
        return self._above.left > 0

    @property
    def last_chance(self) -> bool:
        """Whether others have failed before it and none can follow: a kept connection that its server closes
        at this moment would be the end.
        """
        return self._above.left <= 0 and self._above.retrying

    @property
    def refused(self) -> bool:
        """Whether it has failed by more than the time that it took."""
        failure = self.record.failure
        return failure is not None and failure.kind is not FailureKind.TIMEOUT

    def admit_now(self) -> bool:
        """Take a free place, if there is one; else `admit` has to be awaited."""
        record, target, above = self.record, self.target, self._above
        record.planned = time.monotonic()
        if target.max_concurrent is not None or target.provider.max_concurrent is not None:
            self._place = place = self._gateway.traffic.place(
                self._route, target, until=above.end, priority=above.priority
            )
            if not place.take():
                return False
        record.admitted = time.monotonic()
        return True

    async def admit(self) -> None:
        """Wait for a free place. Raises `FailureError` (rate limit) where too many wait."""
        if self._place is not None:
            await self._place.wait()
        self.record.admitted = time.monotonic()

    @property
    def admission(self) -> Admission:
        """What its exchange is held to."""
        return self._above.admission

    def quote(self) -> Quote:
        """What the target costs. Raises `UnservableError` where that is not known and has to be: by the
        configuration, or because somebody's costs are limited.
        """
        pricing, target = self._gateway.pricing, self.target.target
        quote = self._quote = pricing.quote(target.provider, target.model)
        if quote.tariff is None and (refusal := pricing.refusal(quote, bounded=self.admission.priced)):
            raise UnservableError(refusal)
        return quote

    def set_aside_now(self, quote: Quote, prompt: int, answer: int, *, searches: int = 0) -> bool:
        """As `set_aside`, only out of what this process holds; whether that was enough."""
        nanos = self.worst(quote, prompt, answer, searches=searches)
        self._hold = self.admission.set_aside_now(prompt + answer, nanos)
        return self._hold is not None

    async def set_aside(
        self, quote: Quote, prompt: int, answer: int, *, media: bool = False, searches: int = 0
    ) -> None:
        """Set aside what the request may take at most, with so many tokens of prompt and answer and so many
        searches. Raises `FailureError` where limits or budgets do not admit that much.
        """
        self._hold = await self.admission.set_aside(
            prompt + answer,
            self.worst(quote, prompt, answer, media=media, searches=searches),
            lambda: self.worst(quote, prompt, 0, media=media),
        )

    def worst(self, quote: Quote, prompt: int, answer: int, *, media: bool = False, searches: int = 0) -> int:
        """What so many tokens, of which some may be sound or pictures, and so many searches cost at most, in
        nano-dollars; 0 where nobody has to know.
        """
        if not self.admission.priced:
            return 0
        return self._gateway.pricing.worst(quote, prompt, answer, media=media, searches=searches)

    def sent(self) -> None:
        """The request goes out now. Raises `FailureError` where no more requests are allowed."""
        above, record = self._above, self.record
        above.spend(record)
        record.sent = time.monotonic()
        asking = self._asking = self._gateway.traffic.asking(self._route, self.target, stream=above.stream)
        asking.__enter__()
        self.limits.sent()

    def replayed(self) -> None:
        """The answer is one that was kept: nothing goes upstream, and nobody pays."""
        self._accounted = True
        self.record.planned = time.monotonic()
        self.record.cost = 0

    def resend(self) -> bool:
        """Whether the request may go out once more on a new connection: that is another upstream request."""
        if self._above.left <= 0:
            return False
        self._above.left -= 1
        self.record.resent += 1
        return True

    def connected(self) -> None:
        """There is a connection, and the request begins to go out."""
        if self.record.connected is None:
            self.record.connected = time.monotonic()

    def accepted(self, upstream: UpstreamResponse) -> None:
        """The head of a good answer has come."""
        record = self.record
        record.connected = upstream.connected_at
        record.upstream_request_id = upstream_id(upstream.headers)
        if record.first_byte is None:
            record.first_byte = time.monotonic()

    def arrived(self) -> None:
        """The head of a good answer is there, to one copy of a request of several."""
        self.arrivals += 1
        if self.record.first_byte is None:
            self.record.first_byte = time.monotonic()

    def heard(self) -> None:
        """The first piece of the answer itself has come."""
        if self.record.first_event is None:
            self.record.first_event = time.monotonic()
            if self._asking is not None:
                self._asking.first_event()

    def begun(self) -> None:
        """The client is to get this answer and no other. Raises `CancelledError` if another was first."""
        if self._claimed:
            return
        self._above.claim(self.record)
        self._claimed = True
        if self.record.first_event is None:
            self.heard()

    def account_now(self) -> bool:
        """What the answer took is known, or will never be: it is priced, and paid out of what was set aside.
        Once; the answer may end after this without being noted any more. Where this is False, `account` has
        to be awaited.
        """
        if self._accounted:
            return True
        self._accounted = True
        record = self.record
        if record.usage is None and self._worked():
            record.usage = None if self.prompt_usage is None else self.prompt_usage()
            record.estimated = record.usage is not None
        # it holds this attempt and all that was asked: only a search for garbage would find them
        self.prompt_usage = None
        if record.usage is not None:
            pricing, target = self._gateway.pricing, self.target.target
            cost = pricing.cost(self._quote or pricing.quote(target.provider, target.model), record.usage)
            record.cost, record.cost_rows, record.unpriced = cost.nanos, cost.rows, cost.unpriced
            record.price_source = cost.source
        hold = self._hold
        if hold is None:
            return True
        tokens, nanos = 0 if record.usage is None else record.usage.total, record.cost or 0
        # first, and at once: whoever is cancelled while limits are far away has noted what is paid
        record.charges = hold.charge(nanos)
        if not hold.put_back_now(tokens, nanos):
            return False
        self._hold = None
        return True

    async def account(self) -> None:
        """See `account_now`, which need not come before."""
        if not self._accounted and self.account_now():
            return
        hold, self._hold = self._hold, None
        if hold is not None:
            usage = self.record.usage
            await hold.put_back(0 if usage is None else usage.total, self.record.cost or 0)

    def release(self) -> None:
        """The upstream has done its part: its place is for others, however long the client takes."""
        if self._place is not None:
            self._place.give_back()

    async def __aenter__(self) -> Self:
        self.limits.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            try:
                self.limits.__exit__(kind, error, trace)
            except FailureError as late:
                error = late
                raise self._noted(late) from None
            if error is None:
                self._succeeded()
            elif isinstance(error, FailureError):
                noted = self._noted(error)
                if noted is not error:
                    raise noted from None
        finally:
            # everything is given back, however the attempt has ended
            self.record.ended = time.monotonic()
            asking = self._asking
            try:
                if asking is not None:
                    asking.__exit__(None, None, None)
                if not self._accounted and not self.account_now():
                    await self.account()
            finally:
                self.release()

    def _noted(self, error: FailureError) -> FailureError:
        failure = without_secret(error.failure, self.target.provider)
        if isinstance(error, UnservableError) or self.record.sent is None:
            return error
        self.record.failure = failure
        self.record.upstream_request_id = failure.request_id or self.record.upstream_request_id
        self.record.outcome = "failed"
        self._tell(failure)
        return error if failure is error.failure else FailureError(failure)

    def _succeeded(self) -> None:
        """The client has its answer, or as much of it as there was."""
        record = self.record
        if record.failure is not None:
            record.outcome = "failed"
            self._tell(record.failure)
            return
        record.outcome = "answered"
        if self._asking is not None:
            self._asking.succeeded()

    def _tell(self, failure: Failure) -> None:
        # a client that reads so slowly that all of the time goes by says nothing about the target
        if self._asking is not None and not (self.limits.over and self.limits.paused):
            self._asking.failed(failure)
        if failure.kind is not FailureKind.CLIENT_CLOSED:
            self._above.failed(self.target, failure)

    def _worked(self) -> bool:
        """Whether the upstream has worked, as far as one can tell, without telling what that took."""
        record = self.record
        return record.connected is not None and (record.first_byte is not None or not self.refused)
