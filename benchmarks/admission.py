"""What keys, limits, budgets and the ledger cost a request: CPU time of whole exchanges in one process,
without sockets, with more and more of it.

    python benchmarks/admission.py [--rounds 9] [--requests 2000]

Each line is the same exchange: a small request, passed through to an upstream in memory. The first has a
static key and a ledger that writes nothing; the lines after it have the ledger and what their names say.
Rounds are interleaved, so that a slow moment of the machine falls on all lines alike; the figures are
medians, in microseconds of CPU time. Reading journals into the store goes on in the background of a real
gateway, and is measured apart from them by `benchmarks/ledger.py`.
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from dragoman.access.holder import Budget, Holder, Limit
from dragoman.access.key_info import KeyInfo
from dragoman.access.keys import KeyRing
from dragoman.access.purse import Purse
from dragoman.config.bookkeeping import Ledger
from dragoman.config.settings import RouteSettings, Settings, Timeouts
from dragoman.coordination.memory import MemoryRecollection
from dragoman.coordination.memory_meters import MemoryMeters
from dragoman.dialects import openai_chat
from dragoman.dialects.dialect import Location
from dragoman.dialects.registry import SPOKEN
from dragoman.gateway.admission import Allowances
from dragoman.gateway.call import Call
from dragoman.gateway.exchange import exchange
from dragoman.gateway.gateway import Gateway
from dragoman.ledger.journal import LedgerJournal
from dragoman.ledger.pricing import Pricing
from dragoman.models.money import NANOS
from dragoman.providers.environment import build_providers
from dragoman.providers.price_list import build_prices
from dragoman.routing.router import Router
from dragoman.routing.traffic import Traffic
from dragoman.store.deferred_leases import DeferredLeases
from dragoman.store.entry import Entry
from dragoman.store.memory_responses import MemoryResponses
from dragoman.store.opening import SharedDatabase
from dragoman.upstream.transport import UpstreamRequest, UpstreamResponse, read_to_end

ANSWER = msgspec.json.encode(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    }
)
BODY = b'{"model":"best","max_tokens":100,"messages":[{"role":"user","content":"Good evening to you all."}]}'


class Whole:
    """An answer that is there already."""

    status = 200
    headers: Mapping[str, str] = {"content-type": "application/json"}
    connected_at = 0.0
    ended = True

    def __init__(self) -> None:
        self._pieces = [ANSWER]

    async def next(self) -> bytes:
        """See `UpstreamResponse.next`."""
        return self._pieces.pop() if self._pieces else b""

    async def read(self, limit: int) -> bytes:
        """See `UpstreamResponse.read`."""
        return await read_to_end(self, limit, "upstream")

    def close(self) -> None:
        """See `UpstreamResponse.close`."""


class Road:
    """A transport to where every answer is the same."""

    async def send(self, request: UpstreamRequest, connect_timeout: float) -> UpstreamResponse:
        """See `Transport.send`."""
        del connect_timeout
        if request.connected is not None:
            request.connected()
        return Whole()

    async def close(self) -> None:
        """See `Transport.close`."""


class Reader:
    """A client that takes everything."""

    started = False
    left = False

    async def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """See `Client.respond`."""
        if status != 200:
            raise RuntimeError(body.decode())

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        """See `Client.start`."""

    async def write(self, data: bytes) -> None:
        """See `Client.write`."""

    async def finish(self) -> None:
        """See `Client.finish`."""


class NoLedger:
    """A ledger that writes nothing."""

    settings = Ledger()
    full = False

    def write(self, entry: Entry) -> bool:
        """See `dragoman.gateway.gateway.Ledger.write`."""
        del entry
        return True


LIMITS = (Limit("requests", 10**8, 86_400), Limit("tokens", 10**11, 86_400))
BUDGETS = (Budget(1000 * NANOS, "day"), Budget(10_000 * NANOS, "month"))
FREE = KeyInfo("1a2b", "key 1")


def held(name: str, **rules: object) -> KeyInfo:
    """A key that is held to something."""
    holder = msgspec.convert({"kind": "key", "id": name, "name": name, **rules}, Holder)
    return KeyInfo(name, name, holders=(holder,))


ONE = (Budget(1000 * NANOS, "month"),)

KEYS = {
    "static key": FREE,
    "ledger": FREE,
    "ledger, budget": held("budgeted", budgets=ONE),
    "ledger, budget, requests": held("counted", limits=LIMITS[:1], budgets=ONE),
    "2 limits, 2 budgets": held("limited", limits=LIMITS, budgets=BUDGETS),
    "and max_concurrent": held("all", limits=LIMITS, budgets=BUDGETS, max_concurrent=1000),
}


def gateway(folder: Path, ledger: LedgerJournal | NoLedger, purse: Purse) -> Gateway:
    """A gateway without sockets."""
    routes = {"best": RouteSettings(("openai/gpt-4o",))}
    settings = Settings(routes=routes)
    providers = build_providers(settings, {"OPENAI_API_KEY": "sk-upstream-0123456789"})
    prices = build_prices(settings, providers)
    return Gateway(
        keys=KeyRing({}, is_open=True),
        router=Router(providers, routes, timeouts=Timeouts()),
        providers=providers,
        dialects=SPOKEN,
        http=Road(),
        embedded=Road(),
        timeouts=Timeouts(),
        journal=lambda _: None,
        ledger=ledger,
        allowances=Allowances(MemoryMeters(), purse, {}, Traffic(), 30.0),
        pricing=Pricing(prices, Ledger()),
        now=time.time,
        kept_responses=MemoryResponses(),
        signatures=MemoryRecollection(max_entries=100),
    )


async def measure(folder: Path, rounds: int, requests: int) -> dict[str, list[float]]:
    """CPU microseconds of a request, by line, one figure for each round."""
    database = SharedDatabase(None, folder)
    purse = Purse(DeferredLeases(database), "benchmark", time.time)
    following = asyncio.create_task(purse.follow())
    journal = LedgerJournal(folder, Ledger(), "benchmark")
    without = gateway(folder, NoLedger(), purse)
    whole = gateway(folder, journal, purse)
    found: dict[str, list[float]] = {name: [] for name in KEYS}
    for number in range(rounds + 1):
        for name, key in KEYS.items():
            served = without if name == "static key" else whole
            calls = [
                Call(openai_chat.DIALECT, Location(), BODY, [], key, f"req_{number}_{one}")
                for one in range(requests)
            ]
            await exchange(served, calls[0], Reader())
            gc.collect()
            began = time.process_time()
            for call in calls:
                await exchange(served, call, Reader())
            took = (time.process_time() - began) / requests
            if number:  # the first round warms up
                found[name].append(took * 1e6)
    following.cancel()
    await purse.close()
    await database.close()
    return found


def main() -> None:
    """Measure, and print a line for each step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder), arguments.rounds, arguments.requests))
    base = statistics.median(found["static key"])
    print(f"{'':26} {'us':>8} {'more':>8}")
    for name, figures in found.items():
        median = statistics.median(figures)
        print(f"{name:26} {median:8.1f} {median - base:8.1f}")


if __name__ == "__main__":
    main()
