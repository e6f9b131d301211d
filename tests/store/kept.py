"""Rows of every table, as a gateway leaves them."""

from sqlalchemy import Boolean, Connection, Double, LargeBinary, Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.any_text import AnyText
from dragoman.store.tables import ATTEMPTS, BODIES, LEASES, METADATA, REQUESTS, RESPONSES, ROLLUPS

Row = dict[str, object]


def a_row(table: Table, **known: object) -> Row:
    """A row with something in every column that has to be filled."""
    row: Row = {}
    for column in table.columns:
        if column.nullable or column is table.autoincrement_column:
            continue
        match column.type:
            case AnyText():
                row[column.name] = ""
            case LargeBinary():
                row[column.name] = b""
            case Boolean():
                row[column.name] = False
            case Double():
                row[column.name] = 0.0
            case _:
                row[column.name] = 0
    return row | known


def a_request(number: int, began: float, **known: object) -> Row:
    """A request of the ledger, with two attempts."""
    texts = {"tags": '["a"]', "charges": '[["key:k/day","lease",1250]]', "cost": 1250, "status": 200}
    return a_row(REQUESTS, request_id=f"req-{number}", began=began, attempts=2, **(texts | known))


def rows_of(requests: list[Row]) -> dict[Table, list[Row]]:
    """These requests with their attempts and bodies."""
    attempts = [
        a_row(
            ATTEMPTS,
            request_id=row["request_id"],
            number=number,
            began=row["began"],
            target="openai/gpt-4o",
            cost=625,
            cost_rows='[["input",250,"2.5"]]',
        )
        for row in requests
        for number in (1, 2)
    ]
    bodies = [
        a_row(BODIES, request_id=row["request_id"], kind=kind, began=row["began"], content=b"\x00\xff" * 50)
        for row in requests
        for kind in ("request", "answer")
    ]
    return {REQUESTS: requests, ATTEMPTS: attempts, BODIES: bodies}


def one_of_each() -> dict[Table, list[Row]]:
    """A row or two in every table, some of them odd."""
    rows = {table: [a_row(table)] for table in METADATA.sorted_tables}
    rows |= rows_of(
        [a_request(1, 1000.5), a_request(2, 2000.25, model="\x00\x10 \u2028 🙂 '; --", cost=None)]
    )
    rows[ROLLUPS] = [a_row(ROLLUPS, span=24, begins=0, requests=2, cost=2**62)]
    rows[RESPONSES] = [a_row(RESPONSES, id="a", key="b", request=bytes(range(256)), answer=b"x" * 300_000)]
    rows[LEASES] = [a_row(LEASES, id="lease", amount=-5, expires=1e12)]
    return rows


async def keep(connection: AsyncConnection, rows: dict[Table, list[Row]]) -> None:
    """Write them down."""
    for table, of_table in rows.items():
        if of_table:
            await connection.execute(insert(table), of_table)


def keep_now(connection: Connection, rows: dict[Table, list[Row]]) -> None:
    """The same in a thread."""
    for table, of_table in rows.items():
        if of_table:
            connection.execute(insert(table), of_table)
