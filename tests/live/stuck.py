"""Upstreams that are stuck, clients of every format that wait for them together, and how that has to end."""

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tests.conftest import LiveGateway
from tests.live.client import Client, Reply
from tests.live.raw_upstream import Line
from tests.live.vendor_errors import FACES

from dragoman.conversation.events import MEANINGFUL
from dragoman.conversation.failure import FailureKind
from dragoman.dialects.registry import DIALECTS

EARLY = 0.05
"""Seconds by which a timer may ring too soon: clocks of different grain."""
SLACK = 4.0
"""Seconds that a busy machine may take on top of a limit."""
AT_ONCE = 3.0
"""Seconds within which an upstream must have seen that it was left; here, too, a busy machine."""
TICK = 0.03
"""Seconds between the signs of life of an upstream that only seems to do something."""

FOREIGN = {
    "openai_chat": "anthropic",
    "openai_responses": "gemini",
    "anthropic": "openai_chat",
    "gemini": "openai_responses",
}
"""For clients of each format, an upstream of another."""


class Case(NamedTuple):
    """One request: by a client of one format, to an upstream of the same or another."""

    name: str
    upstream: str
    stream: bool


CASES = [
    Case(name, upstream, stream)
    for name, foreign in FOREIGN.items()
    for upstream in (name, foreign)
    for stream in (False, True)
]


class Told(NamedTuple):
    """How one request went."""

    case: Case
    reply: Reply
    seconds: float
    ended: float
    """On the clock of `time.monotonic`."""


def ask_all(gateway: LiveGateway, route: str, cases: list[Case]) -> list[Told]:
    """Every case at the same time. `{}` in the route stands for the upstream's dialect."""

    def one(case: Case) -> Told:
        began = time.monotonic()
        reply = Client(case.name, gateway).get(route.format(case.upstream), stream=case.stream)
        ended = time.monotonic()
        return Told(case, reply, ended - began, ended)

    with ThreadPoolExecutor(len(cases)) as threads:
        return list(threads.map(one, cases))


class Stuck:
    """What every connection to the raw upstream does, and when the gateway left each."""

    def __init__(self, play: Callable[[Line], None]) -> None:
        self._play = play
        self._left: list[float] = []
        self._lock = threading.Condition()

    def __call__(self, line: Line) -> None:
        with contextlib.suppress(ConnectionError):
            self._play(line)
        moment = line.wait_left()
        with self._lock:
            self._left.append(moment)
            self._lock.notify_all()

    def left(self, count: int) -> list[float]:
        """The moments in which so many connections were left, in their order."""
        with self._lock:
            assert self._lock.wait_for(lambda: len(self._left) >= count, AT_ONCE), "left open"
            return sorted(self._left)


def check(told: list[Told], limit: str, seconds: float) -> None:
    """Each request was ended by the limit: in time, in words that name it, in its client's own form."""
    for case, reply, took, _ in told:
        client = Client(case.name, LiveGateway("", "", "", 0))
        where = f"{case}: {reply}"
        assert seconds - EARLY <= took < seconds + SLACK, where
        face = FACES[FailureKind.TIMEOUT][case.name]
        if case.stream and reply.status == 200:
            error = client.stream_error(reply)
            assert error is not None, where
            assert not client.finished(reply.body), where
        else:
            error = client.read_error(reply)
            assert reply.status == face.status, where
        assert error.word == face.word, where
        assert f"{seconds:g} s (timeouts.{limit})" in error.message, where


def check_left(told: list[Told], stuck: Stuck) -> None:
    """The upstream's connections were closed as soon as the limit was reached."""
    for moment, ended in zip(stuck.left(len(told)), sorted(one.ended for one in told), strict=True):
        assert moment - ended < AT_ONCE


def streamed(line: Line) -> bool:
    """Whether the gateway asks a raw upstream for a stream."""
    return b"streamGenerateContent" in line.asked or b'"stream":true' in line.asked.replace(b" ", b"")


def dialect_of(line: Line) -> str:
    path = line.asked.split(b" ")[1]
    marks = {
        b"/chat/completions": "openai_chat",
        b"/responses": "openai_responses",
        b"/messages": "anthropic",
    }
    return next((name for mark, name in marks.items() if path.endswith(mark)), "gemini")


Spoken = dict[str, list[bytes]]


def up_to_the_first_word(pieces: list[bytes]) -> int:
    """How many frames come up to and with the first word of the answer."""
    return next(number for number, piece in enumerate(pieces) if b"Good" in piece) + 1


def before_the_answer(name: str, pieces: list[bytes]) -> int:
    """How many frames come before the first that holds something of the answer itself."""
    decoder = DIALECTS[name].stream_decoder("provider/model")
    return next(
        number
        for number, piece in enumerate(pieces)
        if any(isinstance(event, MEANINGFUL) for event in decoder.feed(piece))
    )


def begin(line: Line) -> None:
    """The head of an answer of the kind that was asked for."""
    line.begin("text/event-stream" if streamed(line) else "application/json")


def dribble(line: Line, data: bytes) -> None:
    """The same bytes again and again."""
    while True:
        line.send(data)
        time.sleep(TICK)


def says_nothing(line: Line) -> None:
    del line


def says_the_head_only(line: Line) -> None:
    begin(line)


def sends_comments(line: Line) -> None:
    """Signs of life that are no event: comments, or white space ahead of a whole answer."""
    begin(line)
    dribble(line, b"6\r\n: hi\n\n\r\n" if streamed(line) else b"1\r\n \r\n")


def drips_its_head(line: Line) -> None:
    line.send(b"HTTP/1.1 200 OK\r\nx-slow: ")
    dribble(line, b"x")


def sends_interim_answers(line: Line) -> None:
    dribble(line, b"HTTP/1.1 100 Continue\r\n\r\n")


def begins_an_error(line: Line) -> None:
    """A refusal that never comes to its end."""
    line.send(b"HTTP/1.1 500 No\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n")
    dribble(line, b" ")
