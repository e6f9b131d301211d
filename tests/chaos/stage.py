"""A gateway as a process of its own between clients and upstreams on raw sockets: where plays are played."""

import asyncio
import contextlib
import itertools
import re
import threading
from collections.abc import Coroutine, Generator, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from tests.chaos.configuration import lane_name, neighbour, route_name
from tests.chaos.mishaps import Mishap, Plan
from tests.chaos.speech import Framing, reader, speech
from tests.chaos.upstream import Asked, Plays, Unreachable, Upstream
from tests.chaos.verdict import ATTEMPTS, Backing, judge, read
from tests.chaos.visitor import Leave, visit, visit_and_leave
from tests.conftest import LiveGateway
from tests.live.client import Ask, Client, Reply
from tests.live.command import Service, serving

from dragoman.testing.grammar.shape import children
from dragoman.testing.json_value import Object

T = TypeVar("T")

HANGING = 30.0
"""Seconds after which an exchange counts as hanging: more than any limit here allows."""


_ATTEMPTS = re.compile(r";attempts=(\d+)")


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
    heard_all: bool = False
    """Whether all that was said before it broke has to have reached the client."""
    lane: int | None = None
    """The number of a route and a provider that no other case uses."""

    @property
    def route(self) -> str:
        if self.lane is not None:
            return lane_name(self.lane)
        return route_name(self.place, self.upstream, self.backing, hasty=self.hasty)

    def mishaps(self) -> Mapping[str, Mishap]:
        """What each place does that does not just answer."""
        if self.plan is None:
            return {}
        places = {"first": self.upstream}
        if self.backing is Backing.DOOMED:
            places["second"] = neighbour(self.upstream)
        good = {
            place: speech(place, dialect, stream=self.stream, framing=self.framing)
            for place, dialect in places.items()
        }
        return {place: self.plan(answer) for place, answer in good.items()}

    def plays(self) -> Plays:
        """What each place does, each time."""
        return {place: [mishap.play] for place, mishap in self.mishaps().items()}

    @property
    def title(self) -> str:
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

    def __init__(self, folder: Path, *, guarded: bool = False) -> None:
        """Take the folder for the gateway's files, and whether it spares its upstreams: see `judge`."""
        self._folder = folder
        self._guarded = guarded
        self._numbers = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stage")
        self.upstream = Upstream()
        self.unreachable = Unreachable()
        self.answered: list[str] = []
        """The ids of all requests that got an answer."""

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
            with serving(self._folder, "--config", "dragoman.toml") as self.service:
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

    def states(self) -> list[Object]:
        """What the gateway says of its targets."""
        ask = Client("openai_chat", self.gateway).ask("")._replace(method="GET", target="/dragoman/health")
        return children(reader("openai_chat").at(self.gateway).send(ask).object, "targets")

    def close_idle(self) -> None:
        """Let the upstreams close the connections on which nothing is going on."""
        self._loop.call_soon_threadsafe(self.upstream.close_idle)

    def problems(self, cases: Iterable[Case], *, at_once: int = 24) -> list[str]:
        """Play the cases, so many at once; what is wrong with what came of them."""
        return self.problems_with_leavers([(case, None) for case in cases], at_once=at_once)

    def problems_with_leavers(self, cases: Iterable[tuple[Case, Leave | None]], *, at_once: int) -> list[str]:
        """The same, where some clients leave before their answer has ended."""
        return [problem for problem in self.wait_for(self._judged(list(cases), at_once)) if problem]

    def play_all(self, cases: Iterable[tuple[Case, Plays]], *, at_once: int = 48) -> list[Played]:
        """What comes of cases whose plays are another's affair."""
        return self.wait_for(self._played(list(cases), at_once))

    async def _played(self, cases: list[tuple[Case, Plays]], at_once: int) -> list[Played]:
        places = asyncio.Semaphore(at_once)

        async def one(case: Case, plays: Plays) -> Played:
            async with places:
                return await self._play(case, plays)

        return await asyncio.gather(*(one(*case) for case in cases))

    async def _judged(self, cases: list[tuple[Case, Leave | None]], at_once: int) -> list[str]:
        places = asyncio.Semaphore(at_once)

        async def one(case: Case, leave: Leave | None) -> str:
            async with places:
                try:
                    if leave is None:
                        judged(await self._play(case, case.plays()), guarded=self._guarded)
                    else:
                        await self._leave(case, leave)
                except AssertionError as error:
                    return f"{case.title}: {error}"
                return ""

        return await asyncio.gather(*(one(*case) for case in cases))

    async def _play(self, case: Case, plays: Plays) -> Played:
        number = next(self._numbers)
        self.upstream.plays[number] = plays
        began = self._loop.time()
        try:
            reply = await asyncio.wait_for(visit(self.gateway.port, self.ask_of(case, number)), HANGING)
        except TimeoutError:
            raise AssertionError(f"nothing came for {HANGING} seconds") from None
        except OSError as error:
            raise AssertionError(f"the gateway broke off: {error!r}") from error
        del self.upstream.plays[number]
        self.answered.append(reply.headers["x-request-id"])
        asked = tuple(self.upstream.asked.pop(number, ()))
        return Played(case, reply, asked, self._loop.time() - began)

    async def _leave(self, case: Case, leave: Leave) -> None:
        number = next(self._numbers)
        self.upstream.plays[number] = case.plays()
        await visit_and_leave(self.gateway.port, self.ask_of(case, number), leave)
        most = ATTEMPTS[case.backing]
        places = [one.place for one in self.upstream.asked.get(number, ())]
        assert len(places) <= most, f"{len(places)} requests where {most} are allowed: {places}"

    def ask_of(self, case: Case, number: int) -> Ask:
        """The client's request."""
        client = Client(case.client, self.gateway)
        body = client.request(case.route, stream=case.stream, words=f"This is number {number}.")
        return client.ask(case.route, stream=case.stream, body=body)


def judged(played: Played, *, guarded: bool) -> None:
    """Hold what came of a case against the promises. Raises `AssertionError`."""
    case = played.case
    own = any(one.dialect == case.client for one in played.asked)
    heard = read(reader(case.client), played.reply, stream=case.stream, own=own)
    fates = {place: mishap.fate for place, mishap in case.mishaps().items()}
    judge(heard, played.asked, case.backing, fates, guarded=guarded)
    told = played.reply.headers.get("x-dragoman-route", "")
    noted = _ATTEMPTS.search(told)
    # a stream that opens with a sign of life is yet to see its last attempt, or even its first
    opened = ";pending" in told or (played.reply.status == 200 and case.stream and not told)
    assert opened or len(played.asked) <= (int(noted[1]) if noted else 0), f"{played.asked}, told: {told}"
    if case.heard_all and heard.error is not None and played.asked:
        speaker = played.asked[-1].place
        assert heard.words == fates[speaker].says, (
            f"of {fates[speaker].says!r} only {heard.words!r} was heard"
        )
