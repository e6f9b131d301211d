"""Virtual keys and teams as the store keeps them. No text of a key is ever here: only keyed hashes."""

from typing import Protocol

import msgspec

from dragoman.config.allowance import KeyRules, TeamSettings


class StoredTeam(msgspec.Struct, frozen=True):
    """A team. Times are in Unix seconds."""

    id: str
    name: str
    rules: TeamSettings
    created: float
    updated: float
    deleted: float | None = None
    revision: int = 0


class KeyHash(msgspec.Struct, frozen=True):
    """What opens a key: the keyed hash of its text in hexadecimal digits, until it expires."""

    hash: str
    created: float
    expires: float | None = None


class StoredKey(msgspec.Struct, frozen=True):
    """A key. Times are in Unix seconds; `team` is the id of a team that is not deleted."""

    id: str
    name: str
    owner: str
    team: str | None
    rules: KeyRules
    disabled: bool
    expires: float | None
    created: float
    updated: float
    deleted: float | None = None
    revision: int = 0
    hashes: tuple[KeyHash, ...] = ()


class Changes(msgspec.Struct, frozen=True):
    """What was changed since a revision, deleted things included, and the revision that this leads to."""

    revision: int
    keys: tuple[StoredKey, ...]
    teams: tuple[StoredTeam, ...]
    more: bool = False
    """Whether there is more after that revision: a step holds some hundred keys."""


class KeySource(Protocol):
    """What there is to know of keys and teams, step by step. Every method raises `StoreError` when the store
    cannot be used.
    """

    async def changes(self, since: int) -> Changes:
        """What was changed after a revision, as far as one step goes; for 0, without what is deleted."""
        ...

    async def agree_on_secret(self, fingerprint: str) -> bool:
        """Whether this is the secret that keys are hashed with here; the first one that asks decides."""
        ...


class KeyStore(KeySource, Protocol):
    """Keys and teams.

    Each change gets the next revision, in the order in which changes can be seen: whoever asks for what has
    changed since the last time misses nothing. Of keys that are not deleted, as of teams, no two have the
    same name.
    """

    async def keys(self) -> list[StoredKey]:
        """All keys that are not deleted, the newest first."""
        ...

    async def key(self, name: str) -> StoredKey | None:
        """The key with this id, or the one with this name; deleted ones are not found."""
        ...

    async def put_key(self, key: StoredKey, *, expected: int | None = None) -> StoredKey | None:
        """Keep a key in place of what its id stood for, under a new revision. With `expected`, only if the
        present one has that revision; None where it has not. Raises `NameTakenError` where another key has
        the name, and `NoTeamError` where there is no such team.
        """
        ...

    async def teams(self) -> list[StoredTeam]:
        """All teams that are not deleted, by name."""
        ...

    async def team(self, name: str) -> StoredTeam | None:
        """The team with this id or this name; deleted ones are not found."""
        ...

    async def put_team(
        self, team: StoredTeam, *, expected: int | None = None, empty: bool = False
    ) -> StoredTeam | None:
        """Keep a team in place of what its id stood for, as `put_key` does. Raises `NameTakenError` where
        another team has the name, and, with `empty`, `TeamInUseError` where keys belong to it. The keys of a
        team that is deleted are without a team from then on.
        """
        ...


class NameTakenError(Exception):
    """Another one has this name."""


class NoTeamError(Exception):
    """There is no such team, or none any more."""


class TeamInUseError(Exception):
    """Keys belong to the team; `keys` is how many."""

    def __init__(self, keys: int) -> None:
        super().__init__(f"{keys} keys belong to the team.")
        self.keys = keys
