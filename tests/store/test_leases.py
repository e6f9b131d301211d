"""What accounts lend: never more than they have, whoever asks at once, whoever holds it and dies."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.config.secret import Secret
from dragoman.store.database_leases import SHARE, DatabaseLeases, charge
from dragoman.store.deferred_leases import DeferredLeases
from dragoman.store.engine import Database
from dragoman.store.entry import Charge
from dragoman.store.error import StoreError
from dragoman.store.leases import Account, Balance, Lease, Short, Wish
from dragoman.store.opening import SharedDatabase
from dragoman.store.tables import ACCOUNTS, LEASES

pytestmark = pytest.mark.anyio

ACCOUNT = Account("key:k", "month", "UTC", 1_800_000_000.0, 1_802_000_000.0)
OTHER = Account("team:t", "total", "UTC", 0.0, None)
LIMIT = 1000


@pytest.fixture
def leases(database: Database) -> DatabaseLeases:
    return DatabaseLeases(database)


async def take(
    leases: DatabaseLeases,
    least: int,
    *,
    enough: int = 0,
    most: int = 0,
    account: Account = ACCOUNT,
    lease: str = "",
    expires: float = 100,
    now: float = 0,
    limit: int = LIMIT,
) -> Lease | Short:
    wish = Wish(least, max(least, enough), most)
    return await leases.take(account, limit, wish, "w", lease, expires, now)


async def lent(leases: DatabaseLeases, least: int, *, lease: str = "", expires: float = 100) -> Lease:
    found = await take(leases, least, lease=lease, expires=expires)
    assert isinstance(found, Lease)
    return found


async def paid(database: Database, *charges: Charge) -> None:
    async def work(connection: AsyncConnection) -> None:
        await charge(connection, charges, 0)

    await database.run(work, writes=True)


async def standing(leases: DatabaseLeases, account: Account = ACCOUNT, now: float = 0) -> tuple[int, int]:
    """What is spent and what is lent."""
    for balance in await leases.balances([account.id], now):
        return balance.spent, balance.lent
    return 0, 0


async def test_what_is_asked_for_is_lent_and_counts_for_all(leases: DatabaseLeases) -> None:
    first = await lent(leases, 600)
    assert (first.granted, first.left) == (600, 400)
    assert await take(leases, 401) == Short(400, 600)
    second = await lent(leases, 400)
    assert second.id != first.id
    assert second.left == 0
    assert await standing(leases) == (0, 1000)


async def test_a_process_has_one_lease_of_an_account_that_grows(leases: DatabaseLeases) -> None:
    first = await lent(leases, 10)
    assert await lent(leases, 20, lease=first.id, expires=500) == Lease(first.id, 20, 970)
    # its new time is that of all of it
    assert await standing(leases, now=499) == (0, 30)
    # what it holds itself cannot come back from others
    assert await take(leases, 971, lease=first.id) == Short(970, 0)


async def test_a_lease_that_is_no_more_does_not_come_back_under_its_name(leases: DatabaseLeases) -> None:
    first = await lent(leases, 10)
    await leases.give_back({first.id: 10})
    second = await lent(leases, 20, lease=first.id)
    assert second.id != first.id
    assert await standing(leases) == (0, 20)


@pytest.mark.parametrize(
    ("least", "enough", "most", "granted"),
    [
        (1, 1, 0, 1),
        (1, 1, 5, 5),
        (1, 1, 10_000, LIMIT // SHARE),
        (1, 300, 10_000, 300),
        (1, 10_000, 10_000, LIMIT),
        (LIMIT, LIMIT, 0, LIMIT),
    ],
)
async def test_a_slice_is_a_small_part_and_a_need_is_met(
    leases: DatabaseLeases, least: int, enough: int, most: int, granted: int
) -> None:
    found = await take(leases, least, enough=enough, most=most)
    assert isinstance(found, Lease)
    assert (found.granted, found.left) == (granted, LIMIT - granted)


async def test_a_charge_moves_from_the_lease_to_what_is_spent(
    leases: DatabaseLeases, database: Database
) -> None:
    lease = await lent(leases, 100)
    await paid(database, Charge(ACCOUNT.id, lease.id, 30), Charge(ACCOUNT.id, lease.id, 20))
    assert await standing(leases) == (50, 50)
    await paid(database, Charge(ACCOUNT.id, lease.id, 50))
    assert await standing(leases) == (100, 0)
    assert await leases.renew([lease.id], 500) == []


async def test_a_charge_needs_no_lease_and_no_account(leases: DatabaseLeases, database: Database) -> None:
    await paid(database, Charge(OTHER.id, "", 30), Charge(OTHER.id, "no such lease", 20))
    assert await standing(leases, OTHER) == (50, 0)
    await paid(database, Charge(OTHER.id, "", -20))
    assert await standing(leases, OTHER) == (30, 0)


async def test_a_charge_beyond_a_lease_leaves_it_empty_and_not_below(
    leases: DatabaseLeases, database: Database
) -> None:
    lease = await lent(leases, 100)
    await paid(database, Charge(ACCOUNT.id, lease.id, 130))
    assert await standing(leases) == (130, 0)


async def test_charges_of_a_transaction_that_fails_are_not_made(
    leases: DatabaseLeases, database: Database
) -> None:
    lease = await lent(leases, 100)

    async def work(connection: AsyncConnection) -> None:
        await charge(connection, [Charge(ACCOUNT.id, lease.id, 60)], 0)
        raise StoreError("the rows could not be written")

    with pytest.raises(StoreError):
        await database.run(work, writes=True)
    assert await standing(leases) == (0, 100)


async def test_what_is_given_back_can_be_lent_again(leases: DatabaseLeases) -> None:
    first, second = await lent(leases, 600), await lent(leases, 400)
    await leases.give_back({first.id: 100, second.id: 50, "no such lease": 7})
    assert await standing(leases) == (0, 850)
    assert await take(leases, 151) == Short(150, 850)
    await lent(leases, 150)


async def test_nothing_is_made_of_nothing(leases: DatabaseLeases, database: Database) -> None:
    lease = await lent(leases, 10)
    await leases.give_back({})
    await leases.give_back({lease.id: 0})
    await paid(database, Charge(ACCOUNT.id, lease.id, 0))
    await paid(database)
    assert await leases.renew([], 500) == []
    assert await leases.balances([], 0) == []
    assert await standing(leases) == (0, 10)


async def test_a_lease_that_has_ended_is_taken_away_when_it_is_needed(leases: DatabaseLeases) -> None:
    dead = await lent(leases, 900, expires=60)
    assert await take(leases, 200, now=59) == Short(100, 900)
    found = await take(leases, 200, now=60, expires=120)
    assert isinstance(found, Lease)
    assert found.left == 800
    assert await leases.renew([dead.id, found.id], 500) == [found.id]
    assert await standing(leases, now=60) == (0, 200)


async def test_a_lease_that_has_ended_can_be_renewed_until_somebody_needs_it(leases: DatabaseLeases) -> None:
    late = await lent(leases, 900, expires=60)
    assert isinstance(await take(leases, 50, now=100, expires=400), Lease)
    assert await leases.renew([late.id], 300) == [late.id]
    assert await take(leases, 200, now=299) == Short(50, 950)


async def test_its_own_lease_is_not_taken_away_from_a_process(leases: DatabaseLeases) -> None:
    own = await lent(leases, 500, expires=60)
    await lent(leases, 100, expires=60)
    assert await take(leases, 501, lease=own.id, now=100) == Short(500, 0)
    assert await take(leases, 500, lease=own.id, now=100, expires=160) == Lease(own.id, 500, 0)


async def test_a_lower_limit_lends_nothing_and_takes_nothing_away(leases: DatabaseLeases) -> None:
    lease = await lent(leases, 600)
    assert await take(leases, 1, limit=500) == Short(-100, 600)
    assert await leases.renew([lease.id], 500) == [lease.id]
    assert isinstance(await take(leases, 1, limit=601), Lease)


async def test_balances_tell_what_is_spent_and_lent_now(leases: DatabaseLeases, database: Database) -> None:
    lease = await lent(leases, 100, expires=60)
    await lent(leases, 10, expires=90)
    await paid(database, Charge(ACCOUNT.id, lease.id, 40), Charge(OTHER.id, "", 7))
    names = [ACCOUNT.id, OTHER.id, "never used"]
    assert sorted(await leases.balances(names, 0), key=lambda one: one.account) == [
        Balance(ACCOUNT.id, 40, 70),
        Balance(OTHER.id, 7, 0),
    ]
    assert await leases.balances([ACCOUNT.id], 60) == [Balance(ACCOUNT.id, 40, 10)]


async def test_pruning_lets_go_of_leases_that_have_ended_and_of_nothing_else(leases: DatabaseLeases) -> None:
    old, new = await lent(leases, 100, expires=60), await lent(leases, 100, expires=61)
    assert await leases.prune(60) == 1
    assert await leases.renew([old.id, new.id], 500) == [new.id]


async def test_more_leases_than_fit_into_one_statement(leases: DatabaseLeases, database: Database) -> None:
    accounts = [Account(f"key:{number}", "day", "UTC", 0, 86_400) for number in range(1203)]

    async def work(connection: AsyncConnection) -> None:
        rows = [
            {"id": one.holder, "account": one.id, "worker": "w", "amount": 10, "expires": 60.0}
            for one in accounts
        ]
        await connection.execute(LEASES.insert(), rows)
        await charge(connection, [Charge(one.id, one.holder, 4) for one in accounts], 0)

    await database.run(work, writes=True)
    assert len(await leases.renew([one.holder for one in accounts], 100)) == 1203
    await leases.give_back({one.holder: 5 for one in accounts})
    found = await leases.balances([one.id for one in accounts], 99)
    assert len(found) == 1203
    assert {(one.spent, one.lent) for one in found} == {(4, 1)}


HOSTILE = ["'; DROP TABLE leases; --", "key:k/day", 'a"b\\c%s:x?', "tab\t\n\x00nul", "\u2028\udc80 lone"]


@pytest.mark.parametrize("name", HOSTILE)
async def test_names_are_names_whatever_they_say(
    leases: DatabaseLeases, database: Database, name: str
) -> None:
    account = Account(f"route:{name}", "day", "UTC", 0, 86_400)
    lease = await take(leases, 100, account=account)
    assert isinstance(lease, Lease)
    assert await leases.renew([name], 500) == []
    await leases.give_back({name: 5})
    await paid(database, Charge(account.id, lease.id, 40), Charge(account.id, name, 1))
    assert await standing(leases, account) == (41, 60)
    assert await standing(leases) == (0, 0)


async def totals(database: Database) -> tuple[int, int]:
    """What all accounts have spent and all leases hold, as the tables have it."""

    async def work(connection: AsyncConnection) -> tuple[int, int]:
        spent = (await connection.execute(select(func.coalesce(func.sum(ACCOUNTS.c.spent), 0)))).scalar_one()
        held = (await connection.execute(select(func.coalesce(func.sum(LEASES.c.amount), 0)))).scalar_one()
        return int(spent), int(held)

    return await database.run(work)


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret, the same every time


async def spend(
    leases: DatabaseLeases,
    pay: Callable[[Iterable[Charge]], Awaitable[None]],
    draw: random.Random,
    accounts: list[Account],
    rounds: int,
) -> int:
    """A worker that takes, charges, renews and gives back in any order; what it has charged in all."""
    charged, held = 0, dict[str, tuple[str, int]]()
    for _ in range(rounds):
        account = draw.choice(accounts)
        lease, amount = held.get(account.id, ("", 0))
        match draw.choice(["take", "take", "charge", "charge", "give back", "renew"]):
            case "take":
                need = draw.randint(1, 60)
                wish = Wish(need, need + draw.randint(0, 60), draw.randint(0, 200))
                found = await leases.take(account, LIMIT, wish, "w", lease, 1e12, 0)
                if isinstance(found, Lease):
                    assert lease in {"", found.id}
                    held[account.id] = (found.id, amount + found.granted)
            case "charge" if amount:
                some = draw.randint(1, amount)
                held[account.id] = (lease, amount - some)
                charged += some
                await pay([Charge(account.id, lease, some)])
            case "give back" if amount:
                some = draw.randint(1, amount)
                held[account.id] = (lease, amount - some)
                await leases.give_back({lease: some})
            case _:
                await leases.renew([name for name, _ in held.values()], 1e12)
        held = {name: one for name, one in held.items() if one[1]}
    await leases.give_back(dict(held.values()))
    return charged


ACCOUNTS_OF_ALL = [ACCOUNT, OTHER, Account("key:k", "day", "UTC", 1_800_000_000.0, 1_800_086_400.0)]


async def test_many_at_once_neither_lend_too_much_nor_lose_anything(
    leases: DatabaseLeases, database: Database
) -> None:
    async def pay(charges: Iterable[Charge]) -> None:
        await paid(database, *charges)

    charged = await asyncio.gather(
        *(spend(leases, pay, chance(seed), ACCOUNTS_OF_ALL, 40) for seed in range(16))
    )
    assert await totals(database) == (sum(charged), 0)
    for account in ACCOUNTS_OF_ALL:
        assert (await standing(leases, account))[0] <= LIMIT


PROCESS = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from dragoman.config.secret import Secret
from dragoman.store.database_leases import DatabaseLeases
from dragoman.store.engine import Database
from test_leases import ACCOUNTS_OF_ALL, chance, paid, spend

async def main():
    database = Database(Secret(sys.argv[2]) if sys.argv[2] else Path(sys.argv[1]) / "dragoman.db")
    async def pay(charges):
        await paid(database, *charges)
    leases = DatabaseLeases(database)
    draws = [chance(int(sys.argv[3]) * 10 + number) for number in range(4)]
    print(sum(await asyncio.gather(*(spend(leases, pay, draw, ACCOUNTS_OF_ALL, 30) for draw in draws))))
    await database.close()

asyncio.run(main())
"""


