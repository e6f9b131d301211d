"""`dragoman store export`: the ledger as JSON Lines or CSV."""

import contextlib
import csv
import datetime as dt
import io
import os
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from dragoman.cli.loading import fail
from dragoman.cli.terminal import printable, printable_json
from dragoman.cli.upkeep import parse_moment, read_settings, with_database
from dragoman.store.engine import Database
from dragoman.store.ledger_export import COLUMNS, export

_FORMULA = ("=", "+", "-", "@")
"""What makes a formula of a text, where a spreadsheet reads it."""

Row = dict[str, object]


def run(config: Path | None, since: str | None, until: str | None, kind: str, output: Path | None) -> None:
    """Write the ledger to a new file or to standard output, page by page."""
    begins = parse_moment(since, "--since") if since is not None else 0.0
    ends = parse_moment(until, "--until") if until is not None else float(sys.maxsize)
    settings = read_settings(config)
    render = _csv if kind == "csv" else _json_lines

    async def work(database: Database) -> int:
        rows = 0
        with _opened(output) as file:
            if kind == "csv":
                file.write(_csv([dict(zip(COLUMNS, COLUMNS, strict=True))]))
            async for page in export(database, begins, ends, attempts=kind == "jsonl"):
                file.write(render(page))
                rows += len(page)
        return rows

    try:
        rows = with_database(settings, work)
    except BrokenPipeError:
        # whoever reads has enough; what is left in the buffer must not fail once more at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    if output is not None:
        click.echo(f"{rows} requests are in {output}.")


@contextlib.contextmanager
def _opened(output: Path | None) -> Generator[BinaryIO]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        fail(f"{output} cannot be written: {error.strerror}.")
    with os.fdopen(descriptor, "wb") as file:
        yield file


def _json_lines(page: Sequence[Row]) -> bytes:
    lines = (msgspec.json.encode(row | {"began": _time(row["began"])}) for row in page)
    return "".join(f"{printable_json(line)}\n" for line in lines).encode()


def _csv(page: Sequence[Row]) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    for row in page:
        writer.writerow([_cell(name, row[name]) for name in COLUMNS])
    return buffer.getvalue().encode()


def _cell(name: str, value: object) -> object:
    if name == "began":
        return _time(value)
    match value:
        case msgspec.Raw():
            return printable_json(bytes(value))
        case str():
            text = printable(value)
            return f"'{text}" if value.startswith(_FORMULA) else text
        case bool():
            return "true" if value else "false"
        case _:
            return value


def _time(value: object) -> object:
    if not isinstance(value, float):
        return value
    return dt.datetime.fromtimestamp(value, dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
