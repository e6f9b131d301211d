"""How well the gateway hides the faults of its upstreams.

    python benchmarks/resilience.py [failing] [slow] [leaving] [--requests N] [--picture FILE] [--json FILE]

`failing`: one of two upstreams fails 30 % of its requests, the other is healthy. `slow`: both begin 5 % of
their answers 10 s late, each by itself. `leaving`: clients leave streams that are running. The gateway
is a process of its own, started anew for each row; everything random is drawn from `--seed`.
"""

import argparse
import asyncio
import contextlib
import json
import math
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Generator, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import httptools
import uvloop
from picture import draw
from typing_extensions import override

HERE = Path(__file__).parent
GATEWAY, FIRST, SECOND = 9220, 9221, 9222

FAILING = 0.30
SLOW, DELAY = 0.05, 10.0
RATE = 150.0
"""Requests a second."""
MEDIAN = 0.2
"""Seconds to the first token of an answer that is not slow, as a median."""

CONFIG = f"""
[server]
port = {GATEWAY}
[auth]
keys = ["sk-client"]
[log]
level = "error"
[providers.first]
dialect = "openai_chat"
base_url = "http://127.0.0.1:{FIRST}/v1"
api_key = "sk-first"
[providers.second]
dialect = "openai_chat"
base_url = "http://127.0.0.1:{SECOND}/v1"
api_key = "sk-second"
[routes.model]
targets = ["first/gpt-4o", "second/gpt-4o"]
"""

STRATEGIES = ("ordered", "weighted", "least_busy", "fastest")
HEDGES = {
    "none": "",
    '"p95"': 'hedge_after = "p95"\nhedge_share = 0.06',
    "1 s": "hedge_after = 1.0\nhedge_share = 0.06",
}
"""What the table calls them, and how they are configured."""


class Answer(NamedTuple):
    """What came of one request. Times are in seconds."""

    good: bool
    first_token: float
    total: float


class Caller(asyncio.Protocol):
    """A connection to the gateway, for one request after the other."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._done: asyncio.Future[Answer] | None = None
        self._body = bytearray()
        self._began = 0.0
        self._first: float | None = None
        self._leave_after: int | None = None
        self.usable = False
        self.left_at: float | None = None
        """When the client closed the connection (`time.monotonic`)."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast("asyncio.Transport", transport)
        self.usable = True

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """An answer that has not ended will not."""
        self.usable = False
        self._end(good=False)

    @override
    def data_received(self, data: bytes) -> None:
        """Feed the HTTP parser."""
        self._parser.feed_data(data)

    async def ask(self, words: str, *, stream: bool, leave_after: int | None = None) -> Answer:
        """The answer to a request; `leave_after` so many tokens the client leaves."""
        body: dict[str, object] = {"model": "model", "messages": [{"role": "user", "content": words}]}
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        data = json.dumps(body).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{GATEWAY}\r\n"
            "Authorization: Bearer sk-client\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        self._parser = httptools.HttpResponseParser(self)
        self._body.clear()
        self._first, self._leave_after = None, leave_after
        self._done = self._loop.create_future()
        self._began = time.monotonic()
        self._transport.write(head.encode() + data)
        return await self._done

    def close(self) -> None:
        """Close the connection."""
        self.usable = False
        self._transport.abort()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the answer."""
        self._body += body
        if self._first is None and b'"content":' in body:
            self._first = time.monotonic()
        if self._leave_after is not None and self._body.count(b" token") >= self._leave_after:
            self._leave_after = None
            self.left_at = time.monotonic()
            self.close()
            self._end(good=True)

    def on_message_complete(self) -> None:
        """The answer is there."""
        self.usable = self.usable and self._parser.should_keep_alive()
        whole = b'"finish_reason": "stop"' in self._body or b'"finish_reason":"stop"' in self._body
        self._end(good=self._parser.get_status_code() == 200 and whole)

    def _end(self, *, good: bool) -> None:
        if self._done is not None and not self._done.done():
            now = time.monotonic()
            self._done.set_result(Answer(good, (self._first or now) - self._began, now - self._began))


class Clients:
    """Clients of one gateway, on as many connections as are needed at once."""

    def __init__(self) -> None:
        self._idle: list[Caller] = []

    async def ask(self, number: int, *, stream: bool) -> Answer:
        """One request, on a connection that is free or a new one."""
        caller = self._idle.pop() if self._idle else await connected()
        answer = await caller.ask(f"Question {number}", stream=stream)
        if caller.usable:
            self._idle.append(caller)
        return answer

    def close(self) -> None:
        """Close all connections."""
        for caller in self._idle:
            caller.close()


async def connected() -> Caller:
    """A new connection to the gateway."""
    _, caller = await asyncio.get_running_loop().create_connection(Caller, "127.0.0.1", GATEWAY)
    return caller


class Counts(NamedTuple):
    """What came to an upstream."""

    requests: int
    failed: int
    slow: int
    left: dict[str, float]


def counts(port: int) -> Counts:
    """What has come to the upstream on this port."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/counts", timeout=10) as answer:
        return Counts(**json.load(answer))


