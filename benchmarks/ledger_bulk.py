"""Filling the tables of a ledger with very many rows, without the gateway's own way in."""

import contextlib
import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg
from ledger_traffic import Request, all_shapes, traffic
from sqlalchemy import Index
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex

from dragoman.config.secret import Secret
from dragoman.store.entry import Entry
from dragoman.store.ledger_rows import ATTEMPT, REQUEST, ROLLUP, Batch, Row, Taken
from dragoman.store.tables import ATTEMPTS, REQUESTS

_BEGAN, _UPSTREAM = ATTEMPT.index("began"), ATTEMPT.index("upstream_request_id")
_HOUR, _DAY = 3600, 86_400
_UNIQUE = "requests_request_id_key"


class Shape:
    """What requests of one kind have in common: the ends of their rows, and what they add to sums."""

    def __init__(self, entry: Entry) -> None:
        batch = Batch()
        batch.add([Taken(entry.request_id, entry, entry)])
        (request,) = zip(*batch.requests, strict=True)
        self.request: Row = request[3:]
        self.attempts = [
            (row[1:_BEGAN], row[_BEGAN + 1 : _UPSTREAM], row[_UPSTREAM + 1 :])
            for row in zip(*batch.attempts, strict=True)
        ]
        _, _, *rest = next(row for row in batch.rollups if row[0] == 1)
        self.place: tuple[object, ...] = tuple(rest[:4])
        self.sums = msgspec.convert(rest[4:], list[int | float])


class Day:
    """The rows of one day."""

    def __init__(self, shapes: list[Shape], day: list[Request]) -> None:
        self._shapes = shapes
        self._day = day

    def requests(self) -> Iterator[Row]:
        """Rows of `requests`."""
        shapes = self._shapes
        for request_id, began, shape in self._day:
            yield (request_id, 0, began, *shapes[shape].request)

    def attempts(self) -> Iterator[Row]:
        """Rows of `attempts`."""
        shapes = self._shapes
        for request_id, began, shape in self._day:
            for first, middle, last in shapes[shape].attempts:
                yield (request_id, *first, began, *middle, f"up_{request_id[4:]}", *last)

    def rollups(self) -> Iterator[Row]:
        """Rows of `rollups`."""
        hours: dict[int, Counter[int]] = {}
        for hour, requests in itertools.groupby(self._day, lambda request: int(request.began // _HOUR)):
            hours[hour * _HOUR] = Counter(request.shape for request in requests)
        spans = [(1, begins, counts) for begins, counts in hours.items()]
        spans.append((24, min(hours) // _DAY * _DAY, sum(hours.values(), Counter[int]())))
        for span, begins, counts in spans:
            sums: dict[tuple[object, ...], list[float]] = {}
            for number, count in counts.items():
                shape = self._shapes[number]
                known = sums.setdefault(shape.place, [0] * len(shape.sums))
                for place, value in enumerate(shape.sums):
                    known[place] += count * value
            for place in sorted(sums, key=str):
                yield (span, begins, *place, *sums[place])


def fill(location: Path | Secret, rows: int) -> None:
    """Put so many requests, with their attempts and sums, into empty tables."""
    entries, odd = all_shapes()
    usual = min(places.start for places in odd.values())
    shapes = [Shape(entry) for entry in entries]
    days = (Day(shapes, day) for day in traffic(rows, usual, odd))
    if isinstance(location, Path):
        _fill_sqlite(location, days)
    else:
        _fill_postgres(location.reveal(), days)


def _indexes() -> list[Index]:
    return sorted((*REQUESTS.indexes, *ATTEMPTS.indexes), key=lambda index: index.name or "")


def _fill_sqlite(path: Path, days: Iterator[Day]) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -2000000")
        connection.execute("BEGIN")
        for index in _indexes():
            connection.execute(f"DROP INDEX {index.name}")
        for day in days:
            for table, columns, rows in _parts(day):
                marks = ", ".join("?" * len(columns))
                connection.executemany(
                    f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608 - our names
                    rows,
                )
            print(".", end="", flush=True)
        connection.execute("COMMIT")
        for index in _indexes():
            connection.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
            print("i", end="", flush=True)
        print()


def _fill_postgres(url: str, days: Iterator[Day]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '1GB'")
        for index in _indexes():
            connection.execute(f"DROP INDEX {index.name}".encode())
        connection.execute(f"ALTER TABLE requests DROP CONSTRAINT {_UNIQUE}".encode())
        for day in days:
            for table, columns, rows in _parts(day):
                with (
                    connection.cursor() as cursor,
                    cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN".encode()) as copy,
                ):
                    for row in rows:
                        copy.write_row(row)
            print(".", end="", flush=True)
        connection.execute(f"ALTER TABLE requests ADD CONSTRAINT {_UNIQUE} UNIQUE (request_id)".encode())
        for index in _indexes():
            connection.execute(str(CreateIndex(index).compile(dialect=postgresql.dialect())).encode())
            print("i", end="", flush=True)
        connection.execute("VACUUM (ANALYZE)")
        print()


def _parts(day: Day) -> Iterator[tuple[str, tuple[str, ...], Iterator[Row]]]:
    yield "requests", REQUEST, day.requests()
    yield "attempts", ATTEMPT, day.attempts()
    yield "rollups", ROLLUP, day.rollups()
