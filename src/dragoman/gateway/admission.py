"""What an exchange is held to: places, limits and budgets of its key, the key's team, and the route."""

import asyncio
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

import msgspec

from dragoman.access.holder import Budget, Holder, HolderKind
from dragoman.access.limits import (
    Amounts,
    Claim,
    claims_of,
    draws_for,
    rate_limits,
    refusal,
    rest_of,
    slots_of,
)
from dragoman.access.purse import BudgetSpentError, Purse, Reservation, budget_failure
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.coordination.meters import Meters, Slot
from dragoman.gateway.record import Record
from dragoman.routing.traffic import ClientLimit, Traffic
from dragoman.store.entry import Charge

_ONE = Amounts(0, 0)
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.1
"""Seconds between two looks whether another process has given a place back."""


class Allowances(msgspec.Struct, frozen=True):
    """What holds for whom, and where it is counted."""

    meters: Meters
    purse: Purse
    routes: Mapping[str, Holder]
    """The routes that are held to anything, by name."""
    traffic: Traffic
    queue_timeout: float


class Hold:
    """What was set aside for one upstream request."""

    def __init__(
        self, meters: Meters, claims: Sequence[Claim], needed: Amounts, paid: Reservation | None
    ) -> None:
        self._meters = meters
        self._claims = claims
        self._needed = needed
        self._paid = paid

    def charge(self, nanos: int) -> tuple[Charge, ...]:
        """So much was spent: what each account pays. Once."""
        return () if self._paid is None else self._paid.settle(nanos)

    async def put_back(self, tokens: int, nanos: int) -> None:
        """So much was used: what was drawn besides goes back into the limits. Once."""
        if rest := rest_of(self._claims, self._needed, Amounts(tokens, nanos)):
            await self._meters.put_back(rest)


class Rules(msgspec.Struct, frozen=True):
    """What the holders of a request are held to, all of them together."""

    counted: tuple[Claim, ...] = ()
    """The limits of requests."""
    used: tuple[Claim, ...] = ()
    """The limits of what requests use: tokens, cost."""
    budgets: tuple[tuple[Holder, Budget], ...] = ()
    places: tuple[ClientLimit, ...] = ()
    """The limits of concurrent requests, and in the same order their slots and whose they are."""
    slots: tuple[Slot, ...] = ()
    kinds: tuple[HolderKind, ...] = ()
    limited: bool = False
    """Whether what an upstream request may take has to be set aside."""
    priced: bool = False
    """Whether it has to be known what it costs."""


_FREE = Rules()


@functools.lru_cache(maxsize=4096)
def _rules(holders: tuple[Holder, ...]) -> Rules:
    claims = claims_of(holders)
    used = tuple(one for one in claims if one.limit.kind != "requests")
    budgets = tuple((holder, budget) for holder in holders for budget in holder.budgets)
    places = tuple(
        ClientLimit(f"{one.kind}:{one.id}", one.max_concurrent, f"{one.kind} '{one.name}'")
        for one in holders
        if one.max_concurrent is not None
    )
    return Rules(
        counted=tuple(one for one in claims if one.limit.kind == "requests"),
        used=used,
        budgets=budgets,
        places=places,
        slots=slots_of(holders),
        kinds=tuple(one.kind for one in holders if one.max_concurrent is not None),
        limited=bool(budgets or used),
        priced=bool(budgets) or any(one.limit.kind == "cost" for one in used),
    )


class Admission:
    """One exchange's place among all that its holders have going on, inside `async with`.

    Entering raises `FailureError` (rate limit) where a limit is reached.
    """

    def __init__(
        self,
        allowances: Allowances,
        holders: tuple[Holder, ...],
        record: Record,
        *,
        until: float,
        priority: int = 0,
    ) -> None:
        """Take who is held to anything, and where it is noted how the limits stand; `until` is when the
        exchange is over, on the clock of `time.monotonic`.
        """
        self._allowances = allowances
        self._until = until
        self._priority = priority
        self._place: AbstractAsyncContextManager[None] | None = None
        self._slots: tuple[Slot, ...] = ()
        self._record = record
        self._rules = rules = _rules(holders) if holders else _FREE
        self.limited = rules.limited
        self.priced = rules.priced
        self.queued = bool(rules.places)
        """Whether it may have to wait for a place."""

    async def __aenter__(self) -> Self:
        rules = self._rules
        try:
            if rules.places:
                await self._take_place()
            if rules.counted:
                await self._draw(rules.counted, _ONE)
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._place is not None:
            await self._leave()

    async def set_aside(
        self, tokens: int, nanos: int, least: Callable[[], int], *, held: bool = False
    ) -> Hold | None:
        """Set aside what an upstream request may take at most: so many tokens and nano-dollars, of which it
        takes `least()` without an answer. With `held`, only out of what this process holds of the budgets;
        None where that is not enough.

        Raises `FailureError` where a limit (429) or a budget (402) does not admit that much.
        """
        rules, allowances = self._rules, self._allowances
        paid: Reservation | None = None
        if rules.budgets:
            paid = allowances.purse.reserve_held(rules.budgets, nanos)
            if paid is None and held:
                return None
            try:
                paid = paid or await allowances.purse.reserve(rules.budgets, nanos)
            except BudgetSpentError as error:
                self._record.reached = (error.holder.kind, "budget")
                raise FailureError(budget_failure(error, least())) from None
        needed = Amounts(tokens, nanos)
        if rules.used:
            try:
                await self._draw(rules.used, needed)
            except BaseException:
                if paid is not None:
                    paid.release()
                raise
        return Hold(allowances.meters, rules.used, needed, paid)

    async def _take_place(self) -> None:
        rules, limits = self._rules, self._rules.places
        allowances = self._allowances
        place = allowances.traffic.client_place(limits, until=self._until, priority=self._priority)
        try:
            await place.__aenter__()
        except FailureError:
            if (full := allowances.traffic.first_full(limits)) is not None:
                self._record.reached = (rules.kinds[full], "concurrency")
            raise
        self._place = place
        # within this process there is a place; other processes may have taken it
        end = min(self._until, time.monotonic() + allowances.queue_timeout)
        pause = _FIRST_PAUSE
        while (full := await allowances.meters.enter(rules.slots)) is not None:
            if time.monotonic() + pause >= end:
                self._record.reached = (rules.kinds[full], "concurrency")
                raise FailureError(_no_place(limits[full]))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._slots = rules.slots

    async def _draw(self, claims: Sequence[Claim], needed: Amounts) -> None:
        """Count a request against limits. Raises `FailureError` where one is reached."""
        drawn = await self._allowances.meters.draw(draws_for(claims, needed))
        self._record.rate_limits += tuple(rate_limits(claims, drawn.levels))
        if drawn.refused is not None:
            holder, limit, _ = claims[drawn.refused]
            self._record.reached = (holder.kind, limit.kind)
            raise FailureError(refusal(claims, needed, drawn))

    async def _leave(self) -> None:
        slots, self._slots = self._slots, ()
        place, self._place = self._place, None
        try:
            if slots:
                await self._allowances.meters.leave(slots)
        finally:
            if place is not None:
                await place.__aexit__(None, None, None)


def _no_place(limit: ClientLimit) -> Failure:
    return Failure(
        FailureKind.RATE_LIMIT,
        f"The gateway serves {limit.most} requests at once for the {limit.words}, in all its processes. "
        "Wait until one has ended, and try again.",
        code="concurrency_limit",
        retry_after=1.0,
    )
