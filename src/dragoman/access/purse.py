"""Budgets on the path of requests: what a request may cost at most is set aside before it is sent, and what
it has cost is charged when it is over.

A process holds a lease of each account (see `dragoman.store.leases`), and sets aside out of it without asking
anybody. Only where that is not enough the store is asked: for a slice that lasts for some time while there is
plenty, for just what is needed when little is left. Slices that nobody uses go back after a second.

Nothing is refused before the store was asked for exactly what the request needs. And where the rest of an
account is held by other processes, which may give it back, it is asked again for a while: the leases of N
processes would otherwise refuse what the budget admits.

While the store is away, no request fails for it: each process goes on with its leases, and then with what was
left of each account when it was last told, as if it were alone. N processes may so spend N - 1 times what was
left too much, and no more. Of an account that a process has not used in the last hour it knows nothing: there
the whole budget counts as left.
"""

import asyncio
import datetime as dt
import random
import sys
from collections.abc import Callable, Sequence
from typing import Never
from zoneinfo import ZoneInfo

import structlog

from dragoman.access.holder import Budget, Holder
from dragoman.access.lending import IDLE_TIME, LEASE_TIME, Lending
from dragoman.access.period import Calendar
from dragoman.access.pocket import Pocket, account_of
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.models.money import render_dollars
from dragoman.store.entry import Charge
from dragoman.store.leases import LeaseStore

PATIENCE = 1.5
"""Seconds to wait for what other processes may give back."""

MEMORY = 30.0
"""Seconds after which what was spent beyond a lease has come to the account, through journal and store."""

_ASKING = (0.05, 0.15)
"""Seconds between two questions while waiting, at least and at most."""
_TICK = 0.25
_SWEEP = 60.0
_KEPT = 3600.0
"""Seconds for which is remembered how an account stood that is not used."""

_PERIODS = {"day": "daily budget", "week": "weekly budget", "month": "monthly budget", "total": "budget"}

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.access")


class BudgetSpentError(Exception):
    """A budget does not admit a request. Amounts are in nano-dollars; `resets_at` is in Unix seconds, None
    for a budget that is for good.
    """

    def __init__(
        self, holder: Holder, budget: Budget, left: int, needed: int, resets_at: float | None
    ) -> None:
        super().__init__(f"the budget of {holder.kind} {holder.id} does not admit {needed} nano-dollars")
        self.holder = holder
        self.budget = budget
        self.left = left
        """What could have been set aside, at least 0."""
        self.needed = needed
        """What the request may cost at most."""
        self.resets_at = resets_at


class Wallet:
    """Budgets that are asked together again and again, with where what a purse holds of them was found last.
    Belongs to one purse.
    """

    __slots__ = ("budgets", "found")

    def __init__(self, budgets: Sequence[tuple[Holder, Budget]]) -> None:
        self.budgets = budgets
        self.found: tuple[Pocket, ...] = ()
        """One pocket for each budget, in their order; empty as long as they are not all known, or where two
        budgets are one account."""


class Reservation:
    """What is set aside for one request, until it is settled or released."""

    __slots__ = ("_nanos", "_now", "_open", "_pockets")

    def __init__(self, pockets: Sequence[Pocket], nanos: int, now: Callable[[], float]) -> None:
        self._pockets = pockets
        self._nanos = nanos
        self._now = now
        self._open = True

    def settle(self, nanos: int) -> tuple[Charge, ...]:
        """Charge what the request has cost, in nano-dollars: what each account pays, for the ledger. The rest
        is free at once. More than was set aside is charged too. Raises `RuntimeError` for a second time.
        """
        if not self._open:
            raise RuntimeError("The reservation was settled before.")
        self._open = False
        charges: list[Charge] = []
        for pocket in self._pockets:
            pocket.settle(self._nanos, nanos, self._now, charges)
        return tuple(charges)

    def release(self) -> None:
        """Charge nothing. Does nothing where it was settled."""
        if self._open:
            self.settle(0)

    def __del__(self) -> None:
        if self._open and not sys.is_finalizing():
            self.release()
            _log.error(
                "bug: a reservation was neither settled nor released",
                accounts=[pocket.id for pocket in self._pockets],
                nanos=self._nanos,
            )


