"""Which keys and teams of the ledger a name stands for, and what their names are."""

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.ledger_filters import Holders, Scope
from dragoman.store.ledger_findings import By
from dragoman.store.ledger_rows import name
from dragoman.store.tables import KEYS, REQUESTS, TEAMS

CONFIGURED = "config:"
"""What the ids of teams of the configuration begin with; their names follow."""

_MOST_KEYS = 20_000
"""Keys of the ledger that are looked through for a name."""

_C = REQUESTS.c
_ids = select(func.min(_C.key_id).label("key_id")).cte("ids", recursive=True)
# from one id to the next, through the index: there are many rows and few keys
_IDS = _ids.union_all(
    select(select(func.min(_C.key_id)).where(_C.key_id > _ids.c.key_id).scalar_subquery()).where(
        _ids.c.key_id.is_not(None)
    )
)
_LATEST_NAME = (
    select(_C.key_name)
    .where(_C.key_id == _IDS.c.key_id)
    .order_by(_C.began.desc())
    .limit(1)
    .correlate(_IDS)
    .scalar_subquery()
)
_NAMED = (
    select(_IDS.c.key_id, _LATEST_NAME.label("key_name"))
    .where(_IDS.c.key_id.is_not(None))
    .limit(_MOST_KEYS)
    .subquery()
)


async def find_holders(connection: AsyncConnection, scope: Scope) -> Holders:
    """The ids that are meant by a key and a team, each said by its id or its name."""
    keys = None if scope.key is None else await _keys(connection, name(scope.key))
    teams = None if scope.team is None else await _teams(connection, name(scope.team))
    return Holders(keys, teams)


async def _keys(connection: AsyncConnection, said: str) -> tuple[str, ...]:
    known = await connection.execute(select(_C.id).where(_C.key_id == said).limit(1))
    if known.first() is not None:
        return (said,)
    # those of the configuration and those that were deleted are known to the ledger only
    named = await connection.execute(select(_NAMED.c.key_id).where(_NAMED.c.key_name == said))
    return tuple(sorted({*named.scalars()})) or (said,)


async def _teams(connection: AsyncConnection, said: str) -> tuple[str, ...]:
    found = await connection.execute(select(TEAMS.c.id).where(TEAMS.c.name == said))
    return (said, f"{CONFIGURED}{said}", *found.scalars())


async def names_of(connection: AsyncConnection, by: By | None, ids: Collection[str]) -> dict[str, str]:
    """The present names of keys or teams, as far as they are known; of routes and targets none: they are
    names themselves.
    """
    match by:
        case "key":
            found = await connection.execute(select(KEYS.c.id, KEYS.c.name).where(KEYS.c.id.in_(ids)))
            names = {row.id: row.name for row in found}
            if any(one not in names for one in ids):
                others = await connection.execute(select(_NAMED.c.key_id, _NAMED.c.key_name))
                names = {**{row.key_id: row.key_name for row in others}, **names}
            return names
        case "team":
            found = await connection.execute(select(TEAMS.c.id, TEAMS.c.name).where(TEAMS.c.id.in_(ids)))
            configured = {one: one.removeprefix(CONFIGURED) for one in ids}
            return {**configured, **{row.id: row.name for row in found}}
        case _:
            return {}
