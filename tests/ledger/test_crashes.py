"""Whoever was told that something is written down finds it in the ledger, once, however often processes are killed."""

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.ledger_books import check_books, rows

from dragoman.config.bookkeeping import Ledger
from dragoman.config.secret import Secret
from dragoman.ledger.journal import LedgerJournal
from dragoman.store.database_ledger import DatabaseLedger
from dragoman.store.opening import open_database
from dragoman.store.tables import ATTEMPTS, BODIES, REQUESTS

SCRIPT = Path(__file__).with_name("crashing_writers.py")
KILLS = {"sqlite": 200, "postgresql": 60}


def journals(folder: Path) -> list[Path]:
    return list(folder.glob("journal/*.journal"))


def test_what_was_written_down_is_in_the_ledger_once_after_any_kill(
    store_url: Secret | None, tmp_path: Path
) -> None:
    kills = KILLS["sqlite" if store_url is None else "postgresql"]
    url = [] if store_url is None else [store_url.reveal()]
    # each round kills two
    subprocess.run([sys.executable, SCRIPT, tmp_path, str(kills // 2), "5", *url], check=True, timeout=400)
    told = (tmp_path / "told").read_text().split()
    assert len(told) == len(set(told)) > kills

    async def run() -> None:
        database = open_database(store_url, tmp_path)
        before = len(await rows(database, REQUESTS))
        assert 0 < before < len(told)  # some were read before the kills, some were not
        journal = LedgerJournal(tmp_path, Ledger(), "node")
        following = asyncio.create_task(journal.follow(DatabaseLedger(database)))
        async with asyncio.timeout(60):
            while journals(tmp_path):
                await asyncio.sleep(0.05)
        await journal.close()
        following.cancel()
        requests = await rows(database, REQUESTS)
        found = {str(row["request_id"]): row for row in requests}
        assert len(found) == len(requests)
        assert set(told) <= set(found)
        # each killed one may have written one more than it could tell
        assert len(found) <= len(told) + kills
        attempts = Counter(str(row["request_id"]) for row in await rows(database, ATTEMPTS))
        assert all(row["attempts"] == attempts[name] for name, row in found.items())
        bodies = Counter(str(row["request_id"]) for row in await rows(database, BODIES))
        assert bodies == Counter(found)
        await check_books(database)
        await database.close()

    asyncio.run(run())
    assert list(tmp_path.glob("journal/rejected/*")) == []
