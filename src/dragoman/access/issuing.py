"""Making, changing and taking back virtual keys and teams, for the command line and the management API."""

import re
import secrets
from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from dragoman.access.secret import KeySecret, check_secret, new_virtual_key
from dragoman.config.allowance import KeyRules, Rules, TeamSettings
from dragoman.config.allowance_checks import check_rules, check_text
from dragoman.config.source import KeyPath, dotted, quoted
from dragoman.store.keys import (
    KeyHash,
    KeyStore,
    NameTakenError,
    NoTeamError,
    StoredKey,
    StoredTeam,
    TeamInUseError,
)

LONGEST_OVERLAP = 31_536_000.0
"""The longest time that the text before a rotation may open as well, in seconds."""

_ID = re.compile(r"(?:key|team)_[0-9a-f]{16}")
_LATEST = 253_402_300_800.0
"""The end of the year 9999, in Unix seconds."""
_TRIES = 5
"""How often a change is tried anew because somebody else has changed the same thing."""


class IssuingError(Exception):
    """An order that cannot be carried out. `field` is the one that is wrong, as `rules.budgets[0].zone`; no
    text of a key is ever in the words.
    """

    def __init__(
        self, kind: Literal["invalid", "missing", "conflict"], field: str, problem: str, remedy: str
    ) -> None:
        super().__init__(f"{field}: {problem}; {remedy}")
        self.kind: Literal["invalid", "missing", "conflict"] = kind
        self.field = field
        self.problem = problem
        self.remedy = remedy


class OvertakenError(IssuingError):
    """Somebody else has changed the same thing meanwhile."""


class NewKey(msgspec.Struct, frozen=True):
    """What a key is to be. `team` is the id or the name of one, `expires` is in Unix seconds."""

    name: str
    owner: str = ""
    team: str | None = None
    rules: KeyRules = KeyRules()
    expires: float | None = None


class KeyChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What becomes different about a key; what is not set stays. None takes a team or an end away."""

    name: str | UnsetType = UNSET
    owner: str | UnsetType = UNSET
    team: str | UnsetType | None = UNSET
    rules: KeyRules | UnsetType = UNSET
    expires: float | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET


class TeamChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What becomes different about a team; what is not set stays."""

    name: str | UnsetType = UNSET
    rules: TeamSettings | UnsetType = UNSET


class Issued(msgspec.Struct, frozen=True):
    """A key, and its text for the one time that it is shown."""

    key: StoredKey
    text: str


