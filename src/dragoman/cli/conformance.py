"""`dragoman conformance`: measure any gateway from the outside."""

import asyncio
import datetime as dt
import itertools
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import click
import msgspec

from dragoman import __version__
from dragoman.cli.loading import fail
from dragoman.conformance.catalogue import FEATURES
from dragoman.conformance.cell import Cell
from dragoman.conformance.html_report import render_html
from dragoman.conformance.report import Report, render_json
from dragoman.conformance.runner import EVERYTHING, Pattern, run, vendors
from dragoman.conformance.subject import VENDOR_MODELS, Subject
from dragoman.conformance.table import render_table
from dragoman.conformance.wire import WIRES


class Orders(msgspec.Struct, frozen=True):
    """What the command line says. `port` is the first of four; the texts are as the user wrote them."""

    name: str
    base_url: str
    key: str
    host: str
    port: int
    only: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    upstream_headers: tuple[str, ...] = ()
    path_prefix: str = ""
    json_file: Path | None = None
    html_file: Path | None = None
    fail_under: float | None = None


def measure(orders: Orders) -> None:
    """Play the matrix, print the tables, write the reports. Ends with status 2 where it could not run,
    and with 1 where the score is under `fail_under` percent.
    """
    subject, patterns = subject_of(orders), patterns_of(orders.only)
    try:
        report = asyncio.run(_played(orders, subject, patterns))
    except OSError as error:
        fail(
            f"The fake vendors cannot listen on {orders.host}, from port {orders.port} on: {error.strerror}."
        )
    if not report.cells:
        fail("There is no such cell: the client's format has no way to ask for this feature.")
    if not report.offered and not report.refused.counted:
        fail(f"No gateway answers at {orders.base_url}, or it serves none of the formats.")
    click.echo(render_table(report))
    if orders.json_file is not None:
        orders.json_file.write_text(render_json(report), "utf-8")
    if orders.html_file is not None:
        orders.html_file.write_text(render_html(report), "utf-8")
    reached = report.total.percent
    if orders.fail_under is not None and (reached is None or reached < orders.fail_under):
        sys.exit(1)


async def _played(orders: Orders, subject: Subject, patterns: tuple[Pattern, ...]) -> Report:
    started = time.monotonic()
    async with vendors(orders.host, orders.port) as fakes:
        cells = await run(subject, fakes, patterns, _progress())
    day = dt.datetime.now(dt.UTC).date().isoformat()
    suite = f"dragoman {__version__}"
    return Report(orders.name, day, suite, tuple(cells), time.monotonic() - started)


def _progress() -> Callable[[Cell], None]:
    """Counts on standard error, where that is a terminal."""
    numbers = itertools.count(1)

    def show(_: Cell) -> None:
        number = next(numbers)
        if sys.stderr.isatty():
            click.echo(f"\r{number} cells ", err=True, nl=False)

    return show


def subject_of(orders: Orders) -> Subject:
    """The gateway that is meant. Ends the process with status 2 for options that make no sense."""
    models = dict(_pair(text, "=", "--model") for text in orders.models)
    for target in models:
        if _dialect(target.partition(".")[0]) is None:
            known = ", ".join(sorted(VENDOR_MODELS))
            fail(f"--model {target}=...: there is no such upstream; expected one of {known}.")
    by_upstream: dict[str, dict[str, str]] = {}
    for text in orders.upstream_headers:
        upstream, header = _pair(text, "=", "--upstream-header")
        dialect = _dialect(upstream)
        if dialect is None:
            fail(f"--upstream-header {text}: expected one of {', '.join(WIRES)} before the equals sign.")
        name, value = _pair(header, ":", "--upstream-header")
        by_upstream.setdefault(dialect, {})[name] = value
    return Subject(
        orders.base_url.rstrip("/"),
        orders.key,
        dict(_pair(text, ":", "--header") for text in orders.headers),
        by_upstream,
        {name.replace("-", "_"): value for name, value in models.items()},
        orders.path_prefix.rstrip("/"),
    )


def patterns_of(only: Iterable[str]) -> tuple[Pattern, ...]:
    """The cells that are chosen by texts such as `text/anthropic/gemini`, `tools` or `*/*/G`: a feature or
    a group of them, a client format, an upstream format. Ends the process with status 2 for a name that is
    not known.
    """
    patterns: list[Pattern] = []
    features = {one.name for one in FEATURES} | {one.group.lower() for one in FEATURES}
    for text in only:
        words = [word.removeprefix("*") for word in (*text.lower().split("/"), "", "")[:3]]
        if words[0] and words[0] not in features:
            fail(f"--only {text}: expected one of {', '.join(sorted(features))} in the first place.")
        formats = [_dialect(word) if word else "" for word in words[1:]]
        if None in formats:
            fail(f"--only {text}: expected one of {', '.join(WIRES)} in the second and third place.")
        patterns.append(Pattern(words[0], *(found or "" for found in formats)))
    return tuple(patterns) or EVERYTHING


def _dialect(word: str) -> str | None:
    """A format by its name or by its letter."""
    name = word.replace("-", "_")
    if name in WIRES:
        return name
    return next((wire.name for wire in WIRES.values() if wire.letter.lower() == word.lower()), None)


def _pair(text: str, mark: str, option: str) -> tuple[str, str]:
    name, found, value = text.partition(mark)
    if not found or not name.strip():
        fail(f"{option} {text}: expected a name, `{mark}` and a value.")
    return name.strip(), value.strip()
