"""The virtual keys of the store in the memory of a process, and how they stay as new as the store is."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Never

import structlog

from dragoman.access.holder import Holder
from dragoman.access.key_info import KeyInfo, in_team, stored_key, stored_team
from dragoman.access.secret import KeySecret, check_secret, may_be_virtual, wrong_secret
from dragoman.config.source import ConfigError
from dragoman.store.error import StoreError
from dragoman.store.keys import Changes, KeySource, StoredKey, StoredTeam

PERIOD = 0.8
"""Seconds between two looks into the store: what was changed there holds everywhere within a second."""
PATIENCE = 5.0
"""Seconds that an unknown key waits for the store."""

_PAUSE = 0.05
"""The fewest seconds between two looks, however many unknown keys are presented."""
_PORTION = 500
"""Keys after which the loop gets to do something else."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.access")


class KeyDirectory:
    """Every virtual key of a store, by its keyed hash.

    A presented key is hashed with the secret and the hash looked up in a dict, as in `KeyRing`. The store is
    asked only for what has changed: nothing that a client sends ever gets into a query.

    `secret` gives the secret, or None while there is none; it is asked when there are keys, until it gives
    one. `now` is the time in Unix seconds.
    """

    def __init__(
        self, store: KeySource, secret: Callable[[], KeySecret | None], now: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._find_secret = secret
        self._secret: KeySecret | None = None
        self._now = now
        self._revision = 0
        self._known: dict[bytes, KeyInfo] = {}
        self._ending: dict[bytes, float] = {}
        """When hashes end that a rotation has left behind."""
        self._hashes: dict[str, tuple[bytes, ...]] = {}
        """The hashes of each key."""
        self._teams: dict[str, Holder] = {}
        self._looking = asyncio.Lock()
        self._next: asyncio.Task[bool] | None = None
        self._current: asyncio.Task[bool] | None = None
        """The look that has begun; held here, because those who asked for it may leave."""
        self._looked = -PERIOD
        self._trouble: str | None = None

    def __len__(self) -> int:
        return len(self._hashes)

    @property
    def degraded(self) -> bool:
        """Whether the keys of the store could not be read when that was last tried."""
        return self._trouble is not None

    def find(self, presented: str) -> KeyInfo | None:
        """Whose key this is, as far as it is known here; also one that is disabled or has expired."""
        if self._secret is None or not self._known or not may_be_virtual(presented):
            return None
        digest = self._secret.digest(presented)
        ends = self._ending.get(digest)
        if ends is not None and ends <= self._now():
            return None
        return self._known.get(digest)

    async def seek(self, presented: str) -> KeyInfo | None:
        """The same, as far as the store knows. Raises `StoreError` where it cannot be asked."""
        if not may_be_virtual(presented):
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                is_new = await self.catch_up()
        except TimeoutError:
            is_new = False
        found = self.find(presented)
        if found is None and not is_new:
            raise StoreError("The keys of the store cannot be read now.")
        return found

    async def catch_up(self) -> bool:
        """Take over what has been changed until now; whether that was possible. Callers share one look into
        the store, and there is a pause between two.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._look())
        return await asyncio.shield(self._next)

    async def follow(self) -> Never:
        """Stay as new as the store is, until cancelled."""
        while True:
            await self.catch_up()
            await asyncio.sleep(PERIOD)

    async def close(self) -> None:
        """Wait for a look that is on its way: the store may be closed afterwards."""
        if self._next is not None:
            await self._next
        async with self._looking:
            pass

    async def _look(self) -> bool:
        async with self._looking:
            await asyncio.sleep(max(0.0, self._looked + _PAUSE - time.monotonic()))
            # what is changed from here on, this look may miss
            self._current, self._next = self._next, None
            try:
                await self._read()
            except (StoreError, ConfigError) as error:
                self._complain(str(error))
                return False
            finally:
                self._looked = time.monotonic()
            if self._trouble is not None:
                self._trouble = None
                _log.info("the keys of the store can be read again")
            return True

    async def _read(self) -> None:
        more = True
        while more:
            changes = await self._store.changes(self._revision)
            if changes.revision < self._revision:
                self._clear()  # the store is another one, such as that of a backup
                continue
            if self._secret is None and any(key.hashes for key in changes.keys):
                self._secret = await self._checked_secret()
            await self._take(changes)
            self._revision = changes.revision
            more = changes.more

    async def _checked_secret(self) -> KeySecret:
        secret = self._find_secret()
        if secret is None:
            raise wrong_secret("is missing, and the store has keys")
        await check_secret(secret, self._store)
        return secret

    async def _take(self, changes: Changes) -> None:
        for team in changes.teams:
            self._take_team(team)
        for number, key in enumerate(changes.keys, 1):
            self._take_key(key)
            if number % _PORTION == 0:
                await asyncio.sleep(0)

    def _take_team(self, team: StoredTeam) -> None:
        before = self._teams.pop(team.id, None)
        now = None
        if team.deleted is None:
            now = self._teams[team.id] = stored_team(team)
        if before is not None and before != now:
            for digest, key in self._known.items():
                if key.team_id == team.id:
                    self._known[digest] = in_team(key, now)

    def _take_key(self, key: StoredKey) -> None:
        self._forget(self._hashes.pop(key.id, ()))
        if key.deleted is not None:
            return
        info = stored_key(key, self._teams.get(key.team) if key.team else None)
        digests: list[bytes] = []
        for one in key.hashes:
            digest = bytes.fromhex(one.hash)
            digests.append(digest)
            self._known[digest] = info
            if one.expires is not None:
                self._ending[digest] = one.expires
        self._hashes[key.id] = tuple(digests)

    def _forget(self, digests: Iterable[bytes]) -> None:
        for digest in digests:
            self._known.pop(digest, None)
            self._ending.pop(digest, None)

    def _clear(self) -> None:
        for known in (self._known, self._ending, self._hashes, self._teams):
            known.clear()
        self._revision = 0

    def _complain(self, problem: str) -> None:
        """Say once what is wrong, until it is right again or something else is."""
        if problem != self._trouble:
            self._trouble = problem
            _log.warning("the keys of the store cannot be read; those known here still open", error=problem)
