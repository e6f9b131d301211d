"""A gateway as a process of its own between clients and upstreams on raw sockets: where plays are played."""

import asyncio
import contextlib
import itertools
import os
import threading
from collections.abc import Coroutine, Generator, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from tests.chaos.configuration import neighbour, route_name
from tests.chaos.mishaps import Mishap, Plan
from tests.chaos.speech import Fate, Framing, speech
from tests.chaos.upstream import Asked, Plays, Unreachable, Upstream
from tests.chaos.verdict import Backing, judge, read
from tests.chaos.visitor import visit
from tests.conftest import LiveGateway
from tests.live.client import Ask, Client, Reply
from tests.live.command import Service, serving

T = TypeVar("T")

HANGING = 30.0
"""Seconds after which an exchange counts as hanging: more than any limit here allows."""


class Case(NamedTuple):
    """One exchange: who asks, what for, who is asked, and what is done there."""

    client: str
    upstream: str
    stream: bool
    plan: Plan | None = None
    name: str = "a good answer"
    backing: Backing = Backing.ALONE
    place: str = "first"
    hasty: bool = False
    framing: Framing | None = None
    tool: bool = False

    @property
    def route(self) -> str:
        return route_name(self.place, self.upstream, self.backing, hasty=self.hasty)

    def mishaps(self) -> Mapping[str, Mishap]:
        """What each place does that does not just answer."""
        if self.plan is None:
            return {}
        places = {"first": self.upstream}
        if self.backing is Backing.DOOMED:
            places["second"] = neighbour(self.upstream)
        good = {
            place: speech(place, dialect, stream=self.stream, framing=self.framing, tool=self.tool)
            for place, dialect in places.items()
        }
        return {place: self.plan(answer) for place, answer in good.items()}

    def __str__(self) -> str:
        shape = "streamed" if self.stream else "whole"
        return f"{self.name} ({self.client} at {self.upstream}, {shape}, {self.place}, {self.backing})"


class Played(NamedTuple):
    """What came of an exchange; `took` is in seconds."""

    case: Case
    reply: Reply
    asked: tuple[Asked, ...]
    took: float


class Stage:
    """The gateway, its upstreams, and an event loop in a thread of its own for everything but the gateway."""

    gateway: LiveGateway
    service: Service

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stage")
        self.upstream = Upstream()
        self.unreachable = Unreachable()

    def wait_for(self, work: Coroutine[object, object, T]) -> T:
        """The outcome of something that is done in the event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @contextlib.contextmanager
    def open(self, config: str) -> Generator[None]:
        """Run everything. In the configuration, `<upstream>`, `<closed>` and so on stand for ports."""
        self._thread.start()
        try:
            self.wait_for(self.upstream.start())
            self.wait_for(self.unreachable.start())
            for place, port in {"upstream": self.upstream.port, **self.unreachable.ports}.items():
                config = config.replace(f"<{place}>", str(port))
            (self._folder / "dragoman.toml").write_text(config)
            more = {"PYTHONPATH": os.environ["OLD"]} if os.environ.get("OLD") else {}
            with serving(self._folder, "--config", "dragoman.toml", **more) as self.service:
                self.gateway = self.service.wait()
                yield
        finally:
            self.wait_for(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _close(self) -> None:
        self.unreachable.stop()
        await self.upstream.stop()

    def problems(self, cases: Iterable[Case], *, at_once: int = 24) -> list[str]:
        """Play the cases, so many at once; what is wrong with what came of them."""
        return [problem for problem in self.wait_for(self._judged(list(cases), at_once)) if problem]

    def play(self, case: Case) -> Played:
        """What comes of one case."""
        return self.wait_for(self._play(case))

    async def _judged(self, cases: list[Case], at_once: int) -> list[str]:
        places = asyncio.Semaphore(at_once)

        async def one(case: Case) -> str:
            async with places:
                try:
                    judged(await self._play(case))
                except AssertionError as error:
                    return f"{case}: {error}"
                return ""

        return await asyncio.gather(*(one(case) for case in cases))

    async def _play(self, case: Case) -> Played:
        number = next(self._numbers)
        self.upstream.plays[number] = {place: [mishap.play] for place, mishap in case.mishaps().items()}
        began = self._loop.time()
        try:
            reply = await asyncio.wait_for(visit(self.gateway.port, self.ask_of(case, number)), HANGING)
        except TimeoutError:
            raise AssertionError(f"nothing came for {HANGING} seconds") from None
        except OSError as error:
            raise AssertionError(f"the gateway broke off: {error!r}") from error
        del self.upstream.plays[number]
        asked = tuple(self.upstream.asked.pop(number, ()))
        return Played(case, reply, asked, self._loop.time() - began)

    def ask_of(self, case: Case, number: int) -> Ask:
        """The client's request."""
        client = Client(case.client, self.gateway)
        body = client.request(case.route, stream=case.stream, words=f"This is number {number}.")
        return client.ask(case.route, stream=case.stream, body=body)


def judged(played: Played) -> None:
    """Hold what came of a case against the promises."""
    case = played.case
    heard = read(Client(case.client, LiveGateway("", "", "", 0)), played.reply, stream=case.stream)
    fates = {place: mishap.fate for place, mishap in case.mishaps().items()}
    judge(heard, played.asked, case.backing, fates)
