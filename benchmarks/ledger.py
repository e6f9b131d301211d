"""Searching a ledger of ten million rows, and writing into it: how long it takes.

    python benchmarks/ledger.py [--rows 10000000] [--url postgresql://... | --file FILE] [--only WORDS]

Makes a ledger, in an SQLite file or in the empty Postgres database of a URL, with the traffic of a month (see
`ledger_traffic.py`); one that is there already is used as it is. Then each question is asked: once with the
operating system's cache empty, where this user may empty it, and several times in a row, of which the median
is told. Last, rows are added and slices of a budget lent, there and in an empty store.
"""

import argparse
import asyncio
import contextlib
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
from ledger_bulk import fill
from ledger_traffic import BEGINS, ENDS, usual_shapes
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.config.secret import Secret
from dragoman.store.database_leases import DatabaseLeases
from dragoman.store.database_ledger import DatabaseLedger
from dragoman.store.engine import Database
from dragoman.store.entry import Entry
from dragoman.store.leases import Account, Wish
from dragoman.store.ledger_filters import Filters, Scope
from dragoman.store.ledger_findings import Page
from dragoman.store.ledger_search import LedgerSearch
from dragoman.store.tables import REQUESTS

DAY = 86_400
ROUNDS = 5
BATCH = 500

Question = Callable[[LedgerSearch], Awaitable[object]]


def questions(known: str) -> Iterator[tuple[str, float, Question]]:
    """What is asked, and within how many seconds it is to be answered. `known` is the id of a request."""

    def page(limit: float, words: str, **filters: object) -> tuple[str, float, Question]:
        wanted = msgspec.convert(filters, Filters)
        return words, limit, lambda search: search.page(wanted)

    yield page(0.2, "newest page")
    yield page(1, "a day, three weeks ago", begins=ENDS - 22 * DAY, ends=ENDS - 21 * DAY)
    yield page(1, "a key with very many rows", key="key_0000")
    yield page(1, "a key with few rows", key="key_0199")
    yield page(1, "a key by its name", key="service 77")
    yield page(1, "a key with one row", key="key_once")
    yield page(1, "a key of long ago", key="key_old")
    yield page(1, "a key that there is not", key="nobody")
    yield page(1, "a team", team="team_03")
    yield page(1, "an owner", owner="person 7")
    yield page(1, "an owner with three rows", owner="zoe")
    yield page(1, "a model", model="sonnet")
    yield page(1, "a model asked for once", model="gpt-99")
    yield page(1, "a target", target="openai/gpt-4o")
    yield page(1, "a target with 100 rows", target="rare/model")
    yield page(1, "a target of long ago", target="retired/model")
    yield page(1, "a route with 30 rows", route="rare")
    yield page(1, "a dialect", dialect="gemini")
    yield page(1, "a dialect with one row", dialect="bedrock")
    yield page(1, "status 503", status=503)
    yield page(1, "status with one row", status=418)
    yield page(1, "all that failed", outcome="failed")
    yield page(1, "all 5xx", outcome="5xx")
    yield page(1, "all whose client left", outcome="left")
    yield page(1, "a kind of failure", failure="quota")
    yield page(1, "cost of at least $0.001", cost_at_least=10**6)
    yield page(1, "cost of at least $5 (long ago)", cost_at_least=5 * 10**9)
    yield page(1, "cost of at least $50", cost_at_least=50 * 10**9)
    yield page(1, "cost of at least $1,000 (none)", cost_at_least=1000 * 10**9)
    yield page(1, "cost of at most $0.000001", cost_at_most=1000)
    yield page(1, "unpriced", unpriced=True)
    yield page(1, "estimated", estimated=True)
    yield page(1, "cached", cached=True)
    yield page(1, "not streamed", stream=False)
    yield page(1, "an id", text=known)
    yield page(1, "an id's beginning", text=known[:20])
    yield page(1, "the beginning of all ids", text="req_")
    yield page(1, "an upstream's id", text=f"up_{known[4:]}"[:20])
    yield page(1, "a key, failed", key="key_0003", outcome="failed")
    yield page(1, "a key, a target that it never had", key="key_0000", target="rare/model")
    yield page(1, "a key, cost of at least $50", key="key_0000", cost_at_least=50 * 10**9)
    yield page(1, "a key, status 503, streamed", key="key_0001", status=503, stream=True)
    yield page(1, "a team, a target, a model", team="team_04", target="gemini/gemini-2.5-pro", model="pro")
    yield page(1, "a model with another's target", model="sonnet", target="openai/gpt-4o")
    yield page(1, "two common things, never together", model="sonnet", dialect="gemini", status=402)
    yield page(
        1,
        "a key, a dialect, cost, not streamed",
        key="key_0005",
        dialect="gemini",
        stream=False,
        cost_at_least=10**8,
    )
    yield page(1, "estimated, failed (never)", estimated=True, outcome="failed")
    yield "one request", 0.2, lambda search: search.entry(known)
    month = (float(BEGINS), float(ENDS))
    yield "a month by day", 0.2, lambda search: search.chart(Scope(), *month, "day")
    yield "a month by day, by key", 0.2, lambda search: search.chart(Scope(), *month, "day", "key")
    yield "a month by day, by target", 0.2, lambda search: search.chart(Scope(), *month, "day", "target")
    yield (
        "a month by day, one key by target",
        0.2,
        lambda search: search.chart(Scope(key="key_0003"), *month, "day", "target"),
    )
    yield (
        "a week by hour, by target",
        0.5,
        lambda search: search.chart(Scope(), month[1] - 7 * DAY, month[1], "hour", "target"),
    )
    yield (
        "a day by hour, by key",
        0.2,
        lambda search: search.chart(Scope(), month[1] - DAY, month[1], "hour", "key"),
    )
    yield "totals of a month", 0.2, lambda search: search.summary(Scope(), month[0] + 3600, month[1] - 3600)
    yield (
        "the ten costliest keys",
        0.2,
        lambda search: search.top(Scope(), month[0] + 3600, month[1] - 3600, "key"),
    )


