"""What an exchange is held to: places, limits and budgets of its key, the key's team, and the route."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import msgspec

from dragoman.access.holder import Holder, HolderKind
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
from dragoman.access.purse import BudgetSpentError, Purse, Reservation, Wallet, budget_failure
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.coordination.meters import Draw, Drawn, Meters, Slot
from dragoman.gateway.record import Record
from dragoman.routing.places import Place
from dragoman.routing.traffic import ClientLimit, Traffic
from dragoman.store.entry import Charge

_ONE: Final[Amounts] = (0, 0, 1)
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.1
"""Seconds between two looks whether another process has given a place back."""
_MOST_RULES = 4096


class Rules(msgspec.Struct, frozen=True, eq=False):
    """What the holders of a request are held to, all of them together: worked out once for all their
    requests.
    """

    holders: tuple[Holder, ...] = ()
    counted: tuple[Claim, ...] = ()
    """The limits of requests, and what one request draws of them."""
    ones: tuple[Draw, ...] = ()
    used: tuple[Claim, ...] = ()
    """The limits of what requests use: tokens, cost."""
    wallet: Wallet | None = None
    """Their budgets; None where there are none."""
    places: tuple[ClientLimit, ...] = ()
    """The limits of concurrent requests, and in the same order their slots and whose they are."""
    slots: tuple[Slot, ...] = ()
    kinds: tuple[HolderKind, ...] = ()
    entered: bool = False
    """Whether a request needs a place or is counted before it is served."""
    limited: bool = False
    """Whether what an upstream request may take has to be set aside."""
    priced: bool = False
    """Whether it has to be known what it costs."""


FREE: Final = Rules()
"""Nothing is held to anything."""


class Allowances:
    """What holds for whom, and where it is counted. One is made for each configuration."""

    __slots__ = ("_rules", "meters", "purse", "queue_timeout", "routes", "traffic")

    def __init__(
        self,
        meters: Meters,
        purse: Purse,
        routes: Mapping[str, Holder],
        traffic: Traffic,
        queue_timeout: float,
    ) -> None:
        """Take where it is counted, and the routes that are held to anything, by name."""
        self.meters = meters
        self.purse = purse
        self.routes = routes
        self.traffic = traffic
        self.queue_timeout = queue_timeout
        # by identity, because to hash all that a key is held to takes longer than everything else here; what
        # is kept holds the holders, so no others can get their identity
        self._rules: dict[tuple[int, int], Rules] = {}

    def rules(self, holders: tuple[Holder, ...], route: str) -> Rules:
        """What a request of these holders, those of its key, is held to on a route."""
        held = self.routes.get(route) if self.routes else None
        if not holders and held is None:
            return FREE
        place = (id(holders), id(held))
        known = self._rules.get(place)
        if known is None:
            if len(self._rules) >= _MOST_RULES:
                self._rules.clear()
            known = self._rules[place] = _rules(holders, held)
        return known


class Hold:
    """What was set aside for one upstream request."""

    __slots__ = ("_claims", "_meters", "_needed", "_paid")

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

    def put_back_now(self, tokens: int, nanos: int) -> bool:
        """So much was used: what was drawn besides goes back into the limits. Once; where this is False,
        nothing has, and `put_back` has to be awaited.
        """
        rest = rest_of(self._claims, self._needed, (tokens, nanos, 1))
        return not rest or self._meters.put_back_now(rest)

    async def put_back(self, tokens: int, nanos: int) -> None:
        """See `put_back_now`."""
        if rest := rest_of(self._claims, self._needed, (tokens, nanos, 1)):
            await self._meters.put_back(rest)


class Admission:
    """One exchange's place among all that its holders have going on, inside `async with`.

    Entering raises `FailureError` (rate limit) where a limit is reached. What ends in `_now` saves a request
    the coroutines where nothing has to be waited for, which is nearly always. Without `async with`:

        try:
            if not admission.admit_now():
                await admission.admit()
            ...
        finally:
            if not admission.leave_now():
                await admission.leave()
    """

    __slots__ = (
        *("_allowances", "_place", "_priority", "_record", "_rules", "_slots", "_until"),
        *("limited", "priced", "queued"),
    )

    def __init__(
        self, allowances: Allowances, rules: Rules, record: Record, *, until: float, priority: int = 0
    ) -> None:
        """Take what holds, and where it is noted how the limits stand; `until` is when the exchange is over,
        on the clock of `time.monotonic`.
        """
        self._allowances = allowances
        self._rules = rules
        self._record = record
        self._until = until
        self._priority = priority
        self._place: Place | None = None
        self._slots: tuple[Slot, ...] = ()
        self.limited = rules.limited
        self.priced = rules.priced
        self.queued = bool(rules.places)
        """Whether it may have to wait for a place."""

    async def __aenter__(self) -> Self:
        try:
            if not self.admit_now():
                await self.admit()
        except BaseException:
            await self.leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.leave_now():
            await self.leave()

    def admit_now(self) -> bool:
        """Take a place and count the request. Where this is False, `admit` has to be awaited: it goes on
        where this could not. Raises `FailureError`; whatever comes of it, it has to be left.
        """
        rules = self._rules
        if not rules.entered:
            return True
        allowances = self._allowances
        if rules.places:
            self._place = place = allowances.traffic.client_place(
                rules.places, until=self._until, priority=self._priority
            )
            if not place.take() or not allowances.meters.enter_now(rules.slots):
                return False
            self._slots = rules.slots
        if rules.counted:
            drawn = allowances.meters.draw_now(rules.ones)
            if drawn is None:
                return False
            self._told(rules.counted, _ONE, drawn)
        return True

    async def admit(self) -> None:
        """See `admit_now`, which comes before."""
        rules = self._rules
        if rules.places and not self._slots:
            await self._take_place()
        if rules.counted:
            self._told(rules.counted, _ONE, await self._allowances.meters.draw(rules.ones))

    def leave_now(self) -> bool:
        """Give back what was taken, and nothing if that was done before; where this is False, `leave` has to
        be awaited.
        """
        if self._slots:
            if not self._allowances.meters.leave_now(self._slots):
                return False
            self._slots = ()
        if self._place is not None:
            self._place.give_back()
            self._place = None
        return True

    async def leave(self) -> None:
        """See `leave_now`."""
        slots, self._slots = self._slots, ()
        place, self._place = self._place, None
        try:
            if slots:
                await self._allowances.meters.leave(slots)
        finally:
            if place is not None:
                place.give_back()

    def set_aside_now(self, tokens: int, nanos: int) -> Hold | None:
        """See `set_aside`; None, and nothing is set aside, where others would have to be asked for what this
        process does not hold. Raises `FailureError` where a limit does not admit that much.
        """
        rules, allowances = self._rules, self._allowances
        paid: Reservation | None = None
        if rules.wallet is not None:
            paid = allowances.purse.reserve_held(rules.wallet, nanos)
            if paid is None:
                return None
        needed = (tokens, nanos, 1)
        if rules.used:
            drawn = allowances.meters.draw_now(draws_for(rules.used, needed))
            if drawn is None or drawn.refused is not None:
                if paid is not None:
                    paid.release()
                if drawn is None:
                    return None
            self._told(rules.used, needed, drawn)
        return Hold(allowances.meters, rules.used, needed, paid)

    async def set_aside(self, tokens: int, nanos: int, least: Callable[[], int]) -> Hold:
        """Set aside what an upstream request may take at most: so many tokens and nano-dollars, of which it
        takes `least()` without an answer.

        Raises `FailureError` where a limit (429) or a budget (402) does not admit that much.
        """
        rules, allowances = self._rules, self._allowances
        paid: Reservation | None = None
        if rules.wallet is not None:
            try:
                paid = await allowances.purse.reserve(rules.wallet.budgets, nanos)
            except BudgetSpentError as error:
                self._record.reached = (error.holder.kind, "budget")
                raise FailureError(budget_failure(error, least())) from None
        needed = (tokens, nanos, 1)
        if rules.used:
            try:
                self._told(rules.used, needed, await allowances.meters.draw(draws_for(rules.used, needed)))
            except BaseException:
                if paid is not None:
                    paid.release()
                raise
        return Hold(allowances.meters, rules.used, needed, paid)

    async def _take_place(self) -> None:
        """Wait for a place: first in this process, then among all others."""
        rules, allowances = self._rules, self._allowances
        limits, place = rules.places, self._place
        if place is not None and not place.taken:
            try:
                await place.wait()
            except FailureError:
                if (full := allowances.traffic.first_full(limits)) is not None:
                    self._record.reached = (rules.kinds[full], "concurrency")
                raise
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

    def _told(self, claims: Sequence[Claim], needed: Amounts, drawn: Drawn) -> None:
        """Take note of how limits stand. Raises `FailureError` where one is reached."""
        record = self._record
        record.rate_limits += rate_limits(claims, drawn.levels)
        if drawn.refused is not None:
            holder, limit, _ = claims[drawn.refused]
            record.reached = (holder.kind, limit.kind)
            raise FailureError(refusal(claims, needed, drawn))


def _rules(holders: tuple[Holder, ...], held: Holder | None) -> Rules:
    everybody = holders if held is None else (*holders, held)
    claims = claims_of(everybody)
    counted = tuple(one for one in claims if one.limit.kind == "requests")
    used = tuple(one for one in claims if one.limit.kind != "requests")
    budgets = tuple((holder, budget) for holder in everybody for budget in holder.budgets)
    places = tuple(
        ClientLimit(f"{one.kind}:{one.id}", one.max_concurrent, f"{one.kind} '{one.name}'")
        for one in everybody
        if one.max_concurrent is not None
    )
    return Rules(
        holders=holders,
        counted=counted,
        ones=tuple(draws_for(counted, _ONE)),
        used=used,
        wallet=Wallet(budgets) if budgets else None,
        places=places,
        slots=slots_of(everybody),
        kinds=tuple(one.kind for one in everybody if one.max_concurrent is not None),
        entered=bool(places or counted),
        limited=bool(budgets or used),
        priced=bool(budgets) or any(one.limit.kind == "cost" for one in used),
    )


def _no_place(limit: ClientLimit) -> Failure:
    return Failure(
        FailureKind.RATE_LIMIT,
        f"The gateway serves {limit.most} requests at once for the {limit.words}, in all its processes. "
        "Wait until one has ended, and try again.",
        code="concurrency_limit",
        retry_after=1.0,
    )
