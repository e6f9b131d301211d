"""All tables from one database to another, in pieces."""

from collections.abc import Callable

from sqlalchemy import Connection, LargeBinary, Table, func, insert, select

from dragoman.store.tables import FACTS, METADATA

_ROWS = 1000
_LARGE_ROWS = 16
"""Rows at a time of tables with bodies, each of which may have megabytes."""


def copy_tables(source: Connection, target: Connection, report: Callable[[str, int], None]) -> None:
    """Copy every row. The source is read as it was at the beginning, in a transaction that sees to that; both
    have all tables, and the target's are empty. `report` is told the name of each table and its rows.
    """
    for table in METADATA.sorted_tables:
        large = any(isinstance(column.type, LargeBinary) for column in table.columns)
        size = _LARGE_ROWS if large else _ROWS
        rows = 0
        found = source.execution_options(stream_results=True, max_row_buffer=size).execute(select(table))
        for part in found.mappings().partitions(size):
            target.execute(insert(table), [dict(row) for row in part])
            rows += len(part)
        _go_on_counting(target, table)
        report(table.name, rows)


def tables_in_use(connection: Connection) -> list[str]:
    """The names of the tables with something in them, but for single facts."""
    return [
        table.name
        for table in METADATA.sorted_tables
        if table is not FACTS and connection.execute(select(table).limit(1)).first() is not None
    ]


def _go_on_counting(target: Connection, table: Table) -> None:
    """Postgres numbers rows with a counter of its own, which does not see the numbers of copied rows."""
    column = table.autoincrement_column
    if column is None or target.dialect.name != "postgresql":
        return
    counter = func.pg_get_serial_sequence(table.name, column.name)
    last = select(func.max(column)).scalar_subquery()
    target.execute(select(func.setval(counter, func.coalesce(last, 1), last.is_not(None))))
