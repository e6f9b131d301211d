"""How the leases of a process are asked for, renewed and given back, also while the store is away."""

import asyncio
import time
from collections.abc import Callable, Iterable

import structlog

from dragoman.access.pocket import Pocket, Question
from dragoman.store.error import StoreError
from dragoman.store.leases import Lease, LeaseStore, Short, Wish

LEASE_TIME = 60.0
"""Seconds that a lease lives without being renewed."""

IDLE_TIME = 1.0
"""Seconds after which what nobody has used goes back."""

_SLICE = 64
"""Requests for which a slice should last at first."""
_LARGEST_SLICE = 64 * 256
_SOON = 10.0
"""Seconds for which a slice should last: where it does not, the next is four times as large. Whoever asks
waits for the store, and so do all that come meanwhile.
"""
_ANSWER_LIMIT = 10.0
"""Seconds after which a store that has not answered counts as away."""
_PAUSE = 1.0
"""Seconds between two tries to reach a store that is away, and between two looks for what is not covered."""
_MERCY = 5.0
"""Seconds in which all processes get to renew their leases after the store was away, before any is taken."""
_PRUNING = 3600.0
"""Seconds between two searches for leases of processes that are no more."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.access")


class Lending:
    """The leases of one process. `worker` is its name, for people; `now` gives Unix seconds."""

    def __init__(
        self, store: LeaseStore, worker: str, now: Callable[[], float], lease_time: float, idle_time: float
    ) -> None:
        self._store = store
        self._worker = worker
        self._now = now
        self._lease_time = lease_time
        self._idle_time = idle_time
        self._margin = lease_time / 6
        """By how much the clocks of processes may differ."""
        self._live: set[Pocket] = set()
        self._renewed = 0.0
        self._next_look = 0.0
        self._next_pruning = 0.0
        self._away_since = 0.0
        self._mercy_ends = 0.0
        self.away = False
        """Whether the store could not be reached when it was last tried."""

    def watch(self, pocket: Pocket) -> None:
        """Look after a pocket until there is nothing in it."""
        self._live.add(pocket)

    def held(self) -> tuple[int, int]:
        """What the leases hold that is not charged, and what is set aside, in nano-dollars."""
        return sum(pocket.amount for pocket in self._live), sum(pocket.reserved for pocket in self._live)

    async def ask(self, pocket: Pocket, need: int, *, ahead: bool = False) -> tuple[Short, int] | None:
        """Ask for what one more request needs, together with all others that ask just now; or `ahead`, for
        what is going to be needed.

        Where that cannot be had, the store's answer, and what was free here when it was asked. None says that
        something has changed: more may be free here, or the store may be away.
        """
        question = pocket.question
        if question is None:
            question = pocket.question = Question()
            question.task = asyncio.create_task(self._put(pocket, question))
        if need and not ahead:
            pocket.need = need
        included = not question.put
        if included:
            question.needs.append(need)
        # whoever waits may be cancelled; what was asked for is received all the same
        done, _ = await asyncio.wait({question.task}, timeout=_ANSWER_LIMIT)
        if not done:
            self._lost(f"it has not answered for {_ANSWER_LIMIT:.0f} seconds")
        else:
            question.task.result()
        return (question.short, question.free) if included and question.short is not None else None

    async def tend(self) -> None:
        """Do what is due: renew leases, give back what is idle, cover what is open, find the store again."""
        now, moment = time.monotonic(), self._now()
        if self.away and now < self._next_look:
            return
        looking = now >= self._next_look
        if looking:
            self._next_look = now + _PAUSE
        try:
            # a clock that was set back does not keep leases from being renewed
            due = self._live and abs(moment - self._renewed) >= self._lease_time / 3
            if self.away or due:
                self._renewed = moment
                await self._renew(self._live)
                self._found()
            for pocket in list(self._live):
                pocket.forget(moment)
                if pocket.idle:
                    self._live.discard(pocket)
            await self._return({pocket for pocket in self._live if self._idle(pocket, moment)})
            for pocket in [pocket for pocket in self._live if pocket.low and not self._idle(pocket, moment)]:
                # before somebody has to wait for it
                await self.ask(pocket, pocket.free + pocket.need, ahead=True)
            if looking:
                await self._mend(moment)
                await self._prune(now, moment)
        except StoreError as error:
            self._lost(str(error))

    async def close(self) -> None:
        """Give back everything that is free."""
        asked = [pocket.question.task for pocket in self._live if pocket.question is not None]
        if asked:
            await asyncio.wait(asked, timeout=_ANSWER_LIMIT)
        try:
            await self._return(self._live)
        except StoreError as error:
            _log.warning("budgets are not given back; they end by themselves", reason=str(error))

    async def _put(self, pocket: Pocket, question: Question) -> None:
        try:
            await self._refill(pocket, question)
        except StoreError as error:
            pocket.unsure = True
            self._lost(str(error))
        finally:
            pocket.question = None

    async def _refill(self, pocket: Pocket, question: Question) -> None:
        if pocket.unsure:
            await self._let_go(pocket)
        if pocket.lowered:
            # what was lent under a higher limit may not be there any more
            pocket.lowered = False
            await self._return({pocket})
        if pocket.lease and self._now() >= pocket.fresh_until:
            await self._renew([pocket])
        question.put = True
        question.free = free = pocket.free
        least = min(question.needs) - free
        if not any(question.needs):
            least = min(least, 1)
        enough = sum(question.needs) - free
        if enough <= 0 or least <= 0:
            return
        moment = self._now()
        soon = moment - pocket.refilled < _SOON
        pocket.slice = min(4 * pocket.slice, _LARGEST_SLICE) if soon else max(pocket.slice // 4, _SLICE)
        pocket.refilled = moment
        answer = await self._store.take(
            pocket.account,
            pocket.limit,
            Wish(least, enough, max(pocket.slice * pocket.need, enough)),
            self._worker,
            pocket.lease,
            moment + self._lease_time,
            self._merciful(moment),
        )
        if isinstance(answer, Lease):
            pocket.receive(answer, moment + self._lease_time - self._margin)
            return
        question.short = answer
        pocket.left = answer.left
        if answer.lent:
            # several that each hold less than they need would wait for each other
            await self._return({pocket})

    async def _renew(self, pockets: Iterable[Pocket]) -> None:
        """Renew leases, and take note of those that are no more. Reaches the store in any case."""
        held = {pocket.lease: pocket for pocket in pockets if pocket.lease and not pocket.unsure}
        moment = self._now()
        kept = set(await self._store.renew(list(held), moment + self._lease_time))
        for lease, pocket in held.items():
            if pocket.lease != lease:
                continue
            if lease in kept:
                pocket.renewed(moment + self._lease_time - self._margin)
            else:
                pocket.lose()

    async def _return(self, pockets: Iterable[Pocket]) -> None:
        """Give back what is free in these pockets."""
        given = {pocket: pocket.free for pocket in pockets if pocket.free > 0 and pocket.lease}
        if not given:
            return
        for pocket, amount in given.items():
            pocket.amount -= amount
        try:
            await self._store.give_back({pocket.lease: amount for pocket, amount in given.items()})
        except StoreError:
            for pocket in given:
                pocket.unsure = True
            raise

    async def _let_go(self, pocket: Pocket) -> None:
        """Begin anew where the store may have done something that it did not confirm: the lease may hold more
        than is known here, and ends by itself; what is known goes back now.
        """
        lease, amount = pocket.lease, pocket.amount
        pocket.lose()
        pocket.unsure = False
        if lease and amount:
            await self._store.give_back({lease: amount})

    async def _mend(self, moment: float) -> None:
        """Settle what is unsure, and take what covers open requests without a lease, for others to see."""
        for pocket in list(self._live):
            if pocket.unsure and pocket.question is None:
                await self._let_go(pocket)
            if pocket.free < 0 and moment < pocket.ends and not self.away:
                await self.ask(pocket, 0)

    async def _prune(self, now: float, moment: float) -> None:
        if self._live and now >= self._next_pruning:
            self._next_pruning = now + _PRUNING
            await self._store.prune(moment - _PRUNING)

    def _idle(self, pocket: Pocket, moment: float) -> bool:
        return pocket.free > 0 and not pocket.question and moment - pocket.used >= self._idle_time

    def _merciful(self, moment: float) -> float:
        """The moment that decides which leases have ended."""
        return self._away_since if time.monotonic() < self._mercy_ends else moment

    def _lost(self, reason: str) -> None:
        self._next_look = time.monotonic() + _PAUSE
        if self.away:
            return
        self.away = True
        self._away_since = self._now()
        _log.warning(
            "the store is away: budgets go on with what was left when this process was last told",
            reason=reason,
        )

    def _found(self) -> None:
        if not self.away:
            return
        self.away = False
        self._mercy_ends = time.monotonic() + _MERCY
        moment = self._now()
        for pocket in self._live:
            pocket.recover(moment)
        _log.info("the store is there again: budgets are exact", away_for=round(moment - self._away_since, 1))
