"""Budgets as the store keeps them: accounts, what was spent, and what is lent to processes that spend it.

What an account may still give is its limit, less what was spent, less what its leases hold. A lease is a
slice that one process holds: it spends out of it without asking anybody. What it spends reaches the account
through the ledger: in the same transaction in which a request's row is written, its charge moves from the
lease to what was spent. A lease that nobody renews ends: from then on it is taken away, with what is left of
it, by the first that needs it. Until somebody has, its process may still renew it.
"""

from collections.abc import Mapping, Sequence
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


class Wish(msgspec.Struct, frozen=True):
    """How much is wanted of an account, in nano-dollars."""

    least: int
    """With less than this nothing is done; more than 0."""
    enough: int
    """What is needed now, if there is so much; not less than `least`."""
    most: int
    """What may be lent for later requests, as long as that is a small part of what the account has left."""


class Lease(msgspec.Struct, frozen=True):
    """What was lent. Amounts are in nano-dollars."""

    id: str
    """The lease that holds it now."""
    granted: int
    """By how much that lease was made larger."""
    left: int
    """What the account could still have lent when this was."""


class Short(msgspec.Struct, frozen=True):
    """Nothing was lent: less was left than was needed."""

    left: int
    """What the account could have lent, maybe less than 0."""
    lent: int
    """What leases of others hold: some of it may come back."""


class Balance(msgspec.Struct, frozen=True):
    """How an account stands."""

    account: str
    spent: int
    lent: int


class LeaseStore(Protocol):
    """Accounts and leases. Every method raises `StoreError` when the store cannot be used, and then it is not
    known whether something was done. `now` and `expires` are in Unix seconds.
    """

    async def take(
        self, account: Account, limit: int, wish: Wish, worker: str, lease: str, expires: float, now: float
    ) -> Lease | Short:
        """Lend something of an account that may spend `limit` in all. It is added to `lease`, one that the
        same process has of this account, which lives until `expires` then; to a new one if that is no more,
        or empty. Leases of others that have ended are taken away if they are needed.
        """
        ...

    async def renew(self, leases: Sequence[str], expires: float) -> list[str]:
        """Let leases live on until then; those that are still there are given back. Those that are not have
        been spent, or were taken away.
        """
        ...

    async def give_back(self, amounts: Mapping[str, int]) -> None:
        """So much of each of these leases is not needed. One that is no more is no error."""
        ...

    async def balances(self, accounts: Sequence[str], now: float) -> list[Balance]:
        """How accounts stand; those that were never used are left out."""
        ...

    async def prune(self, now: float) -> int:
        """Let go of leases that have ended; how many there were."""
        ...
