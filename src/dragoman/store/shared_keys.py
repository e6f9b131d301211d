"""Virtual keys in the one database of a process, which is loaded at the first use."""

from typing import TYPE_CHECKING

from dragoman.store.keys import Changes, StoredKey, StoredTeam
from dragoman.store.opening import SharedDatabase

if TYPE_CHECKING:
    from dragoman.store.database_keys import DatabaseKeys


class SharedKeys:
    """See `KeyStore`. Where there is no database yet, looking for changes makes none."""

    def __init__(self, database: SharedDatabase) -> None:
        self._database = database
        self._keys: DatabaseKeys | None = None

    async def changes(self, since: int) -> Changes:
        """See `KeyStore.changes`."""
        if not await self._database.exists():
            return Changes(0, (), ())
        return await (await self._loaded()).changes(since)

    async def keys(self) -> list[StoredKey]:
        """See `KeyStore.keys`."""
        return await (await self._loaded()).keys()

    async def key(self, name: str) -> StoredKey | None:
        """See `KeyStore.key`."""
        return await (await self._loaded()).key(name)

    async def put_key(self, key: StoredKey, *, expected: int | None = None) -> StoredKey | None:
        """See `KeyStore.put_key`."""
        return await (await self._loaded()).put_key(key, expected=expected)

    async def teams(self) -> list[StoredTeam]:
        """See `KeyStore.teams`."""
        return await (await self._loaded()).teams()

    async def team(self, name: str) -> StoredTeam | None:
        """See `KeyStore.team`."""
        return await (await self._loaded()).team(name)

    async def put_team(
        self, team: StoredTeam, *, expected: int | None = None, empty: bool = False
    ) -> StoredTeam | None:
        """See `KeyStore.put_team`."""
        return await (await self._loaded()).put_team(team, expected=expected, empty=empty)

    async def agree_on_secret(self, fingerprint: str) -> bool:
        """See `KeyStore.agree_on_secret`."""
        return await (await self._loaded()).agree_on_secret(fingerprint)

    async def _loaded(self) -> "DatabaseKeys":
        if self._keys is None:
            database = await self._database.get()
            from dragoman.store.database_keys import DatabaseKeys  # noqa: PLC0415 - slow to import

            self._keys = DatabaseKeys(database)
        return self._keys
