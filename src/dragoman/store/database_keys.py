"""Virtual keys and teams in the database."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Insert,
    RowMapping,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.config.allowance import KeyRules, Rules, TeamSettings
from dragoman.store.engine import Database
from dragoman.store.error import StoreError
from dragoman.store.keys import (
    Changes,
    KeyHash,
    NameTakenError,
    NoTeamError,
    StoredKey,
    StoredTeam,
    TeamInUseError,
)
from dragoman.store.tables import FACTS, KEY_HASHES, KEYS, TEAMS

R = TypeVar("R", bound=Rules)

PAGE = 500
"""The most keys of one step of `changes`."""

_REVISION = "revision"
_SECRET = "secret"  # noqa: S105 - the name of a fact

_LIVE_TEAM = and_(TEAMS.c.id == KEYS.c.team, TEAMS.c.deleted.is_(None))
_KEY_COLUMNS = [column for column in KEYS.c if column.name != "team"]
_SELECT_KEYS = select(*_KEY_COLUMNS, TEAMS.c.id.label("team")).select_from(KEYS.outerjoin(TEAMS, _LIVE_TEAM))
_SELECT_HASHES = select(KEY_HASHES).join_from(KEY_HASHES, KEYS, KEY_HASHES.c.key == KEYS.c.id)
_CHANGED_KEYS = and_(KEYS.c.revision > bindparam("since"), KEYS.c.revision <= bindparam("until"))
_CHANGED_TEAMS = and_(TEAMS.c.revision > bindparam("since"), TEAMS.c.revision <= bindparam("until"))
_FACT = select(FACTS.c.value).where(FACTS.c.name == bindparam("fact"))


class DatabaseKeys:
    """See `KeyStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def changes(self, since: int) -> Changes:
        """See `KeyStore.changes`."""

        async def work(connection: AsyncConnection) -> Changes:
            # first the revision, then what led to it: what is changed in between is for the next time
            until = await _revision(connection)
            if until <= since:
                return Changes(until, (), ())
            bounds = {"since": since, "until": until}
            teams = select(TEAMS).where(_CHANGED_TEAMS)
            keys = _SELECT_KEYS.where(_CHANGED_KEYS).order_by(KEYS.c.revision).limit(PAGE)
            if since == 0:
                teams = teams.where(TEAMS.c.deleted.is_(None))
                keys = keys.where(KEYS.c.deleted.is_(None))
            found_teams = _teams(await _rows(connection, teams, bounds))
            rows = await _rows(connection, keys, bounds)
            more = len(rows) == PAGE
            if more:
                until = bounds["until"] = rows[-1]["revision"]
            hashes = await _rows(connection, _SELECT_HASHES.where(_CHANGED_KEYS), bounds)
            return Changes(until, tuple(_keys(rows, hashes)), tuple(found_teams), more)

        return await self._database.run(work)

    async def keys(self) -> list[StoredKey]:
        """See `KeyStore.keys`."""
        there = KEYS.c.deleted.is_(None)
        query = _SELECT_KEYS.where(there).order_by(KEYS.c.created.desc(), KEYS.c.revision.desc())

        async def work(connection: AsyncConnection) -> list[StoredKey]:
            hashes = await _rows(connection, _SELECT_HASHES.where(there))
            return _keys(await _rows(connection, query), hashes)

        return await self._database.run(work)

    async def key(self, name: str) -> StoredKey | None:
        """See `KeyStore.key`."""

        async def work(connection: AsyncConnection) -> StoredKey | None:
            rows = await _rows(connection, _SELECT_KEYS.where(_called(KEYS)), {"called": name})
            row = _nearest(rows, name)
            return None if row is None else await _whole_key(connection, row)

        return await self._database.run(work)

    async def put_key(self, key: StoredKey, *, expected: int | None = None) -> StoredKey | None:
        """See `KeyStore.put_key`."""

        async def work(connection: AsyncConnection) -> StoredKey | None:
            revision = await _next_revision(connection)
            if expected is not None and expected != await _revision_of(connection, KEYS, key.id):
                return None
            if key.deleted is None:
                await _check_name(connection, KEYS, key.id, key.name)
                await _check_team(connection, key.team)
            kept = msgspec.structs.replace(key, revision=revision)
            await _put(connection, KEYS, _values(kept))
            await connection.execute(delete(KEY_HASHES).where(KEY_HASHES.c.key == key.id))
            for one in key.hashes:
                values = {**msgspec.structs.asdict(one), "key": key.id}
                await connection.execute(insert(KEY_HASHES), values)
            return kept

        return await self._database.run(work, writes=True)

    async def teams(self) -> list[StoredTeam]:
        """See `KeyStore.teams`."""
        query = select(TEAMS).where(TEAMS.c.deleted.is_(None)).order_by(TEAMS.c.name)

        async def work(connection: AsyncConnection) -> list[StoredTeam]:
            return _teams(await _rows(connection, query))

        return await self._database.run(work)

    async def team(self, name: str) -> StoredTeam | None:
        """See `KeyStore.team`."""

        async def work(connection: AsyncConnection) -> StoredTeam | None:
            rows = await _rows(connection, select(TEAMS).where(_called(TEAMS)), {"called": name})
            row = _nearest(rows, name)
            return None if row is None else _team(row, _parse(row, TeamSettings))

        return await self._database.run(work)

    async def put_team(
        self, team: StoredTeam, *, expected: int | None = None, empty: bool = False
    ) -> StoredTeam | None:
        """See `KeyStore.put_team`."""

        async def work(connection: AsyncConnection) -> StoredTeam | None:
            revision = await _next_revision(connection)
            if expected is not None and expected != await _revision_of(connection, TEAMS, team.id):
                return None
            if empty and (keys := await _members(connection, team.id)):
                raise TeamInUseError(keys)
            if team.deleted is None:
                await _check_name(connection, TEAMS, team.id, team.name)
            kept = msgspec.structs.replace(team, revision=revision)
            values = _values(kept)
            if team.deleted is not None:
                # the name is free again; no other one has a line break in it
                values["name"] = f"{team.name}\n{team.id}"
            await _put(connection, TEAMS, values)
            return kept

        return await self._database.run(work, writes=True)

    async def agree_on_secret(self, fingerprint: str) -> bool:
        """See `KeyStore.agree_on_secret`."""

        async def look(connection: AsyncConnection) -> str | None:
            return (await connection.execute(_FACT, {"fact": _SECRET})).scalar()

        async def write(connection: AsyncConnection) -> str | None:
            await connection.execute(_first(connection), {"name": _SECRET, "value": fingerprint})
            return await look(connection)

        known = await self._database.run(look)
        if known is None:
            known = await self._database.run(write, writes=True)
        return known == fingerprint


async def _rows(
    connection: AsyncConnection,
    query: Select[*tuple[object, ...]],
    parameters: dict[str, object] | dict[str, int] | None = None,
) -> list[RowMapping]:
    return list((await connection.execute(query, parameters)).mappings())


def _first(connection: AsyncConnection) -> Insert:
    """Write a fact that is not known yet."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(FACTS).on_conflict_do_nothing()
    return postgresql.insert(FACTS).on_conflict_do_nothing()


async def _revision(connection: AsyncConnection) -> int:
    return int((await connection.execute(_FACT, {"fact": _REVISION})).scalar() or 0)


async def _next_revision(connection: AsyncConnection) -> int:
    """Count one change. From here to the end of the transaction nobody else changes anything: whoever sees a
    revision sees all before it.
    """
    await connection.execute(_first(connection), {"name": _REVISION, "value": "0"})
    locked = await connection.execute(_FACT.with_for_update(), {"fact": _REVISION})
    revision = int(locked.scalar_one()) + 1
    await connection.execute(update(FACTS).where(FACTS.c.name == _REVISION).values(value=str(revision)))
    return revision


async def _revision_of(connection: AsyncConnection, table: Table, its_id: str) -> int | None:
    query = select(table.c.revision).where(table.c.id == its_id, table.c.deleted.is_(None))
    return (await connection.execute(query)).scalar()


async def _check_name(connection: AsyncConnection, table: Table, its_id: str, name: str) -> None:
    query = select(table.c.id).where(table.c.name == name, table.c.id != its_id, table.c.deleted.is_(None))
    if (await connection.execute(query.limit(1))).first() is not None:
        raise NameTakenError


async def _check_team(connection: AsyncConnection, team: str | None) -> None:
    query = select(TEAMS.c.id).where(TEAMS.c.id == team, TEAMS.c.deleted.is_(None))
    if team is not None and (await connection.execute(query)).first() is None:
        raise NoTeamError


async def _members(connection: AsyncConnection, team: str) -> int:
    query = select(func.count()).select_from(KEYS).where(KEYS.c.team == team, KEYS.c.deleted.is_(None))
    return (await connection.execute(query)).scalar_one()


async def _put(connection: AsyncConnection, table: Table, values: dict[str, object]) -> None:
    updated = await connection.execute(update(table).where(table.c.id == values["id"]).values(values))
    if not updated.rowcount:
        await connection.execute(insert(table), values)


def _called(table: Table) -> ColumnElement[bool]:
    called: BindParameter[str] = bindparam("called")
    return and_(or_(table.c.id == called, table.c.name == called), table.c.deleted.is_(None))


def _nearest(rows: list[RowMapping], name: str) -> RowMapping | None:
    """An id goes before a name."""
    return min(rows, key=lambda row: row["id"] != name, default=None)


async def _whole_key(connection: AsyncConnection, row: RowMapping) -> StoredKey:
    hashes = await _rows(connection, select(KEY_HASHES).where(KEY_HASHES.c.key == row["id"]))
    return _key(row, _parse(row, KeyRules), [_hash(one) for one in hashes])


def _keys(rows: list[RowMapping], hashes: list[RowMapping]) -> list[StoredKey]:
    """Keys with their hashes. Those of the same rules share them: most keys have none."""
    opened: dict[str, list[KeyHash]] = {}
    for one in hashes:
        opened.setdefault(one["key"], []).append(_hash(one))
    known: dict[str, KeyRules | None] = {}
    found: list[StoredKey] = []
    for row in rows:
        text: str = row["rules"]
        if text not in known:
            known[text] = _readable(row, KeyRules)
        rules = known[text]
        key = _key(row, rules or KeyRules(), opened.get(row["id"], ()))
        # whoever cannot read what a key is held to must not let it in
        found.append(key if rules is not None else msgspec.structs.replace(key, disabled=True))
    return found


def _key(row: RowMapping, rules: KeyRules, hashes: Iterable[KeyHash]) -> StoredKey:
    return StoredKey(
        id=row["id"],
        name=row["name"],
        owner=row["owner"],
        team=row["team"],
        rules=rules,
        disabled=row["disabled"],
        expires=row["expires"],
        created=row["created"],
        updated=row["updated"],
        deleted=row["deleted"],
        revision=row["revision"],
        hashes=tuple(sorted(hashes, key=lambda one: (-one.created, one.hash))),
    )


def _hash(row: RowMapping) -> KeyHash:
    return KeyHash(row["hash"], row["created"], row["expires"])


def _teams(rows: list[RowMapping]) -> list[StoredTeam]:
    return [_team(row, _parse(row, TeamSettings)) for row in rows]


def _team(row: RowMapping, rules: TeamSettings) -> StoredTeam:
    name: str = row["name"]
    return StoredTeam(
        id=row["id"],
        name=name.partition("\n")[0],
        rules=rules,
        created=row["created"],
        updated=row["updated"],
        deleted=row["deleted"],
        revision=row["revision"],
    )


def _values(kept: StoredKey | StoredTeam) -> dict[str, object]:
    """The columns of a row."""
    values: dict[str, object] = msgspec.structs.asdict(kept)
    values.pop("hashes", None)
    return {**values, "rules": msgspec.json.encode(kept.rules).decode()}


def _readable(row: RowMapping, kind: type[R]) -> R | None:
    try:
        return _parse(row, kind)
    except StoreError:
        return None


def _parse(row: RowMapping, kind: type[R]) -> R:
    try:
        return msgspec.json.decode(row["rules"], type=kind)
    except msgspec.MsgspecError:
        raise StoreError(f"The rules of {row['id']} cannot be read: a newer version wrote them.") from None
