"""Many rows into one table, for little of this process's time."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Table, Text, bindparam, cast, column, func, insert, select
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.sqlite.aiosqlite import dialect as sqlite_dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.backend import Dialect

_encode = msgspec.json.Encoder().encode


class BulkInsert:
    """Inserts rows of plain values, without bytes, that have `columns` in this order.

    SQLAlchemy would look at each value of each row; here rows go to SQLite's driver as they are, and to
    Postgres as one parameter, a JSON text that is taken apart there: no plan for each row.
    """

    def __init__(self, table: Table, columns: Sequence[str], dialect: Dialect) -> None:
        self._columns = tuple(columns)
        if dialect == "sqlite":
            compiled = insert(table).compile(dialect=sqlite_dialect(), column_keys=list(columns))
            self._statement = str(compiled)
        else:
            self._statement = None
        kinds = [column(name, table.c[name].type) for name in columns]
        rows = (
            func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON))
            .table_valued(*kinds)
            .render_derived(name="added", with_types=True)
        )
        self._from_json = insert(table).from_select(
            self._columns, select(*(rows.c[name] for name in columns))
        )

    async def run(self, connection: AsyncConnection, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert these rows."""
        if not rows:
            return
        if self._statement is not None:
            await connection.exec_driver_sql(self._statement, list(rows))
        else:
            named = _encode([dict(zip(self._columns, row, strict=True)) for row in rows])
            await connection.execute(self._from_json, {"rows": named.decode()})