class Purse:
    """The budgets of one process. `worker` is its name, for people; `now` gives Unix seconds.

    Leases live `lease_time` seconds unless `follow` renews them; what is idle for `idle_time` seconds goes
    back; `patience` is how long a request waits for what others may give back, in seconds.
    """

    def __init__(
        self,
        store: LeaseStore,
        worker: str,
        now: Callable[[], float],
        *,
        lease_time: float = LEASE_TIME,
        idle_time: float = IDLE_TIME,
        patience: float = PATIENCE,
    ) -> None:
        self._lending = Lending(store, worker, now, lease_time, idle_time)
        self._now = now
        self._patience = patience
        self._calendar = Calendar()
        self._pockets: dict[tuple[str, str, str, str], Pocket] = {}

    @property
    def degraded(self) -> bool:
        """Whether the store is away, so that budgets are those of this process alone."""
        return self._lending.away

    def held(self) -> tuple[int, int]:
        """What is lent to this process and not charged, and what of it is set aside, in nano-dollars."""
        return self._lending.held()

    async def reserve(self, budgets: Sequence[tuple[Holder, Budget]], nanos: int) -> Reservation:
        """Set so much aside in all of these budgets, or in none.

        Raises `BudgetSpentError` for the first that does not admit it.
        """
        return self.reserve_held(Wallet(budgets), nanos) or await self._reserve_slowly(budgets, nanos)

    def reserve_held(self, wallet: Wallet, nanos: int) -> Reservation | None:
        """Set so much aside out of what this process holds of the budgets; None where that is not enough.

        What the wallet has found may be of no use any more: the period of a budget has ended, its lease is
        lost or has to be renewed, its limit is another one. Each of these shows in the pocket itself.
        """
        found = wallet.found or self._find(wallet)
        if not found and wallet.budgets:
            return None
        moment = self._now()
        for pocket, (_, budget) in zip(found, wallet.budgets, strict=True):
            if (
                moment >= pocket.fresh_until
                or moment >= pocket.ends
                or pocket.limit != budget.most
                or pocket.amount - pocket.reserved - pocket.debt < nanos
            ):
                # whatever it is, another pocket may be there for it the next time
                wallet.found = ()
                return None
        return self._set_aside(found, nanos, moment)

    def _find(self, wallet: Wallet) -> tuple[Pocket, ...]:
        """The pockets of budgets that are different accounts, if there are all."""
        pockets = [
            self._pockets.get((holder.kind, holder.id, budget.per, budget.zone))
            for holder, budget in wallet.budgets
        ]
        found = tuple([pocket for pocket in pockets if pocket is not None])
        if len(set(found)) == len(pockets):
            wallet.found = found
            return found
        return ()

    async def follow(self) -> Never:
        """Renew leases, give back what is idle, and find the store when it was away, until cancelled."""
        loop = asyncio.get_running_loop()
        swept = loop.time()
        while True:
            await asyncio.sleep(_TICK)
            await self.tend()
            if loop.time() - swept >= _SWEEP:
                swept = loop.time()
                self._forget_unused()

    async def tend(self) -> None:
        """Do what is due now of all that."""
        await self._lending.tend()

    async def close(self) -> None:
        """Give back what is not used."""
        await self._lending.close()

    async def _reserve_slowly(self, budgets: Sequence[tuple[Holder, Budget]], nanos: int) -> Reservation:
        loop, lending = asyncio.get_running_loop(), self._lending
        end = loop.time() + self._patience
        while True:
            moment = self._now()
            wanted = self._wanted(budgets, moment)
            lacking = next((one for one in wanted if not one.allows(nanos, moment, away=lending.away)), None)
            if lacking is None:
                for pocket in wanted:
                    lending.watch(pocket)
                return self._set_aside(list(wanted), nanos, moment)
            holder, budget = wanted[lacking]
            if lending.away:
                left = lacking.free + (lacking.limit if lacking.left is None else lacking.left)
                raise BudgetSpentError(holder, budget, max(left, 0), nanos, lacking.account.ends)
            lending.watch(lacking)
            answer = await lending.ask(lacking, nanos)
            if answer is None or lacking.allows(nanos, self._now(), away=lending.away):
                continue
            short, free = answer
            if short.left + free + short.lent < nanos or loop.time() >= end:
                raise BudgetSpentError(holder, budget, max(short.left + free, 0), nanos, lacking.account.ends)
            await asyncio.sleep(random.uniform(*_ASKING))  # noqa: S311 - no secret

    def _wanted(
        self, budgets: Sequence[tuple[Holder, Budget]], moment: float
    ) -> dict[Pocket, tuple[Holder, Budget]]:
        """The pockets of budgets. Of two budgets that are one account, the smaller holds."""
        wanted: dict[Pocket, tuple[Holder, Budget]] = {}
        for holder, budget in budgets:
            pocket = self._pocket(holder, budget, moment)
            if pocket not in wanted or budget.most < wanted[pocket][1].most:
                wanted[pocket] = (holder, budget)
        for pocket, (_, budget) in wanted.items():
            pocket.limit_to(budget.most)
        return wanted

    def _pocket(self, holder: Holder, budget: Budget, moment: float) -> Pocket:
        place = (holder.kind, holder.id, budget.per, budget.zone)
        pocket = self._pockets.get(place)
        if pocket is None or moment >= pocket.ends:
            begins, ends = self._calendar.span(budget.per, budget.zone, moment)
            pocket = Pocket(account_of(holder, budget, begins, ends), budget.most, MEMORY)
            self._pockets[place] = pocket
        return pocket

    def _set_aside(self, pockets: Sequence[Pocket], nanos: int, moment: float) -> Reservation:
        for pocket in pockets:
            pocket.reserved += nanos
            pocket.used = moment
        return Reservation(pockets, nanos, self._now)

    def _forget_unused(self) -> None:
        moment = self._now()
        unused = [
            place
            for place, one in self._pockets.items()
            if one.idle and (moment >= one.ends or moment - one.used >= _KEPT)
        ]
        for place in unused:
            del self._pockets[place]


def budget_failure(error: BudgetSpentError, least: int = 0) -> Failure:
    """What the client is told of it. `least` is what the request costs without any answer, in nano-dollars:
    with more left than that, a shorter answer would be admitted.
    """
    holder, budget = error.holder, error.budget
    left, most, needed = (render_dollars(nanos) for nanos in (error.left, budget.most, error.needed))
    words = (
        f"The {_PERIODS[budget.per]} of the {holder.kind} {_quoted(holder.name)} does not admit this "
        f"request: {left} of {most} can be spent now, and it may cost up to {needed}."
    )
    if error.resets_at is not None:
        resets = dt.datetime.fromtimestamp(error.resets_at, ZoneInfo(budget.zone))
        words += f" It resets at {resets.isoformat()} ({budget.zone})."
    if error.left > least:
        words += " A request that may cost less is still admitted: lower max_tokens."
    return Failure(FailureKind.BILLING, words, code="budget_exceeded")


def _quoted(name: str) -> str:
    return "'" + "".join(letter if letter.isprintable() else "?" for letter in name) + "'"