class Issuing:
    """Keys and teams of a store, as people order them.

    Everything raises `IssuingError` for an order that cannot be carried out, and `StoreError`. `secret` gives
    the secret that keys are hashed with; it is asked for when a text is made, and a `ConfigError` is raised
    where it is not the one of the store. `now` is the time in Unix seconds. A `name` of what is there is its
    id, or its name. `expected` is the revision that is to be changed, where another one must not be.
    """

    def __init__(self, store: KeyStore, secret: Callable[[], KeySecret], now: Callable[[], float]) -> None:
        self._store = store
        self._secret = secret
        self._now = now

    async def keys(self) -> list[StoredKey]:
        """All keys, the newest first."""
        return await self._store.keys()

    async def key(self, name: str) -> StoredKey:
        """One key."""
        found = await self._store.key(name) if _can_be_name(name) else None
        if found is None:
            raise _missing("key")
        return found

    async def create_key(self, order: NewKey) -> Issued:
        """A new key."""
        _check_name(order.name)
        check_text(order.owner, ("owner",), _invalid, empty=True)
        _check_rules(order.rules)
        now = self._now()
        _check_end(order.expires, now)
        team = None if order.team is None else await self._team_of(order.team)
        text, opening = await self._new_text(now)
        key = StoredKey(
            id=_new_id("key"),
            name=order.name,
            owner=order.owner,
            team=team,
            rules=order.rules,
            disabled=False,
            expires=order.expires,
            created=now,
            updated=now,
            hashes=(opening,),
        )
        return Issued(await self._put_key(key, None), text)

    async def change_key(self, name: str, change: KeyChange, *, expected: int | None = None) -> StoredKey:
        """Change what a key is called, belongs to or may do."""
        now = self._now()
        given = msgspec.structs.asdict(change)
        values = {field: value for field, value in given.items() if value is not UNSET}
        if not isinstance(change.name, UnsetType):
            _check_name(change.name)
        if not isinstance(change.owner, UnsetType):
            check_text(change.owner, ("owner",), _invalid, empty=True)
        if not isinstance(change.rules, UnsetType):
            _check_rules(change.rules)
        if not isinstance(change.expires, UnsetType):
            _check_end(change.expires, now)
        if isinstance(change.team, str):
            values["team"] = await self._team_of(change.team)

        def changed(key: StoredKey) -> StoredKey:
            return msgspec.structs.replace(key, **values, updated=now)

        return await self._change_key(name, changed, expected)

    async def rotate_key(self, name: str, overlap: float = 0.0, *, expected: int | None = None) -> Issued:
        """A new text for a key. The one before opens for `overlap` more seconds, older ones no more."""
        if not 0 <= overlap <= LONGEST_OVERLAP:
            problem = f"{overlap:g} seconds are not possible"
            raise IssuingError("invalid", "overlap", problem, f"write 0 to {LONGEST_OVERLAP:g}")
        await self.key(name)
        now = self._now()
        text, opening = await self._new_text(now)

        def rotated(key: StoredKey) -> StoredKey:
            # a text that is to end soon, because of an earlier rotation, ends now
            latest = [one for one in key.hashes if one.expires is None]
            old = [msgspec.structs.replace(one, expires=now + overlap) for one in latest if overlap > 0]
            return msgspec.structs.replace(key, hashes=(opening, *old), updated=now)

        return Issued(await self._change_key(name, rotated, expected), text)

    async def disable_key(self, name: str) -> StoredKey:
        """Let a key open nothing until it is enabled."""
        return await self.change_key(name, KeyChange(disabled=True))

    async def enable_key(self, name: str) -> StoredKey:
        """Let a key open again."""
        return await self.change_key(name, KeyChange(disabled=False))

    async def delete_key(self, name: str, *, expected: int | None = None) -> StoredKey:
        """Take a key back for good. The ledger still knows what it was called."""
        now = self._now()

        def deleted(key: StoredKey) -> StoredKey:
            return msgspec.structs.replace(key, deleted=now, updated=now, hashes=())

        return await self._change_key(name, deleted, expected)

    async def teams(self) -> list[StoredTeam]:
        """All teams, by name."""
        return await self._store.teams()

    async def team(self, name: str) -> StoredTeam:
        """One team."""
        found = await self._store.team(name) if _can_be_name(name) else None
        if found is None:
            raise _missing("team")
        return found

    async def create_team(self, name: str, rules: TeamSettings) -> StoredTeam:
        """A new team."""
        _check_name(name)
        _check_rules(rules)
        now = self._now()
        team = StoredTeam(_new_id("team"), name, rules, created=now, updated=now)
        return await self._put_team(team, None)

    async def change_team(self, name: str, change: TeamChange, *, expected: int | None = None) -> StoredTeam:
        """Change what a team is called or may do."""
        now = self._now()
        if not isinstance(change.name, UnsetType):
            _check_name(change.name)
        if not isinstance(change.rules, UnsetType):
            _check_rules(change.rules)
        given = msgspec.structs.asdict(change)
        values = {field: value for field, value in given.items() if value is not UNSET}

        def changed(team: StoredTeam) -> StoredTeam:
            return msgspec.structs.replace(team, **values, updated=now)

        return await self._change_team(name, changed, expected)

    async def delete_team(self, name: str, *, force: bool = False, expected: int | None = None) -> StoredTeam:
        """Take a team away for good. One with keys stays, unless forced: they are without a team then."""
        now = self._now()

        def deleted(team: StoredTeam) -> StoredTeam:
            return msgspec.structs.replace(team, deleted=now, updated=now)

        return await self._change_team(name, deleted, expected, empty=not force)

    async def _new_text(self, now: float) -> tuple[str, KeyHash]:
        secret = self._secret()
        await check_secret(secret, self._store)
        text = new_virtual_key()
        return text, KeyHash(secret.digest(text).hex(), now)

    async def _team_of(self, name: str) -> str:
        """The id of the team that a key is to belong to."""
        team = await self._store.team(name) if _can_be_name(name) else None
        if team is None:
            raise _no_team()
        return team.id

    async def _change_key(
        self, name: str, change: Callable[[StoredKey], StoredKey], expected: int | None
    ) -> StoredKey:
        for _ in range(_TRIES):
            key = await self.key(name)
            if expected is not None and key.revision != expected:
                break
            kept = await self._try_key(change(key), key.revision)
            if kept is not None:
                return kept
        raise _overtaken("key")

    async def _put_key(self, key: StoredKey, expected: int | None) -> StoredKey:
        kept = await self._try_key(key, expected)
        if kept is None:
            raise _overtaken("key")
        return kept

    async def _try_key(self, key: StoredKey, expected: int | None) -> StoredKey | None:
        try:
            return await self._store.put_key(key, expected=expected)
        except NameTakenError:
            raise _taken("key", key.name) from None
        except NoTeamError:
            raise _no_team() from None

    async def _change_team(
        self,
        name: str,
        change: Callable[[StoredTeam], StoredTeam],
        expected: int | None,
        *,
        empty: bool = False,
    ) -> StoredTeam:
        for _ in range(_TRIES):
            team = await self.team(name)
            if expected is not None and team.revision != expected:
                break
            kept = await self._try_team(change(team), team.revision, empty=empty)
            if kept is not None:
                return kept
        raise _overtaken("team")

    async def _put_team(self, team: StoredTeam, expected: int | None) -> StoredTeam:
        kept = await self._try_team(team, expected)
        if kept is None:
            raise _overtaken("team")
        return kept

    async def _try_team(
        self, team: StoredTeam, expected: int | None, *, empty: bool = False
    ) -> StoredTeam | None:
        try:
            return await self._store.put_team(team, expected=expected, empty=empty)
        except NameTakenError:
            raise _taken("team", team.name) from None
        except TeamInUseError as error:
            keys = "a key belongs" if error.keys == 1 else f"{error.keys} keys belong"
            remedy = "move or delete them first, or force it, which leaves them without a team"
            raise IssuingError("conflict", "team", f"{keys} to it", remedy) from None