async def test_many_processes_neither_lend_too_much_nor_lose_anything(
    database: Database, leases: DatabaseLeases, store_url: Secret | None, tmp_path: Path
) -> None:
    await leases.prune(0)  # the tables are there
    url = "" if store_url is None else store_url.reveal()
    here = str(Path(__file__).parent)
    running = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROCESS, str(tmp_path), url, str(number), here, stdout=subprocess.PIPE
        )
        for number in range(4)
    ]
    said = await asyncio.wait_for(asyncio.gather(*(one.communicate() for one in running)), 60)
    assert [one.returncode for one in running] == [0] * 4
    assert await totals(database) == (sum(int(out) for out, _ in said), 0)
    for account in ACCOUNTS_OF_ALL:
        assert (await standing(leases, account))[0] <= LIMIT


def is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())


async def test_the_database_is_opened_at_the_first_use(tmp_path: Path) -> None:
    shared = SharedDatabase(None, tmp_path)
    store = DeferredLeases(shared)
    try:
        assert is_empty(tmp_path)
        found = await store.take(ACCOUNT, LIMIT, Wish(5, 5, 5), "w", "", 100, 0)
        assert isinstance(found, Lease)
        assert await store.renew([found.id], 200) == [found.id]
        await store.give_back({found.id: 2})
        assert await store.balances([ACCOUNT.id], 0) == [Balance(ACCOUNT.id, 0, 3)]
        assert await store.prune(200) == 1
    finally:
        await shared.close()
