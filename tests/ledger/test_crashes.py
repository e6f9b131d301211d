"""What was written down is in the ledger, once, however often processes are killed."""

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.ledger_books import check_books, rows

from dragoman.config.bookkeeping import Ledger
from dragoman.config.secret import Secret
from dragoman.ledger.journal import LedgerJournal
from dragoman.store.database_ledger import DatabaseLedger
from dragoman.store.engine import Database
from dragoman.store.opening import open_database
from dragoman.store.tables import ATTEMPTS, BODIES, REQUESTS

SCRIPT = Path(__file__).with_name("crashing_writers.py")


def test_what_was_written_down_is_in_the_ledger_once_after_any_kill(
    store_url: Secret | None, tmp_path: Path, thorough: bool
) -> None:
    kills = (200 if store_url is None else 60) if thorough else 12
    url = [] if store_url is None else [store_url.reveal()]
    # each round kills four, within a second: some of them before they could bring anything to the store
    words = [sys.executable, SCRIPT, tmp_path, str(kills // 4), "0.6", "5", *url]
    subprocess.run(words, check=True, timeout=400)
    told = (tmp_path / "told").read_text().split()
    assert len(told) == len(set(told)) > kills
    asyncio.run(_ends_well(open_database(store_url, tmp_path), tmp_path, told, kills))
    assert list(tmp_path.glob("journal/rejected/*")) == []


async def _ends_well(database: Database, folder: Path, told: list[str], kills: int) -> None:
    try:
        # some were read before the kills, some were not
        assert 0 < len(await rows(database, REQUESTS)) < len(told)
        journal = LedgerJournal(folder, Ledger(), "node")
        following = asyncio.create_task(journal.follow(DatabaseLedger(database)))
        for _ in range(1000):
            if not await asyncio.to_thread(lambda: list(folder.glob("journal/*.journal"))):
                break
            await asyncio.sleep(0.05)
        await journal.close()
        following.cancel()
        requests = {str(row["request_id"]): row for row in await rows(database, REQUESTS)}
        assert set(told) <= set(requests)
        # each of the killed may have written one more than it could tell
        assert len(requests) <= len(told) + kills
        attempts = Counter(str(row["request_id"]) for row in await rows(database, ATTEMPTS))
        assert all(row["attempts"] == attempts[name] for name, row in requests.items())
        bodies = [str(row["request_id"]) for row in await rows(database, BODIES)]
        assert sorted(bodies) == sorted(requests)
        await check_books(database)
    finally:
        await database.close()
