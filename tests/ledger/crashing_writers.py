"""Processes that write entries, bring them to the store, and are killed at any moment, several at a time.

Run as `crashing_writers.py FOLDER ROUNDS SEED [URL]`. It writes the ids of the requests of which a writer had been
told that they are written down, one in a line, to `FOLDER/told`. Everything is loaded once; writers are forks.
"""

import asyncio
import os
import random
import signal
import sys
import time
from pathlib import Path

from dragoman.config.bookkeeping import Ledger
from dragoman.config.secret import Secret
from dragoman.ledger import ingestion, journal
from dragoman.store.database_ledger import DatabaseLedger
from dragoman.store.entry import AttemptEntry, BodyEntry, Charge, Entry, UsageCounts
from dragoman.store.opening import open_database

WRITERS = 2
NOON = 20_000 * 86_400 + 43_200


def entry(randomly: random.Random, number: int) -> Entry:
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
    randomly = random.Random(seed)
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


def main(folder: Path, rounds: int, seed: int, url: Secret | None) -> None:
    """Kill writers as often as that."""
    randomly = random.Random(seed)
    with (folder / "told").open("wb") as told:
        for _ in range(rounds):
            writers = [fork(folder, url, randomly.randrange(2**32)) for _ in range(WRITERS)]
            for process, _reading in writers:
                time.sleep(randomly.random() * 0.15)
                os.kill(process, signal.SIGKILL)
            for process, reading in writers:
                os.waitpid(process, 0)
                with open(reading, "rb") as pipe:
                    told.write(pipe.read())


if __name__ == "__main__":
    given = sys.argv[1:]
    main(Path(given[0]), int(given[1]), int(given[2]), Secret(given[3]) if given[3:] else None)
