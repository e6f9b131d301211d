"""The ledger as rows for other programs, page by page."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import msgspec
from sqlalchemy import RowMapping, bindparam, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.models.money import to_dollars
from dragoman.store.engine import Database
from dragoman.store.tables import ATTEMPTS, REQUESTS

PAGE = 500
"""Requests that are read at a time. Nothing is held between two pages: writers do not wait."""

COLUMNS = tuple(column.name for column in REQUESTS.columns if column.name != "id")
"""The names of what is known of a request."""

_PAGE = (
    select(REQUESTS)
    .where(
        tuple_(REQUESTS.c.began, REQUESTS.c.id) > tuple_(bindparam("began"), bindparam("last")),
        REQUESTS.c.began < bindparam("until"),
    )
    .order_by(REQUESTS.c.began, REQUESTS.c.id)
    .limit(PAGE)
)
_ATTEMPTS = (
    select(ATTEMPTS)
    .where(ATTEMPTS.c.request_id.in_(bindparam("ids", expanding=True)))
    .order_by(ATTEMPTS.c.request_id, ATTEMPTS.c.number)
)
_DOLLARS = Decimal("0.000000001")


async def export(
    database: Database, since: float, until: float, *, attempts: bool
) -> AsyncIterator[list[dict[str, object]]]:
    """Requests that began in [since, until), in Unix seconds, the oldest first, with `COLUMNS`; and with
    their attempts, if asked for. Money is in US dollars, as a text of all digits. Raises `StoreError`.
    """
    at, last = since, -1
    while True:

        async def work(
            connection: AsyncConnection, at: float = at, last: int = last
        ) -> tuple[Sequence[RowMapping], Sequence[RowMapping]]:
            asked = {"began": at, "last": last, "until": until}
            found = (await connection.execute(_PAGE, asked)).mappings().all()
            if not attempts or not found:
                return found, ()
            ids = [row["request_id"] for row in found]
            return found, (await connection.execute(_ATTEMPTS, {"ids": ids})).mappings().all()

        rows, tries = await database.run(work)
        if not rows:
            return
        of_request: dict[object, list[dict[str, object]]] = {}
        for row in tries:
            of_request.setdefault(row["request_id"], []).append(_attempt(row))
        page = [_request(row) for row in rows]
        if attempts:
            for row in page:
                row["attempts"] = of_request.get(row["request_id"], [])
        yield page
        at, last = rows[-1]["began"], rows[-1]["id"]


def _request(row: RowMapping) -> dict[str, object]:
    found: dict[str, object] = {name: row[name] for name in COLUMNS}
    found["cost"] = _money(row["cost"])
    found["tags"] = msgspec.Raw(row["tags"].encode() or b"null")
    found["charges"] = msgspec.Raw(row["charges"].encode() or b"null")
    return found


def _attempt(row: RowMapping) -> dict[str, object]:
    found: dict[str, object] = {str(name): row[name] for name in row if name not in {"id", "request_id"}}
    found["cost"] = _money(row["cost"])
    found["cost_rows"] = msgspec.Raw(row["cost_rows"].encode() or b"null")
    return found


def _money(nanos: int | None) -> str | None:
    return None if nanos is None else f"{to_dollars(nanos).quantize(_DOLLARS):f}"