async def ask(database: Database, question: Question) -> tuple[float, object]:
    """How many seconds an answer takes, and what it is."""
    search = LedgerSearch(database)
    began = time.perf_counter()
    answer = await question(search)
    return time.perf_counter() - began, answer


def forget() -> bool:
    """Empty the operating system's cache of files; whether that could be done."""
    subprocess.run(["sync"], check=False)
    with contextlib.suppress(OSError):
        Path("/proc/sys/vm/drop_caches").write_text("3")
        return True
    return False


async def measure_questions(location: Path | Secret, only: str, restart: Callable[[], None]) -> None:
    """Ask everything, and print what it took."""
    database = Database(location)

    async def one(connection: AsyncConnection) -> str:
        middle = select(REQUESTS.c.request_id).where(REQUESTS.c.began > (BEGINS + ENDS) / 2)
        return (await connection.execute(middle.order_by(REQUESTS.c.began).limit(1))).scalar_one()

    known = await database.run(one)
    await database.close()
    print(f"{'question':44} {'cold ms':>9} {'warm ms':>9} {'most ms':>9}  rows")
    late = 0
    for words, limit, question in questions(known):
        if only not in words:
            continue
        cold = "-"
        if forget():
            restart()
            database = Database(location)
            await database.run(one)  # connects
            cold = f"{(await ask(database, question))[0] * 1000:.1f}"
            await database.close()
        database = Database(location)
        answers = [await ask(database, question) for _ in range(ROUNDS + 1)][1:]
        await database.close()
        times = [seconds for seconds, _ in answers]
        found, note = answers[0][1], ""
        if isinstance(found, Page):
            note = f"{len(found.rows)}{'+' if found.next else ''}{' (stopped)' if found.searched else ''}"
        if max(times) > limit:
            late += 1
            note += f"  SLOWER THAN {limit * 1000:.0f}"
        print(
            f"{words:44} {cold:>9} {statistics.median(times) * 1000:9.1f} {max(times) * 1000:9.1f}  {note}",
            flush=True,
        )
    print(f"{late} too slow")


