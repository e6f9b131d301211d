"""Clients and upstream of a soak, in a process of their own: `python -m tests.soak.traffic SEED`.

Prints the upstream's port. Then each line of standard input is an order, and is answered by a line of JSON:
`run PORT SECONDS` sends traffic through the gateway on that port, and tells what has come
of it; all connections of clients are closed then. `close` closes those of the upstream.
"""

import asyncio
import collections
import itertools
import sys
import time

import msgspec
import uvloop
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway
from tests.live.client import Ask, Client
from tests.soak.errands import ATTEMPTS, CLIENTS, DIALECTS, Errand, errand
from tests.soak.gateway import credentials, route
from tests.soak.judgement import Outcome, UnexpectedError, judge
from tests.soak.upstream import Ledger, Repertoire, Upstream, resent
from tests.soak.visitor import Visitor

PATIENCE = 30.0
"""Seconds after which an errand counts as hanging."""

_MOST_PROBLEMS = 20


class Report(msgspec.Struct):
    """What came of all the traffic so far."""

    sent: int = 0
    """Requests that clients have sent."""
    seconds: float = 0.0
    rate: float = 0.0
    """Requests per second of the latest order."""
    outcomes: dict[str, int] = {}
    fates: dict[str, int] = {}
    """What the upstream did, by how often."""
    upstream_requests: int = 0
    resent: int = 0
    """Those of them that came once more within one attempt."""
    upstream_connections: int = 0
    """Open now."""
    pairs: int = 0
    """Combinations of client, upstream, streamed or whole that have been served."""
    retried: int = 0
    """Good answers that took more than one attempt."""
    ids: list[str] = []
    """The request ids that clients have seen."""
    problems: list[str] = []
    """What was not as expected, the first of it."""
    problem_count: int = 0


class Traffic:
    """Both sides of the gateway."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.ledger = Ledger(seed)
        self.repertoire = Repertoire()
        self.connections: set[Upstream] = set()
        self._numbers = itertools.count(1)
        self._sent = 0
        self._outcomes: collections.Counter[str] = collections.Counter()
        self._pairs: set[tuple[str, str, bool]] = set()
        self._ids: list[str] = []
        self._retried = 0
        self._problems: list[str] = []
        self._problem_count = 0
        self._left: list[int] = []
        self._resent = 0

    def upstream(self) -> Upstream:
        """The upstream's side of a new connection."""
        return Upstream(self.ledger, self.repertoire, self.connections)

    async def run(self, port: int, seconds: float) -> Report:
        """Send for so long, wait for what is on its way, and tell what came of it."""
        began, sent = time.monotonic(), self._sent
        place = LiveGateway(f"http://127.0.0.1:{port}", CLIENT_KEY, UPSTREAM_KEY, port)
        clients = {name: Client(name, place) for name in DIALECTS}
        await asyncio.gather(*(self._keep_asking(clients, began + seconds) for _ in range(CLIENTS)))
        for number in self._left:
            asked = self.ledger.requests.pop(number, [])
            self._resent += resent(asked)
            if len(asked) > ATTEMPTS:
                self._problem(f"{errand(self._seed, number)}: {asked}")
        self._left.clear()
        took = time.monotonic() - began
        return Report(
            self._sent,
            took,
            (self._sent - sent) / took,
            dict(self._outcomes),
            {str(fate): count for fate, count in self.ledger.fates.items()},
            self.ledger.count,
            self._resent,
            self.ledger.open,
            len(self._pairs),
            self._retried,
            self._ids,
            [*self.ledger.problems[:_MOST_PROBLEMS], *self._problems],
            self._problem_count + len(self.ledger.problems),
        )

    async def _keep_asking(self, clients: dict[str, Client], until: float) -> None:
        """One client after the other, all on one connection as long as it lasts."""
        loop = asyncio.get_running_loop()
        visitor: Visitor | None = None
        while time.monotonic() < until:
            one = errand(self._seed, next(self._numbers))
            if visitor is None or not visitor.usable:
                if visitor is not None:
                    visitor.close()
                _, visitor = await loop.create_connection(
                    Visitor, "127.0.0.1", clients[one.client].gateway.port
                )
            await self._run_errand(one, clients[one.client], visitor)
        if visitor is not None:
            visitor.close()

    async def _run_errand(self, one: Errand, client: Client, visitor: Visitor) -> None:
        began = time.monotonic()
        self._sent += 1
        try:
            reply = await visitor.ask(_text(one, client), one, PATIENCE)
        except (TimeoutError, ConnectionError) as error:
            visitor.close()
            self._problem(f"{one}: {error!r}, {self.ledger.requests[one.number]}")
            return
        if reply is None:
            self._outcomes[Outcome.LEFT] += 1
            self._left.append(one.number)
            return
        asked = self.ledger.requests.pop(one.number, [])
        self._resent += resent(asked)
        all_rested = self.ledger.rested(credentials(one.upstream), began, time.monotonic())
        self._ids.append(reply.headers.get("x-request-id", ""))
        try:
            outcome = judge(one, reply, asked, client, all_rested=all_rested)
        except (UnexpectedError, AssertionError, ValueError) as error:
            self._problem(f"{one}: {error!s:.1000}, {asked}, {reply.headers}, {reply.body[-300:]!r}")
            return
        self._outcomes[outcome] += 1
        self._retried += outcome is Outcome.ANSWERED and len(asked) > 1
        self._pairs.add((one.client, one.upstream, one.stream))

    def _problem(self, words: str) -> None:
        self._problem_count += 1
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.append(f"{words:.4000}")


def _text(one: Errand, client: Client) -> bytes:
    model = route(one.upstream)
    body = client.request(model, stream=one.stream, words=one.words)
    if one.client == "openai_responses":
        body["store"] = one.kept
    ask: Ask = client.ask(model, stream=one.stream, body=body)
    return ask.text()


async def main() -> None:
    """Do what standard input says."""
    traffic = Traffic(int(sys.argv[1]))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(traffic.upstream, "127.0.0.1", 0, backlog=1024)
    _say(server.sockets[0].getsockname()[1])
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while order := (await orders.readline()).split():
        match order:
            case [b"run", port, seconds]:
                _say(await traffic.run(int(port), float(seconds)))
            case _:
                for connection in list(traffic.connections):
                    connection.close()
                _say("closed")


def _say(value: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(main())
