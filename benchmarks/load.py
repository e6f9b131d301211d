"""Load for a gateway. Reads a `Job` as JSON from standard input, and prints a `Result` as JSON.

- closed: each connection asks again as soon as it has its answer; at the end, the last answers are waited
  for, so that all that was begun counts.
- open: requests come at a rate, at random times, whatever becomes of those before them; the time of each
  counts from when it should have been sent, so that a gateway that falls behind cannot hide it.
- once: each connection asks once, and all of them stay open together. A line `open` is printed when
  every answer has begun.
"""

import asyncio
import collections
import contextlib
import random
import resource
import selectors
import statistics
import sys
import time
from collections.abc import Callable
from typing import Literal, cast

import msgspec
import uvloop
from typing_extensions import override

from benchmarks.expectation import Expectation, Progress

PATIENCE = 60.0
"""Seconds that the last answers are waited for."""


class Job(msgspec.Struct, frozen=True):
    """What is to be asked, and how. `rate` is of requests a second, for the open mode; `ramp` is in how many
    seconds the connections are opened.
    """

    port: int
    path: str
    headers: dict[str, str]
    body: str
    expected: Expectation
    mode: Literal["closed", "open", "once"] = "closed"
    connections: int = 64
    seconds: float = 2.0
    rate: float = 0.0
    ramp: float = 0.0

    def request(self) -> bytes:
        """The bytes of a request."""
        body = self.body.encode()
        lines = [
            f"POST {self.path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Result(msgspec.Struct):
    """What came of it. Times are in seconds: `p50` and so on to the last byte of an answer, `spans` from the
    first piece of its text to its last byte.
    """

    good: int = 0
    bad: int = 0
    error: str = ""
    elapsed: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    longest: float = 0.0
    size: int = 0
    """Bytes of the last answer, its head included."""
    spans: list[float] = []


class Tally:
    """What has been answered so far."""

    def __init__(self, expected: Expectation) -> None:
        self._expected = expected
        self._began = time.perf_counter()
        self._times: list[float] = []
        self._result = Result()

    def note(self, answer: bytes, taken: float, span: float = 0.0) -> None:
        """Take note of an answer."""
        if flaw := self._expected.flaw(answer):
            self.fail(flaw)
            return
        self._times.append(taken)
        self._result.size = len(answer)
        if span:
            self._result.spans.append(span)

    def fail(self, error: str) -> None:
        """Take note of an answer that was none."""
        self._result.bad += 1
        self._result.error = self._result.error or error

    def result(self) -> Result:
        """All of it."""
        result, times = self._result, sorted(self._times)
        result.elapsed = time.perf_counter() - self._began
        result.good = len(times)
        if len(times) > 1:
            cuts = statistics.quantiles(times, n=1000, method="inclusive")
            result.p50, result.p99, result.p999 = cuts[499], cuts[989], cuts[998]
        elif times:
            result.p50 = result.p99 = result.p999 = times[0]
        result.longest = times[-1] if times else 0.0
        return result


class Caller(asyncio.Protocol):
    """One connection. `answered` is called with what came, and with "" or why nothing did."""

    def __init__(self, job: Job, answered: Callable[["Caller", bytes, str], None]) -> None:
        self._request = job.request()
        self._mark = job.expected.mark.encode()
        self._answered = answered
        self._progress = Progress()
        self._asking = False
        self.began = 0.0
        self.first = 0.0
        """When the first piece of the answer's text came."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way there."""
        self._transport = cast("asyncio.Transport", transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """A keep-alive connection was closed on us."""
        if self._asking:
            self._asking = False
            self._answered(self, b"", "the connection was closed before the answer's end")

    @override
    def data_received(self, data: bytes) -> None:
        """Take a piece of the answer."""
        if not self.first and self._mark in data:
            self.first = time.perf_counter()
        if self._progress.add(data):
            self._asking = False
            self._answered(self, self._progress.taken(), "")

    def ask(self, began: float) -> None:
        """Ask. The time counts from `began`."""
        if self._transport.is_closing():
            self._answered(self, b"", "the connection was closed between two requests")
            return
        self.began, self.first, self._asking = began, 0.0, True
        self._transport.write(self._request)

    def close(self) -> None:
        """Hang up."""
        self._asking = False
        self._transport.close()


async def connect(job: Job, answered: Callable[[Caller, bytes, str], None]) -> list[Caller]:
    """Open all connections."""
    loop = asyncio.get_running_loop()
    callers: list[Caller] = []
    began = time.perf_counter()
    for number in range(job.connections):
        _, caller = await loop.create_connection(lambda: Caller(job, answered), "127.0.0.1", job.port)
        callers.append(caller)
        await asyncio.sleep(max(0.0, began + job.ramp * number / job.connections - time.perf_counter()))
    return callers


async def closed(job: Job) -> Result:
    """Each connection asks again as soon as it has its answer."""
    going = job.connections
    done = asyncio.Event()

    def answered(caller: Caller, answer: bytes, error: str) -> None:
        nonlocal going
        now = time.perf_counter()
        if error:
            tally.fail(error)
        else:
            tally.note(answer, now - caller.began)
        if now < until and not error:
            caller.ask(now)
        else:
            going -= 1
            if not going:
                done.set()

    callers = await connect(job, answered)
    tally = Tally(job.expected)
    until = time.perf_counter() + job.seconds
    for caller in callers:
        caller.ask(time.perf_counter())
    return await _ended(done, callers, tally, job)


async def opened(job: Job) -> Result:
    """Requests come at random times. Where no connection is free, they wait, and that counts."""
    idle: list[Caller] = []
    waiting: collections.deque[float] = collections.deque()
    done = asyncio.Event()
    left = round(job.rate * job.seconds)
    answers_left = left
    generator = random.Random(1)  # noqa: S311 - the same times in every run
    loop = asyncio.get_running_loop()

    def answered(caller: Caller, answer: bytes, error: str) -> None:
        nonlocal answers_left
        if error:
            tally.fail(error)
        else:
            tally.note(answer, time.perf_counter() - caller.began)
            if waiting:
                caller.ask(waiting.popleft())
            else:
                idle.append(caller)
        answers_left -= 1
        if not answers_left:
            done.set()

    def send() -> None:
        nonlocal due, left
        while left and due <= time.perf_counter():
            if idle:
                idle.pop().ask(due)
            else:
                waiting.append(due)
            left -= 1
            due += generator.expovariate(job.rate)
        if left:
            loop.call_later(max(0.0, due - time.perf_counter()), send)

    idle.extend(await connect(job, answered))
    callers = list(idle)
    tally = Tally(job.expected)
    due = time.perf_counter() + 0.01
    send()
    return await _ended(done, callers, tally, job)


async def once(job: Job) -> Result:
    """Each connection asks once."""
    going = job.connections
    done = asyncio.Event()

    def answered(caller: Caller, answer: bytes, error: str) -> None:
        nonlocal going
        now = time.perf_counter()
        if error:
            tally.fail(error)
        else:
            tally.note(answer, now - caller.began, now - caller.first)
        going -= 1
        if not going:
            done.set()

    loop = asyncio.get_running_loop()
    tally = Tally(job.expected)
    began = time.perf_counter()
    callers: list[Caller] = []
    for number in range(job.connections):
        _, caller = await loop.create_connection(lambda: Caller(job, answered), "127.0.0.1", job.port)
        callers.append(caller)
        caller.ask(time.perf_counter())
        await asyncio.sleep(max(0.0, began + job.ramp * number / job.connections - time.perf_counter()))
    while not all(caller.first for caller in callers) and not done.is_set():  # noqa: ASYNC110 - a glance is cheap
        await asyncio.sleep(0.05)
    print("open", flush=True)
    return await _ended(done, callers, tally, job)


async def _ended(done: asyncio.Event, callers: list[Caller], tally: Tally, job: Job) -> Result:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), job.seconds + PATIENCE)
    if not done.is_set():
        tally.fail(f"not all answers came within {PATIENCE:.0f} s")
    result = tally.result()
    for caller in callers:
        caller.close()
    return result


def main() -> None:
    """Do what standard input says."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    match job.mode:
        case "closed":
            result = uvloop.run(closed(job))
        case "once":
            result = uvloop.run(once(job))
        case "open":
            # the only selector with timers that are more exact than a millisecond
            with asyncio.Runner(
                loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())
            ) as runner:
                result = runner.run(opened(job))
    print(msgspec.json.encode(result).decode())


if __name__ == "__main__":
    main()