async def measure_writing(location: Path | Secret, words: str) -> None:
    """Add rows and lend money, and print what it took."""
    database = Database(location)
    ledger, leases = DatabaseLedger(database), DatabaseLeases(database)
    shapes = usual_shapes()
    batches: list[float] = []
    for number in range(20):
        now = time.time()
        entries = [
            _new(shapes[(number * BATCH + place) % len(shapes)], now + place / BATCH)
            for place in range(BATCH)
        ]
        began = time.perf_counter()
        await ledger.add("benchmark", number, entries, now)
        batches.append(time.perf_counter() - began)
    lent: list[float] = []
    for number in range(100):
        account = Account(f"key:{number % 20}", "month", "UTC", 0.0, None)
        began = time.perf_counter()
        now = time.time()
        await leases.take(
            account, 10**12, Wish(1, 10**6, 10**6), "benchmark", f"lease-{number}", now + 60, now
        )
        lent.append(time.perf_counter() - began)
    await database.close()
    print(f"{words}: {BATCH} rows in {_milliseconds(batches)}, a lease in {_milliseconds(lent)}", flush=True)


def _new(shape: Entry, began: float) -> Entry:
    """A request like another one, with ids of its own."""
    attempts = (
        msgspec.structs.replace(attempt, began=began, upstream_request_id=f"up_{os.urandom(12).hex()}")
        for attempt in shape.attempts
    )
    request_id = f"req_{int(began * 1000):012x}{os.urandom(6).hex()}"
    return msgspec.structs.replace(shape, request_id=request_id, began=began, attempts=tuple(attempts))


def _milliseconds(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.1f} ms (most {max(seconds) * 1000:.1f})"


async def prepared(location: Path | Secret, rows: int) -> None:
    """Make the tables, and fill them where they are empty."""
    database = Database(location)

    async def count(connection: AsyncConnection) -> int:
        return (await connection.execute(select(func.max(REQUESTS.c.id)))).scalar_one() or 0

    there = await database.run(count)
    await database.close()
    if there:
        print(f"There are {there:,} rows or fewer.")
        return
    began = time.perf_counter()
    fill(location, rows)
    print(f"{rows:,} rows made in {time.perf_counter() - began:.0f} s", flush=True)


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--url", help="a Postgres database")
    parser.add_argument("--file", type=Path, help="an SQLite file; default: one in a temporary folder")
    parser.add_argument("--empty-url", help="an empty Postgres database to compare writing with")
    parser.add_argument("--restart", help="a command that restarts Postgres, for cold answers")
    parser.add_argument("--only", default="", help="only questions with these words")
    options = parser.parse_args()

    def restart() -> None:
        if options.restart:
            subprocess.run(shlex.split(options.restart), check=True)

    with tempfile.TemporaryDirectory(prefix="dragoman-ledger-") as folder:
        location = Secret(options.url) if options.url else options.file or Path(folder) / "ledger.db"
        asyncio.run(prepared(location, options.rows))
        if isinstance(location, Path):
            print(f"{location.stat().st_size / 2**30:.2f} GiB")
        asyncio.run(measure_questions(location, options.only, restart))
        if options.only:
            return
        empty = Secret(options.empty_url) if options.empty_url else Path(folder) / "empty.db"
        if options.empty_url or not options.url:
            asyncio.run(measure_writing(empty, "into an empty store"))
        asyncio.run(measure_writing(location, f"beside {options.rows:,} rows"))


if __name__ == "__main__":
    sys.exit(main())
