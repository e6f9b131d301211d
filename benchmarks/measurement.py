"""How one thing is measured once: load on one side, the operating system's accounting on the other."""

import contextlib
import json
import math
import subprocess
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.load import Job, Result
from benchmarks.questions import Pair, Question
from benchmarks.results import Reading
from benchmarks.servers import OTHER_CORE, OWN, Server, own

PATIENCE = 240.0
"""Seconds after which a load is given up."""
FAST = 50
"""Answers of each connection in a round from which on those that are cut off at its end do not count."""

WRK_SCRIPT = """
local file = io.open("{body}", "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/json"
{headers}
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\\n{{"requests":%d,"seconds":%f,"bytes":%d,"status":%d,"socket":%d,"p50":%f,"p99":%f,"p999":%f,"max":%f}}\\n',
    summary.requests, summary.duration / 1e6, summary.bytes, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e6, latency:percentile(99) / 1e6, latency:percentile(99.9) / 1e6,
    latency.max / 1e6))
end
"""


class WrongAnswerError(Exception):
    """A gateway has not answered as it should; the message tells what came."""


class Bench:
    """What measuring needs."""

    def __init__(self, folder: Path, wrk: str, *, rounds: int, seconds: float, quick: bool) -> None:
        """Take the folder for files, the path of wrk (empty: there is none), rounds, seconds of each."""
        self.folder = folder
        self.rounds = rounds
        self.seconds = seconds
        self.quick = quick
        self._wrk = wrk

    def reading(
        self,
        server: Server,
        pair: Pair,
        asked: Question,
        connections: int,
        *,
        seconds: float = 0.0,
        usual: Result | None = None,
    ) -> Reading:
        """One round at full load. `usual` is what came of an earlier load: a gateway that is quick enough is
        asked by wrk. Raises `WrongAnswerError`.
        """
        seconds = seconds or self.seconds
        server.settle()
        before = server.cpu_seconds()
        rate = usual.good / usual.elapsed if usual and usual.elapsed else 0.0
        if self._wrk and usual and not asked.stream and rate * seconds > FAST * connections:
            result = self._driven_by_wrk(server, pair, asked, connections, seconds, usual.size)
        else:
            result = self.driven(server, pair, asked, "closed", connections=connections, seconds=seconds)
        server.settle()
        cpu = server.cpu_seconds() - before
        return Reading(
            round(cpu * 1e6 / result.good, 2),
            round(result.good / result.elapsed, 1),
            round(result.p50 * 1e3, 3),
            round(result.p99 * 1e3, 3),
        )

    def driven(
        self,
        server: Server,
        pair: Pair,
        asked: Question,
        mode: Literal["closed", "open", "once"],
        *,
        connections: int,
        seconds: float = 0.0,
        rate: float = 0.0,
    ) -> Result:
        """What came of a load of our own. Raises `WrongAnswerError` if any answer is not as it should be."""
        job = job_for(server, pair, asked, mode, connections, seconds, rate)
        try:
            done = subprocess.run(
                load_command(),
                input=msgspec.json.encode(job),
                capture_output=True,
                check=False,
                env=OWN,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            raise WrongAnswerError(f"no end after {PATIENCE:.0f} s") from None
        return checked(done.stdout, done.stderr)

    def _driven_by_wrk(
        self, server: Server, pair: Pair, asked: Question, connections: int, seconds: float, size: int
    ) -> Result:
        """What came of a load by wrk. It looks at the status only; so the bytes of an answer, which is known
        to be right from before, are held against what came.
        """
        body = self.folder / "wrk.body"
        body.write_text(asked.body)
        headers = "\n".join(
            f'wrk.headers["{name}"] = "{value}"' for name, value in server.headers(pair).items()
        )
        script = self.folder / "wrk.lua"
        script.write_text(WRK_SCRIPT.format(body=body, headers=headers))
        url = f"http://127.0.0.1:{server.port(stream=False)}{asked.path}"
        pinned = ["taskset", "-c", str(OTHER_CORE), self._wrk, "-t1", f"-c{connections}"]
        options = [f"-d{math.ceil(seconds)}s", "--timeout", "60s", "--latency", "-s", str(script), url]
        done = subprocess.run([*pinned, *options], capture_output=True, text=True, check=False)
        if done.returncode:
            words = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise WrongAnswerError(f"wrk: {words[:1]}")
        found = json.loads(done.stdout.strip().splitlines()[-1])
        if found["status"] or found["socket"] or not found["requests"]:
            raise WrongAnswerError(
                f"{found['requests']} answers, {found['status']} of them errors; "
                f"{found['socket']} connections failed"
            )
        if abs(found["bytes"] / found["requests"] - size) > 0.05 * size:
            raise WrongAnswerError(
                f"answers of {found['bytes'] / found['requests']:.0f} bytes instead of {size}"
            )
        return Result(
            good=found["requests"],
            elapsed=found["seconds"],
            p50=found["p50"],
            p99=found["p99"],
            p999=found["p999"],
            longest=found["max"],
            size=size,
        )


def job_for(
    server: Server,
    pair: Pair,
    asked: Question,
    mode: Literal["closed", "open", "once"],
    connections: int,
    seconds: float = 0.0,
    rate: float = 0.0,
    ramp: float = 0.0,
) -> Job:
    """What the load is told."""
    return Job(
        port=server.port(stream=asked.stream),
        path=asked.path,
        headers=server.headers(pair),
        body=asked.body,
        expected=asked.expected,
        mode=mode,
        connections=connections,
        seconds=seconds,
        rate=rate,
        ramp=ramp,
    )


def load_command() -> list[str]:
    """The command of the load."""
    return ["taskset", "-c", str(OTHER_CORE), *own("load")]


def checked(output: bytes, errors: bytes) -> Result:
    """What the load has printed. Raises `WrongAnswerError`."""
    lines = output.splitlines()
    if not lines:
        words = errors.decode(errors="replace").strip().splitlines()
        raise WrongAnswerError(f"the load has ended: {words[-1:]}")
    result = msgspec.json.decode(lines[-1], type=Result)
    if result.bad:
        count = "" if result.bad + result.good == 1 else f"{result.bad} of {result.bad + result.good}: "
        raise WrongAnswerError(f"{count}{result.error}")
    if not result.good:
        raise WrongAnswerError("no answer came")
    return result


@contextlib.contextmanager
def alone(tested: Server, others: Sequence[Server]) -> Generator[None]:
    """Stop the others meanwhile, so that the one that is tested has its core for itself."""
    stopped = [server for server in others if server is not tested]
    for server in stopped:
        server.pause()
    try:
        yield
    finally:
        for server in stopped:
            server.resume()
