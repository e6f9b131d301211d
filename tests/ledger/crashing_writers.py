"""Processes that write entries, bring them to the store, and are killed at any moment, several at a time.

Run as `crashing_writers.py FOLDER ROUNDS LIFE SEED [URL]`. It writes the ids of the requests of which a
writer had been told that they are written down, one in a line, to `FOLDER/told`. LIFE is the longest that a
writer lives, in seconds. Everything is loaded once; writers are forks.
"""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from random import Random

from dragoman.config.bookkeeping import Ledger
from dragoman.config.secret import Secret
from dragoman.ledger import ingestion, journal
from dragoman.store.database_ledger import DatabaseLedger
from dragoman.store.entry import AttemptEntry, BodyEntry, Charge, Entry, UsageCounts
from dragoman.store.opening import open_database

WRITERS = 4
NOON = 20_000 * 86_400 + 43_200


def entry(randomly: Random, number: int) -> Entry:
    cost = randomly.randrange(1000)
    attempts = tuple(
        AttemptEntry("a/b", "", "openai_chat", "passthrough", "answered", 1.0, cost=cost)
        for _ in range(randomly.randrange(3))
    )
    return Entry(
        f"req_{os.getpid()}_{number}",
        NOON + randomly.randrange(7200),
        randomly.choice("kl"),
        "key",
        "openai_chat",
        "m",
        200,
        usage=UsageCounts(randomly.randrange(100), randomly.randrange(100)),
        cost=cost,
        total=0.25,
        attempts=attempts,
        charges=(Charge(f"account {randomly.randrange(3)}", "", cost),),
        bodies=(BodyEntry("request", "text/plain", bytes(randomly.choice((0, 0, 0, 50_000)))),),
    )


async def write(folder: Path, url: Secret | None, told: int, seed: int) -> None:
    randomly = Random(seed)  # noqa: S311 - no secret
    database = open_database(url, folder)
    ledger = journal.LedgerJournal(folder, Ledger(), "node")
    following = asyncio.create_task(ledger.follow(DatabaseLedger(database)))
    number = 0
    while not following.done():
        for _ in range(randomly.randrange(20)):
            one = entry(randomly, number)
            assert ledger.write(one)
            os.write(told, f"{one.request_id}\n".encode())
            number += 1
        await asyncio.sleep(randomly.random() * 0.01)


async def prepare(folder: Path, url: Secret | None) -> None:
    """Load whatever is loaded at the first use, and make the tables."""
    database = open_database(url, folder)
    await DatabaseLedger(database).position("none")
    await database.close()


def fork(folder: Path, url: Secret | None, seed: int) -> tuple[int, int]:
    """A writer, and where it tells what it has written down."""
    reading, told = os.pipe()
    process = os.fork()
    if not process:
        os.close(reading)
        journal.GATHER = 0.01
        journal.FILE_BYTES = 20_000
        ingestion.SCAN_PAUSE = 0.02
        asyncio.run(write(folder, url, told, seed))
    os.close(told)
    return process, reading


def main(folder: Path, rounds: int, life: float, seed: int, url: Secret | None) -> None:
    """Kill writers as often as that."""
    randomly = Random(seed)  # noqa: S311 - no secret
    asyncio.run(prepare(folder, url))
    with (folder / "told").open("wb") as told:
        for _ in range(rounds):
            writers = [fork(folder, url, randomly.randrange(2**32)) for _ in range(WRITERS)]
            lives = sorted(randomly.random() * life for _ in writers)
            began = time.monotonic()
            for (process, _reading), lives_for in zip(writers, lives, strict=True):
                time.sleep(max(0.0, began + lives_for - time.monotonic()))
                os.kill(process, signal.SIGKILL)
            for process, reading in writers:
                os.waitpid(process, 0)
                while piece := os.read(reading, 65_536):
                    told.write(piece)
                os.close(reading)


if __name__ == "__main__":
    given = sys.argv[1:]
    address = Secret(given[4]) if given[4:] else None
    main(Path(given[0]), int(given[1]), float(given[2]), int(given[3]), address)
