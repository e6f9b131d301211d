"""What the commands of `dragoman store` do."""

import asyncio
import contextlib
import datetime as dt
import os
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from dragoman.cli.loading import fail
from dragoman.config.data_directory import data_directory
from dragoman.config.file import load_settings
from dragoman.config.settings import Settings
from dragoman.config.source import ConfigError
from dragoman.server.configuration import Origin
from dragoman.store.backend import Backend
from dragoman.store.backup import back_up
from dragoman.store.backup import restore as put_back
from dragoman.store.engine import Database, backend_at, failures
from dragoman.store.error import StoreError
from dragoman.store.inspection import Findings, look
from dragoman.store.opening import FILE
from dragoman.store.pruning import Limits, Pruned, limits_of, prunable
from dragoman.store.pruning import prune as forget

T = TypeVar("T")


def check(config: Path | None, *, as_json: bool) -> None:
    """Show what there is to say about the store. Ends the process with status 1 where something is wrong."""
    with _store(read_settings(config)) as backend:
        found = look(backend, data_directory())
    if found is None:
        click.echo("{}" if as_json else f"There is no database yet at {backend.place}.")
        return
    click.echo(msgspec.json.encode(found) if as_json else "\n".join(_words(found)))
    if found.problems:
        sys.exit(1)


def backup(config: Path | None, file: Path) -> None:
    """Copy the store to a new file."""
    with _store(read_settings(config)) as backend:
        if backend.dialect == "sqlite" and not Path(backend.place).exists():
            raise StoreError(f"There is no database yet at {backend.place}.")
        back_up(backend, file, _say_rows)
    click.echo(f"Everything in {backend.place} is in {file}: {_size(file.stat().st_size)}.")


def restore(config: Path | None, file: Path) -> None:
    """Fill an empty store from a backup."""
    with _store(read_settings(config)) as backend:
        put_back(backend, file, _say_rows)
    click.echo(f"Everything in {file} is in {backend.place}.")


def prune(config: Path | None, before: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Forget what is old, or say how much that is."""
    settings, now = read_settings(config), time.time()
    limits = limits_of(settings.ledger, now)
    if before is not None:
        moment = parse_moment(before, "--before")
        if moment > now:
            raise click.BadParameter("that is in the future", param_hint="--before")
        limits = Limits(now, moment, moment)
    elif limits.requests is None:
        click.echo("Requests are kept for good ([ledger] retention is 0); --before says otherwise.", err=True)
    gone = with_database(settings, lambda database: (prunable if dry_run else forget)(database, limits))
    if as_json:
        click.echo(msgspec.json.encode(gone))
    else:
        click.echo(f"{'To be forgotten' if dry_run else 'Forgotten'}: {_parts(gone)}.")


def read_settings(config: Path | None) -> Settings:
    """The settings of a file. Ends the process with status 2 if they are wrong."""
    try:
        return load_settings(Origin(config).path, os.environ)
    except ConfigError as error:
        fail(str(error))


@contextlib.contextmanager
def _store(settings: Settings) -> Generator[Backend]:
    """The store of a configuration. Whatever goes wrong with it ends the process with status 1."""
    try:
        url = settings.store.url
        backend = backend_at(data_directory() / FILE if url is None else url)
        with failures(backend):
            yield backend
    except StoreError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def with_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """What comes of `work` on the store. Whatever goes wrong with it ends the process with status 1."""

    async def run() -> T:
        url = settings.store.url
        database = Database(data_directory() / FILE if url is None else url)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except StoreError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def parse_moment(text: str, option: str) -> float:
    """A date, or a date and a time, in Unix seconds. Raises `click.BadParameter`."""
    try:
        moment = dt.datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        problem = "write a date, such as 2026-11-01, or 2026-11-01T12:00 (in UTC, or with +02:00 at its end)"
        raise click.BadParameter(problem, param_hint=option) from None


def _words(found: Findings) -> Iterator[str]:
    yield f"Database: {found.place} ({'SQLite' if found.dialect == 'sqlite' else 'Postgres'})"
    free = f", of which {_size(found.free_bytes)} are free" if found.free_bytes else ""
    yield f"Size: {_size(found.bytes)}{free}"
    yield f"Tables: {_version(found)}"
    for name, rows in found.rows.items():
        yield f"  {name}: {rows}"
    if found.oldest and found.latest:
        yield f"Requests: from {found.oldest:%Y-%m-%d %H:%M:%S} to {found.latest:%Y-%m-%d %H:%M:%S} UTC"
    waiting = found.waiting
    if waiting.files:
        yield f"Journal: {_size(waiting.bytes)} in {waiting.files} files are not in the database yet"
    for problem in found.problems:
        yield f"PROBLEM: {problem}"
    if not found.problems:
        yield "The database is fine."


def _version(found: Findings) -> str:
    if found.version == found.newest:
        return f"version {found.version}, up to date"
    known = f"version {found.version}" if found.version else "none with a version"
    return f"{known}; the next start of the gateway brings them to version {found.newest}"


def _parts(gone: Pruned) -> str:
    return ", ".join(f"{count} {name}" for name, count in msgspec.structs.asdict(gone).items())


def _say_rows(table: str, rows: int) -> None:
    click.echo(f"{table}: {rows}", err=True)


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
