"""Load for a gateway: a number of connections, each sending one request after the other.

Prints JSON: requests answered with status 200, others, and the median and 99th percentile of the
time to the last byte, in seconds.
"""

import argparse
import asyncio
import json
import statistics
import time
from typing import cast

import httptools
import uvloop
from typing_extensions import override


class Caller(asyncio.Protocol):
    """One connection that asks again as soon as it has its answer."""

    def __init__(self, request: bytes, until: float, times: list[float], bad: list[int]) -> None:
        self._request = request
        self._until = until
        self._times = times
        self._bad = bad
        self._began = 0.0
        self.done = asyncio.get_running_loop().create_future()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Give up: a keep-alive connection was closed on us."""
        if not self.done.done():
            self._bad.append(0)
            self.done.set_result(None)

    @override
    def data_received(self, data: bytes) -> None:
        """Feed the HTTP parser."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Note the time and ask again."""
        if self._parser.get_status_code() == 200:
            self._times.append(time.perf_counter() - self._began)
        else:
            self._bad.append(self._parser.get_status_code())
        if time.perf_counter() < self._until:
            self._ask()
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()

    def _ask(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._began = time.perf_counter()
        self._transport.write(self._request)


async def main() -> None:
    """Run the load and print what came of it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--path", required=True)
    arguments.add_argument("--body", required=True)
    arguments.add_argument("--header", action="append", default=[])
    arguments.add_argument("--connections", type=int, default=64)
    arguments.add_argument("--seconds", type=float, default=3.0)
    given = arguments.parse_args()
    body = given.body.encode()
    lines = [
        f"POST {given.path} HTTP/1.1",
        f"Host: 127.0.0.1:{given.port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *given.header,
    ]
    request = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    until = time.perf_counter() + given.seconds
    times: list[float] = []
    bad: list[int] = []
    loop = asyncio.get_running_loop()
    callers: list[Caller] = []
    for _ in range(given.connections):
        _, caller = await loop.create_connection(
            lambda: Caller(request, until, times, bad), "127.0.0.1", given.port
        )
        callers.append(caller)
    await asyncio.wait([caller.done for caller in callers], timeout=given.seconds + 30)
    quantiles = statistics.quantiles(times, n=100) if len(times) > 1 else [0.0] * 99
    print(json.dumps({"good": len(times), "bad": len(bad), "p50": quantiles[49], "p99": quantiles[98]}))


if __name__ == "__main__":
    uvloop.run(main())
