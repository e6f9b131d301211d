"""Many rows into one table, for little of this process's time."""

import itertools
from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Table, Text, bindparam, cast, column, func, insert, select
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.backend import Dialect

_AT_ONCE = 50
"""Rows in one statement of SQLite's. Between two statements its driver lets other threads go on, and then has
to wait for them."""

_encode = msgspec.json.Encoder().encode


class BulkInsert:
    """Inserts rows of plain values, without bytes, that have `columns` in this order.

    SQLAlchemy would look at each value of each row; here rows go to SQLite's driver as they are, and to
    Postgres as one parameter, a JSON text that is taken apart there: no plan for each row.
    """

    def __init__(self, table: Table, columns: Sequence[str], dialect: Dialect) -> None:
        self._table = table.name
        self._columns = tuple(columns)
        self._dialect = dialect
        kinds = [column(name, table.c[name].type) for name in columns]
        rows = (
            func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON))
            .table_valued(*kinds)
            .render_derived(name="added", with_types=True)
        )
        self._from_json = insert(table).from_select(
            self._columns, select(*(rows.c[name] for name in columns))
        )

    async def run(self, connection: AsyncConnection, columns: Sequence[Sequence[object]]) -> None:
        """Insert rows, which are given column by column; those of a Boolean as 0 and 1."""
        # SQLite's driver takes longer for a None than for anything else, and most columns hold nothing else
        present = [
            (name, values)
            for name, values in zip(self._columns, columns, strict=True)
            if values.count(None) != len(values)
        ]
        if not present:
            return
        names = tuple([name for name, _ in present])
        values = [values for _, values in present]
        if self._dialect == "sqlite":
            await self._insert(connection, names, values)
        else:
            named = _encode([dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)])
            await connection.execute(self._from_json, {"rows": named.decode()})

    async def _insert(
        self, connection: AsyncConnection, names: tuple[str, ...], columns: Sequence[Sequence[object]]
    ) -> None:
        rows = len(columns[0])
        begin = rows - rows % _AT_ONCE
        if begin:
            parts = [_rows(columns, start, start + _AT_ONCE) for start in range(0, begin, _AT_ONCE)]
            joined = [tuple(itertools.chain.from_iterable(part)) for part in parts]
            await connection.exec_driver_sql(self._statement(names, _AT_ONCE), joined)
        if begin < rows:
            rest = list(_rows(columns, begin, rows))
            await connection.exec_driver_sql(self._statement(names, 1), rest)

    def _statement(self, names: tuple[str, ...], rows: int) -> str:
        row = f"({', '.join('?' * len(names))})"
        into = f"{self._table} ({', '.join(names)})"
        return f"INSERT INTO {into} VALUES {', '.join([row] * rows)}"  # noqa: S608 - our own names


def _rows(columns: Sequence[Sequence[object]], start: int, end: int) -> Iterator[tuple[object, ...]]:
    return zip(*[column[start:end] for column in columns], strict=True)
