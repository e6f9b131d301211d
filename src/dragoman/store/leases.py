"""Budgets as the store keeps them: accounts, what was spent, and what is lent to processes that spend it.

What an account may still give is its limit, less what was spent, less what lives of its leases. A lease is a slice
that one process holds: it spends out of it without asking anybody. What it spends reaches the account through
the ledger: in the same transaction in which a request's row is written, its charge moves from the lease to what
was spent. A lease that nobody renews ends by itself, with what is left of it.
"""

from typing import Protocol

import msgspec


class Account(msgspec.Struct, frozen=True):
    """What one holder may spend in one period. `begins` and `ends` are in Unix seconds, `ends` is None for a
    budget that is for good.
    """

    holder: str
    """`key:ID`, `team:ID` or `route:NAME`."""
    per: str
    zone: str
    begins: float
    ends: float | None

    @property
    def id(self) -> str:
        """The account's name, the same on all nodes."""
        return f"{self.holder}/{self.per}/{self.zone}/{self.begins:.0f}"


class Lease(msgspec.Struct, frozen=True):
    """A slice that was lent. Amounts are in nano-dollars."""

    id: str
    account: str
    amount: int
    expires: float
    left: int
    """What the account could still have lent when this was."""


class Short(msgspec.Struct, frozen=True):
    """Nothing was lent: less was left than was needed."""

    left: int
    """What the account could have lent, maybe less than 0."""
    lent: int
    """What lives of leases of others: some of it may come back."""


class Balance(msgspec.Struct, frozen=True):
    """How an account stands."""

    account: str
    spent: int
    lent: int


class LeaseStore(Protocol):
    """Accounts and leases. Every method raises `StoreError` when the store cannot be used. `now` and `expires`
    are in Unix seconds.
    """

    async def take(
        self, account: Account, limit: int, least: int, most: int, worker: str, expires: float, now: float
    ) -> Lease | Short:
        """Lend at least `least` and at most `most` of an account that may spend `limit` in all."""
        ...

    async def renew(self, leases: list[str], expires: float) -> list[str]:
        """Let leases live on until then; those that are still there are given back."""
        ...

    async def give_back(self, lease: str, amount: int) -> None:
        """So much of a lease is not needed. One that is no more is no error."""
        ...

    async def balances(self, accounts: list[str], now: float) -> list[Balance]:
        """How accounts stand; those that were never used are left out."""
        ...

    async def prune(self, now: float) -> int:
        """Let go of leases that have ended; how many there were."""
        ...
