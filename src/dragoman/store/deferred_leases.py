"""Accounts and leases in a database that is opened, with all that is slow to load, at the first use."""

from collections.abc import Mapping, Sequence

from dragoman.store.leases import Account, Balance, Lease, LeaseStore, Short, Wish
from dragoman.store.opening import SharedDatabase


class DeferredLeases:
    """See `LeaseStore`."""

    def __init__(self, database: SharedDatabase) -> None:
        self._database = database

    async def take(
        self, account: Account, limit: int, wish: Wish, worker: str, lease: str, expires: float, now: float
    ) -> Lease | Short:
        """See `LeaseStore.take`."""
        return await (await self._loaded()).take(account, limit, wish, worker, lease, expires, now)

    async def renew(self, leases: Sequence[str], expires: float) -> list[str]:
        """See `LeaseStore.renew`."""
        return await (await self._loaded()).renew(leases, expires)

    async def give_back(self, amounts: Mapping[str, int]) -> None:
        """See `LeaseStore.give_back`."""
        await (await self._loaded()).give_back(amounts)

    async def balances(self, accounts: Sequence[str], now: float) -> list[Balance]:
        """See `LeaseStore.balances`."""
        return await (await self._loaded()).balances(accounts, now)

    async def prune(self, now: float) -> int:
        """See `LeaseStore.prune`."""
        return await (await self._loaded()).prune(now)

    async def _loaded(self) -> LeaseStore:
        database = await self._database.get()
        from dragoman.store.database_leases import DatabaseLeases  # noqa: PLC0415 - slow to import

        return DatabaseLeases(database)
