"""Gateways as processes of their own that share a store, in front of one fake provider that bills."""

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import NamedTuple

import psycopg
from tests.conftest import LiveGateway
from tests.live.command import Service

from dragoman.config.secret import Secret
from dragoman.models.money import to_dollars
from dragoman.testing.provider import FakeProvider
from dragoman.testing.server import FakeServer, fake_server

_KEY = """
[keys.{name}]
key = "{key}"
budgets = [{{ amount = {budget}, per = "total" }}]
"""

PRICE = 10
"""US dollars for a million tokens of an answer; prompts are free, so that only answers count."""

PROMPT_PRICE = 2

_CONFIG = """
[server]
port = 0
workers = {workers}
[auth]
admin_key = "sk-admin-0123456789"
{keys}
[log]
level = "warning"
[retries]
attempts = 1
[health]
cooldown = 0
[providers.openai]
dialect = "openai_chat"
base_url = "{upstream}/v1"
api_key = "sk-upstream-9876543210"
[providers.anthropic]
base_url = "{upstream}"
api_key = "sk-upstream-9876543210"
[prices."openai/*"]
input = {input}
output = {output}
[prices."anthropic/*"]
input = {input}
output = {output}
[routes.well]
targets = ["openai/gpt-4o"]
[routes.translated]
targets = ["anthropic/claude-sonnet-4-5"]
[routes.left]
targets = ["openai/gpt-4.1"]
[routes.failing]
targets = ["openai/gpt-4.1-mini"]
{shared}
"""


def key_of(number: int) -> str:
    """One of the clients' keys."""
    return f"sk-spender-{number}-0123456789"


class Row(NamedTuple):
    """What the ledger says of one request."""

    request_id: str
    key: str
    status: int
    cost: int


class House:
    """The gateways, the fake provider behind them, and the store under them."""

    def __init__(self, folder: Path, fake: FakeServer, store: Secret | None) -> None:
        self.fake = fake
        self.services: list[Service] = []
        self.gateways: list[LiveGateway] = []
        self._folder = folder
        self._store = store

    def open(
        self,
        *,
        budget: int,
        keys: int = 1,
        workers: int = 1,
        nodes: int = 1,
        valkey: Secret | None = None,
        price: tuple[float, float] = (0, PRICE),
    ) -> None:
        """Start the gateways, and wait until they serve. `budget` is that of each key, in nano-dollars,
        `price` is for prompts and for answers.
        """
        shared = "" if self._store is None else f'[store]\nurl = "{self._store.reveal()}"\n'
        if valkey is not None:
            shared += f'[coordination]\nurl = "{valkey.reveal()}"\n'
        config = _CONFIG.format(
            workers=workers,
            keys="".join(
                _KEY.format(name=f"spender-{number}", key=key_of(number), budget=f"{to_dollars(budget):f}")
                for number in range(keys)
            ),
            upstream=self.fake.url,
            input=price[0],
            output=price[1],
            shared=shared,
        )
        for number in range(nodes):
            place = self._folder / f"node-{number}"
            place.mkdir(exist_ok=True)
            (place / "dragoman.toml").write_text(config)
            self.services.append(Service(place))
        self.gateways = [service.wait() for service in self.services]

    def close(self) -> None:
        for service in self.services:
            service.kill()

    def rows(self) -> list[Row]:
        """What is in the ledger now."""
        rows = self.ask("SELECT request_id, key_name, status, coalesce(cost, 0) FROM requests")
        return [Row(str(one), str(key), int(str(status)), int(str(cost))) for one, key, status, cost in rows]

    def wait_rows(self, count: int, seconds: float = 30) -> list[Row]:
        """What is in the ledger as soon as there are so many rows, and no more after that."""
        until = time.monotonic() + seconds
        while len(rows := self.rows()) < count:
            assert time.monotonic() < until, f"{len(rows)} of {count} rows: {self.logs()}"
            time.sleep(0.05)
        time.sleep(0.5)
        return self.rows()

    def spent(self) -> int:
        """What the accounts have paid, in nano-dollars."""
        return sum(int(str(amount)) for (amount,) in self.ask("SELECT spent FROM accounts"))

    def lent(self) -> int:
        """What is lent now, in nano-dollars."""
        now = time.time()
        leases = self.ask("SELECT amount, expires FROM leases")
        return sum(int(str(amount)) for amount, expires in leases if float(str(expires)) > now)

    def billed(self, price: tuple[float, float] = (0, PRICE)) -> int:
        """What the fake provider bills, in nano-dollars."""
        self.fake.script.settled(20)
        return sum(
            1000 * round(usage.prompt * price[0] + (usage.output or 0) * price[1])
            for usage in self.fake.script.billed
        )

    def workers(self, number: int = 0) -> list[int]:
        """The processes of a gateway that serve."""
        parent = self.services[number].pid
        # what the kernel lists as a process's children may be incomplete while some of them end
        return [pid for pid in _processes() if _parent(pid) == parent]

    def kill(self, number: int = 0) -> None:
        """Kill a gateway and all its workers at once."""
        pids = [self.services[number].pid, *self.workers(number)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.services[number].kill()

    def restart(self, number: int = 0) -> None:
        """Start a gateway again that is no more."""
        self.services[number] = Service(self._folder / f"node-{number}")
        self.gateways[number] = self.services[number].wait()

    def logs(self) -> str:
        """What the gateways complain of."""
        return "\n".join(service.log for service in self.services)

    def ask(self, question: str) -> Sequence[tuple[object, ...]]:
        """What the database answers, asked from outside."""
        if self._store is not None:
            with psycopg.connect(self._store.reveal()) as connection:
                return connection.execute(question.encode()).fetchall()
        (place,) = (self._folder / "node-0").glob("data/dragoman.db")
        with contextlib.closing(sqlite3.connect(place)) as database:
            return database.execute(question).fetchall()


def _processes() -> list[int]:
    return [int(place.name) for place in Path("/proc").iterdir() if place.name.isdecimal()]


def _parent(pid: int) -> int | None:
    """The parent of a process that lives."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return None if state == "Z" else int(parent)


@contextlib.contextmanager
def house(folder: Path, store: Secret | None) -> Generator[House]:
    """A house that is gone afterwards, whatever happened."""
    with fake_server(FakeProvider(keys=frozenset({"sk-upstream-9876543210"}))) as fake:
        built = House(folder, fake, store)
        try:
            yield built
        finally:
            built.close()