@contextlib.contextmanager
def stage(route: str, first: Sequence[str], second: Sequence[str]) -> Generator[Clients]:
    """Two upstreams and a gateway in front of them, each a process of its own; `route` is what else the
    configuration says of the route.
    """
    upstream = [sys.executable, str(HERE / "unreliable_upstream.py"), "--port"]
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        config = Path(folder, "dragoman.toml")
        config.write_text(CONFIG + route)
        dragoman = [str(Path(sys.executable).with_name("dragoman")), "serve", "--config", str(config)]
        for command, port in (
            ([*upstream, str(FIRST), *first], FIRST),
            ([*upstream, str(SECOND), *second], SECOND),
            (dragoman, GATEWAY),
        ):
            environment = os.environ | {"DRAGOMAN_HOME": folder}
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            _await_listening(port, process)
        clients = Clients()
        stack.callback(clients.close)
        yield clients


def _await_listening(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(400):
        if process.poll() is not None:
            raise SystemExit("A process has ended at its start.")
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"Nothing listens on port {port}.")


async def as_they_come(
    requests: int, rate: float, seed: str, ask: Callable[[int], Awaitable[Answer]]
) -> list[Answer]:
    """So many requests, so many a second, at moments that do not depend on one another or on the answers."""
    gaps = random.Random(seed)  # noqa: S311 - no secret hangs on it
    moment = time.monotonic()
    running: list[asyncio.Task[Answer]] = []
    for number in range(requests):
        moment += gaps.expovariate(rate)
        await asyncio.sleep(max(0.0, moment - time.monotonic()))
        running.append(asyncio.ensure_future(ask(number)))
    return list(await asyncio.gather(*running))


def quantile(values: Sequence[float], share: float) -> float:
    """The value below or at which that share of the values is."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


Row = dict[str, float | str]


async def failing(requests: int, seed: int) -> list[Row]:
    """One of two upstreams fails, the other does not."""
    rows: list[Row] = []
    options = ("--median", "0.02")
    for strategy in STRATEGIES:
        bad = (*options, "--seed", f"{seed}/bad", "--fail", str(FAILING))
        good = (*options, "--seed", f"{seed}/good")
        with stage(f'strategy = "{strategy}"\n', bad, good) as clients:
            answers = await as_they_come(
                requests,
                RATE,
                f"{seed}",
                lambda number, clients=clients: clients.ask(number, stream=number % 2 == 0),
            )
            there, other = counts(FIRST), counts(SECOND)
        rows.append(
            {
                "strategy": strategy,
                "success": sum(answer.good for answer in answers) / requests,
                "failed_upstream": there.failed / (there.requests + other.requests),
                "attempts": (there.requests + other.requests) / requests,
                "share_failing": there.requests / (there.requests + other.requests),
                "p50": quantile([answer.total for answer in answers], 0.5),
                "p99": quantile([answer.total for answer in answers], 0.99),
            }
        )
    return rows


async def slow(requests: int, seed: int, times: dict[str, list[float]]) -> list[Row]:
    """Both upstreams begin some of their answers late; `times` gets all times to the first token."""
    rows: list[Row] = []
    options = ("--median", str(MEDIAN), "--slow", str(SLOW), "--delay", str(DELAY), "--seed")
    for name, hedge in HEDGES.items():
        route = f'strategy = "weighted"\n{hedge}\n'
        with stage(route, (*options, f"{seed}/1"), (*options, f"{seed}/2")) as clients:
            answers = await as_they_come(
                requests, RATE, f"{seed}", lambda number, clients=clients: clients.ask(number, stream=True)
            )
            asked = counts(FIRST).requests + counts(SECOND).requests
        times[name] = [answer.first_token for answer in answers]
        rows.append(
            {
                "hedge": name,
                "success": sum(answer.good for answer in answers) / requests,
                **{f"p{100 * share:g}": quantile(times[name], share) for share in (0.5, 0.95, 0.99, 0.999)},
                "extra": asked / requests - 1,
            }
        )
    return rows


async def leaving(requests: int, seed: int) -> list[Row]:
    """Clients leave in the middle of streams: how soon the upstream's connection is closed."""
    draws = random.Random(seed)  # noqa: S311 - no secret hangs on it
    tokens = [draws.randrange(1, 20) for _ in range(requests)]
    left: dict[str, float] = {}

    async def leave(number: int) -> Answer:
        caller = await connected()
        answer = await caller.ask(f"Leaver {number}.", stream=True, leave_after=tokens[number])
        if caller.left_at is not None:
            left[str(number)] = caller.left_at
        return answer

    options = ("--tokens", "500", "--gap", "0.02", "--seed", str(seed))
    with stage('strategy = "weighted"\n', options, options):
        await as_they_come(requests, 50.0, f"{seed}", leave)
        await asyncio.sleep(1)
        closed = counts(FIRST).left | counts(SECOND).left
    took = [closed[number] - moment for number, moment in left.items() if number in closed]
    return [
        {
            "streams": len(left),
            "closed": len(took),
            "p50": quantile(took, 0.5),
            "p99": quantile(took, 0.99),
            "longest": max(took),
        }
    ]


