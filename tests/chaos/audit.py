"""What a gateway holds when nothing is going on, counted from outside: by the operating system, by its
upstreams, by its own word, and by its log.
"""

import json
import signal
import time
from collections import Counter

from tests.chaos.configuration import DIALECTS
from tests.chaos.process import POOLED, TRANSIENT, Holdings, holdings
from tests.chaos.stage import Case, Stage

from dragoman.testing.grammar.shape import whole

SETTLING = 15.0
"""Seconds in which a gateway has to have let go of everything. It needs far less; a busy machine may not."""


class Audit:
    """Compares what a gateway holds with what it held after its first few exchanges."""

    def __init__(self, stage: Stage) -> None:
        """Play some good exchanges for comparison: what starts with first use has started then."""
        self._stage = stage
        pairs = [(client, upstream) for client in DIALECTS for upstream in DIALECTS]
        cases = [Case(*pair, stream) for pair in pairs for stream in (False, True)]
        assert stage.problems(cases) == []
        self._before: Holdings | None = None
        assert not self._quiet()
        self._before = holdings(stage.service.pid)

    def check(self) -> None:
        """Nothing is left. Raises `AssertionError`."""
        left = self._quiet()
        assert left == {}, f"left behind: {left}"

    def close(self) -> None:
        """The log tells of every exchange once, and the gateway stops at once: it has nothing left to do."""
        stage = self._stage
        entries = [json.loads(line) for line in stage.service.log.splitlines()]
        assert [entry for entry in entries if entry["level"] in {"error", "critical"}] == []
        assert "Traceback" not in stage.service.log
        noted = Counter(entry["request_id"] for entry in entries if entry["event"].startswith("exchange"))
        assert [identity for identity in stage.answered if noted[identity] != 1] == []
        began = time.monotonic()
        assert stage.service.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < SETTLING

    def _quiet(self) -> Counter[str]:
        """What is held beyond what was held before; waits for it to become nothing."""
        until = time.monotonic() + SETTLING
        while (left := self._left()) and time.monotonic() < until:
            time.sleep(0.02)
        return left

    def _left(self) -> Counter[str]:
        stage = self._stage
        stage.close_idle()
        left = Counter({"upstream connections": stage.upstream.open})
        held = holdings(stage.service.pid)
        if self._before is None:
            left.update({kind: number for kind, number in held.open.items() if kind in TRANSIENT})
        else:
            left.update(held.open - self._before.open)
            left["threads"] = held.threads - self._before.threads - POOLED
        if not +left:
            # asked last: this takes a connection itself
            for state in stage.states():
                name = state["name"]
                left[f"requests on their way to {name}"] += whole(state, "in_flight")
                left[f"requests that wait for {name}"] += whole(state, "waiting")
        return +left
