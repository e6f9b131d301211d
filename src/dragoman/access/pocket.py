"""What one process has of one account, and how it asks for more.

    free = what its lease holds - what is set aside for open requests - what was spent beyond the lease

The lease in the store holds what it holds here and, besides, what was charged and has not come to the store
yet: the ledger takes that off. So what is given back is only what was never charged.
"""

import asyncio
import math
from collections.abc import Callable

from dragoman.access.holder import Budget, Holder
from dragoman.store.entry import Charge
from dragoman.store.leases import Account, Lease, Short


class Question:
    """What several requests ask the store together. Who comes after it has been put waits for the next."""

    def __init__(self) -> None:
        self.needs: list[int] = []
        """How much each of them needs; 0 for the sake of what is open already."""
        self.put = False
        self.free = 0
        """What was free when it was put."""
        self.short: Short | None = None
        """The answer, where not even the smallest need can be met."""
        self.task: asyncio.Task[None]


class Pocket:
    """Amounts are in nano-dollars, moments in Unix seconds."""

    __slots__ = (
        "_memory",
        "account",
        "amount",
        "debt",
        "debt_ends",
        "ends",
        "fresh_until",
        "id",
        "lease",
        "left",
        "limit",
        "lowered",
        "need",
        "question",
        "received",
        "refilled",
        "reserved",
        "slice",
        "unsure",
        "used",
    )

    def __init__(self, account: Account, limit: int, memory: float) -> None:
        """`memory` is how long what was spent beyond the lease counts here: until the ledger has brought it
        to the account, in seconds.
        """
        self._memory = memory
        self.account = account
        self.id = account.id
        self.ends = math.inf if account.ends is None else account.ends
        self.limit = limit
        self.lowered = False
        """Whether the limit has become less than what the lease was taken under."""
        self.lease = ""
        self.fresh_until = 0.0
        """From then on the lease has to be renewed before anything is spent out of it; 0 without a lease."""
        self.amount = 0
        """What the lease holds that is not charged."""
        self.reserved = 0
        self.debt = 0
        self.debt_ends = 0.0
        self.left: int | None = None
        """What the account could still lend when it was last asked, as far as it was."""
        self.need = 0
        """How much the last request needed that had to ask."""
        self.received = 0
        """How much was lent last."""
        self.slice = 0
        """For how many requests the last slice was to last."""
        self.refilled = 0.0
        """When it was asked for."""
        self.used = 0.0
        """When something was last set aside."""
        self.unsure = False
        """Whether the store may have done what it did not confirm."""
        self.question: Question | None = None

    @property
    def free(self) -> int:
        """What may be set aside. Below 0 where more is open than the lease holds."""
        return self.amount - self.reserved - self.debt

    @property
    def low(self) -> bool:
        """Whether most of a slice is used up, of an account that has plenty."""
        plenty = self.received > 8 * self.need > 0
        return plenty and 0 < self.free < self.received // 4 and not self.question

    @property
    def idle(self) -> bool:
        """Whether nothing here is of any meaning to the store."""
        return not (self.lease or self.reserved or self.debt or self.question)

    def allows(self, nanos: int, moment: float, *, away: bool) -> bool:
        """Whether so much may be set aside. While the store is away, it is also what was left of the account,
        and a lease that cannot be renewed goes on.
        """
        if away:
            return self.free + (self.limit if self.left is None else self.left) >= nanos
        return self.free >= nanos and (moment < self.fresh_until or not self.lease)

    def settle(self, reserved: int, nanos: int, now: Callable[[], float], charges: list[Charge]) -> None:
        """Charge something in place of what was set aside; what is paid is added to the charges."""
        self.reserved -= reserved
        if nanos <= self.amount:
            self.amount -= nanos
            if nanos:
                charges.append(Charge(self.id, self.lease, nanos))
            return
        within, self.amount = self.amount, 0
        if within:
            charges.append(Charge(self.id, self.lease, within))
        self.debt += nanos - within
        self.debt_ends = now() + self._memory
        charges.append(Charge(self.id, "", nanos - within))

    def limit_to(self, limit: int) -> None:
        """Hold it to another limit from now on."""
        if limit == self.limit:
            return
        if self.left is not None:
            self.left += limit - self.limit
        if limit < self.limit:
            self.lowered = True
            self.fresh_until = 0.0
        self.limit = limit

    def receive(self, lease: Lease, fresh_until: float) -> None:
        """Put in what was lent."""
        if lease.id != self.lease:
            self.lose()
            self.lease = lease.id
        self.amount += lease.granted
        self.received = lease.granted
        self.left = lease.left
        self.renewed(fresh_until)

    def renewed(self, fresh_until: float) -> None:
        """The lease lives on."""
        self.fresh_until = 0.0 if self.lowered else fresh_until

    def lose(self) -> None:
        """The lease is no more. What is open is covered by nothing."""
        self.lease = ""
        self.amount = 0
        self.fresh_until = 0.0

    def recover(self, moment: float) -> None:
        """The store is there again: the ledger brings what was spent meanwhile to the account soon."""
        if self.debt:
            self.debt_ends = moment + self._memory

    def forget(self, moment: float) -> None:
        """What was spent beyond the lease has come to the account by now."""
        if self.debt and moment >= self.debt_ends:
            self.debt = 0


def account_of(holder: Holder, budget: Budget, begins: float, ends: float | None) -> Account:
    """The account of a holder's budget in one period."""
    return Account(f"{holder.kind}:{holder.id}", budget.per, budget.zone, begins, ends)