def table(rows: list[Row], columns: dict[str, tuple[str, Callable[[float], str]]]) -> None:
    """Print rows as a table in Markdown."""
    print("| " + " | ".join(title for title, _ in columns.values()) + " |")
    print("|---|" + "---:|" * (len(columns) - 1))
    for row in rows:
        cells = (
            value if isinstance(value := row[name], str) else show(value)
            for name, (_, show) in columns.items()
        )
        print("| " + " | ".join(cells) + " |")


def percent(value: float) -> str:
    """A share."""
    return f"{100 * value:.2f} %"


def milliseconds(value: float) -> str:
    """A short time."""
    return f"{1000 * value:.1f}"


def seconds(value: float) -> str:
    """A longer time."""
    return f"{value:.2f}"


def number(value: float) -> str:
    """A plain number."""
    return f"{value:.3g}"


async def main() -> None:
    """Measure what was asked for, and print it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("parts", nargs="*", metavar="part", help="failing, slow or leaving; else all")
    arguments.add_argument("--requests", type=int, default=6000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--picture", type=Path, help="where to draw the result of `slow`, as SVG")
    arguments.add_argument("--json", type=Path, help="where to write all figures")
    given = arguments.parse_args()
    parts = given.parts or ["failing", "slow", "leaving"]
    results: dict[str, list[Row]] = {}
    if "failing" in parts:
        rows = results["failing"] = await failing(given.requests, given.seed)
        print(f"\nOne of two upstreams fails {FAILING:.0%}; {given.requests} requests a row\n")
        table(
            rows,
            {
                "strategy": ("strategy", str),
                "success": ("success", percent),
                "failed_upstream": ("upstream requests that failed", percent),
                "attempts": ("attempts a request", number),
                "share_failing": ("share of the failing one", percent),
                "p50": ("p50 ms", milliseconds),
                "p99": ("p99 ms", milliseconds),
            },
        )
    if "slow" in parts:
        times: dict[str, list[float]] = {}
        rows = results["slow"] = await slow(given.requests, given.seed, times)
        print(f"\n{SLOW:.0%} of first tokens {DELAY:g} s late; {given.requests} streams a row\n")
        table(
            rows,
            {
                "hedge": ("hedge_after", str),
                "success": ("success", percent),
                "p50": ("p50 s", seconds),
                "p95": ("p95 s", seconds),
                "p99": ("p99 s", seconds),
                "p99.9": ("p99.9 s", seconds),
                "extra": ("extra calls", percent),
            },
        )
        if given.picture:
            given.picture.write_text(draw(times))
    if "leaving" in parts:
        rows = results["leaving"] = await leaving(min(given.requests, 500), given.seed)
        print("\nFrom the client's leaving to the close of the upstream's connection\n")
        table(
            rows,
            {
                "streams": ("streams left", number),
                "closed": ("closed", number),
                "p50": ("p50 ms", milliseconds),
                "p99": ("p99 ms", milliseconds),
                "longest": ("longest ms", milliseconds),
            },
        )
    if given.json:
        given.json.write_text(
            json.dumps({"seed": given.seed, "requests": given.requests, **results}, indent=2)
        )


if __name__ == "__main__":
    uvloop.run(main())
