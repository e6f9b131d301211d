"""Answers that a test lays out beforehand, and a record of the requests that came.

What is laid out is used up in order: first what is meant for the request's model, then what is meant
for any. A request for which nothing is left gets the demo model's answer.
"""

import asyncio
import collections
import concurrent.futures
import threading
import time

import msgspec

from dragoman.conversation.failure import Failure
from dragoman.conversation.response import Response
from dragoman.conversation.usage import Usage
from dragoman.testing.billing import bill
from dragoman.testing.exchange import Answer, Ending, Incoming


class Scripted(msgspec.Struct, frozen=True):
    """One answer laid out beforehand.

    `answer` is a whole answer of the model (written in the dialect of the request, streamed where the
    request says so), a failure (written as the dialect's error), or an HTTP answer byte for byte.

    `model` limits it to requests for that model. `checked` says whether the request must keep the
    vendor's rules; otherwise nothing but its path is looked at. `delay` is in seconds before the
    first byte of the body, `pace` in seconds between frames.

    A stream of the model breaks off after `frames` frames: with an error event where there is a
    `failure` (once what the frames tell of is told in full), and then in the way of `ending`.
    """

    answer: Response | Failure | Answer
    model: str | None = None
    checked: bool = True
    delay: float = 0.0
    pace: float = 0.0
    frames: int | None = None
    failure: Failure | None = None
    ending: Ending = Ending.WHOLE


class Received:
    """One request that came, what it was answered, and what became of its connection.

    `arrived` and `left_at` are readings of `time.monotonic`, in seconds.
    """

    def __init__(self, incoming: Incoming) -> None:
        self.incoming = incoming
        self.arrived = time.monotonic()
        self.answer: Answer | None = None
        """The answer, which need not have been sent yet; None until there is one."""
        self.over = False
        """Whether the last that the client gets of the answer has gone out, or the client has left."""
        self._sent: int | None = None
        self._left: concurrent.futures.Future[float] = concurrent.futures.Future()

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.incoming.method

    @property
    def path(self) -> str:
        """The path without its query."""
        return self.incoming.path

    @property
    def query(self) -> dict[str, str]:
        """The query's members."""
        return self.incoming.query

    @property
    def headers(self) -> dict[str, str]:
        """The headers, their names in lower case."""
        return self.incoming.headers

    @property
    def body(self) -> bytes:
        """The body as it came."""
        return self.incoming.body

    @property
    def left_at(self) -> float | None:
        """When the client closed the connection before the answer was complete; None if it did not."""
        return self._left.result() if self._left.done() else None

    def send(self, chunks: int) -> None:
        """Note how many pieces of the answer have gone out. Without it, all of them count as having gone."""
        self._sent = chunks

    def finish(self) -> None:
        """Note that nothing more goes out."""
        self.over = True

    @property
    def billed(self) -> Usage | None:
        """What the fake bills for the request, by what has gone out of the answer so far: see
        `dragoman.testing.billing`. None for nothing.
        """
        answer = self.answer
        if answer is None or answer.account is None:
            return None
        sent = len(answer.chunks) if self._sent is None else self._sent
        whole = sent == len(answer.chunks) and answer.ending is Ending.WHOLE
        out = b"".join(chunk.data for chunk in answer.chunks[:sent])
        return bill(answer.account, out, streamed=answer.streamed, whole=whole)

    def leave(self) -> None:
        """Note that the client has closed the connection before the answer was complete."""
        self.over = True
        if not self._left.done():
            self._left.set_result(time.monotonic())

    def wait_left(self, timeout: float) -> float:
        """Wait until the client has left; when that was. Raises `TimeoutError` after `timeout` seconds."""
        return self._left.result(timeout)

    async def left(self, timeout: float) -> float:  # noqa: ASYNC109 - the twin of `wait_left`
        """As `wait_left`, for a test that runs in an event loop."""
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._left)), timeout)


class Script:
    """What is laid out and what has come. Safe to use from several threads."""

    def __init__(self, kept: int | None = None) -> None:
        """Take how many requests to keep in memory, the latest ones; None for all."""
        self._lock = threading.Condition()
        self._waiting: list[Scripted] = []
        self._received: collections.deque[Received] = collections.deque(maxlen=kept)

    def add(self, *scripted: Scripted | Response | Failure | Answer) -> None:
        """Lay out answers for the next requests."""
        items = [one if isinstance(one, Scripted) else Scripted(one) for one in scripted]
        with self._lock:
            self._waiting += items

    def take(self, model: str | None, *, spoken: bool = True) -> Scripted | None:
        """The answer for the next request to a model; None where none is laid out.

        Not `spoken` are counts, vectors and the like: they leave answers of the model for others.
        """
        with self._lock:
            for wanted in (model, None):
                for place, scripted in enumerate(self._waiting):
                    if scripted.model == wanted and (spoken or not isinstance(scripted.answer, Response)):
                        return self._waiting.pop(place)
        return None

    @property
    def left(self) -> int:
        """How many answers are still laid out."""
        with self._lock:
            return len(self._waiting)

    def record(self, incoming: Incoming) -> Received:
        """Note a request."""
        received = Received(incoming)
        with self._lock:
            self._received.append(received)
            self._lock.notify_all()
        return received

    def wait_received(self, count: int, timeout: float) -> tuple[Received, ...]:
        """Wait until so many requests have come; all of them. Raises `TimeoutError` after `timeout`
        seconds.
        """
        with self._lock:
            if not self._lock.wait_for(lambda: len(self._received) >= count, timeout):
                raise TimeoutError(f"{len(self._received)} requests came where {count} were waited for")
            return tuple(self._received)

    async def arrived(self, count: int, timeout: float) -> tuple[Received, ...]:  # noqa: ASYNC109 - a twin
        """As `wait_received`, for a test that runs in an event loop."""
        return await asyncio.to_thread(self.wait_received, count, timeout)

    @property
    def received(self) -> tuple[Received, ...]:
        """Every request so far, the earliest first."""
        with self._lock:
            return tuple(self._received)

    @property
    def billed(self) -> tuple[Usage, ...]:
        """What is billed for every request so far that costs anything; wait for `settled` before."""
        bills = [received.billed for received in self.received]
        return tuple(usage for usage in bills if usage is not None)

    def settled(self, timeout: float) -> None:
        """Wait until no answer is on its way any more. Raises `TimeoutError` after `timeout` seconds."""
        end = time.monotonic() + timeout
        while not all(received.over for received in self.received):
            if time.monotonic() > end:
                raise TimeoutError("answers are still on their way")
            time.sleep(0.005)

    def clear(self) -> None:
        """Forget what is laid out and what has come."""
        with self._lock:
            self._waiting.clear()
            self._received.clear()