def _new_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(8)}"


def _check_name(name: str) -> None:
    check_text(name, ("name",), _invalid)
    if _ID.fullmatch(name):
        raise _invalid(("name",), "this has the form of an id", "write a name of another form")


def _can_be_name(name: str) -> bool:
    """Whether anything can be called so: databases do not bear every text."""
    try:
        check_text(name, ("name",), _invalid)
    except IssuingError:
        return False
    return True


def _check_rules(rules: Rules) -> None:
    try:
        msgspec.convert(msgspec.to_builtins(rules), type(rules))
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$")
        remedy = "write a value that fits"
        raise IssuingError("invalid", f"rules{place.rstrip('`')}", problem, remedy) from None
    check_rules(rules, ("rules",), _invalid)


def _check_end(expires: float | None, now: float) -> None:
    if expires is not None and not now < expires < _LATEST:
        raise _invalid(("expires",), "this is not in the future", "write a time to come, in Unix seconds")


def _invalid(path: KeyPath, problem: str, remedy: str) -> IssuingError:
    return IssuingError("invalid", dotted(path), problem, remedy)


def _missing(kind: str) -> IssuingError:
    # what was typed could be the text of a key: it is not said again
    return IssuingError("missing", kind, f"there is no {kind} with this id or name", f"list the {kind}s")


def _taken(kind: str, name: str) -> IssuingError:
    return IssuingError("conflict", "name", f"there is a {kind} {quoted(name)} already", "write another name")


def _no_team() -> IssuingError:
    return IssuingError(
        "invalid", "team", "there is no team with this id or name", "create it, or list the teams"
    )


def _overtaken(kind: str) -> OvertakenError:
    remedy = "look at it again, then try again"
    return OvertakenError("conflict", kind, "somebody else has changed it meanwhile", remedy)
