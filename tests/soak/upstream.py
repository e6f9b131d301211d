"""An upstream of every dialect that answers at once and misbehaves by the rule of the errands."""

import asyncio
import collections
import re
import socket
import struct
import time
from collections.abc import Sequence
from typing import NamedTuple, cast

import httptools
import msgspec
from tests.conftest import CLIENT_KEY, LiveGateway
from tests.live.client import MODELS, Ask, Client
from tests.live.raw_upstream import saying
from tests.soak.errands import DIALECTS, KINDS, LENGTHS, REST, Errand, Fate, answer_of, errand, fate
from typing_extensions import override

from dragoman.conversation.failure import Failure
from dragoman.testing.exchange import Answer
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Scripted

SETTLING = 0.05
"""Seconds between a part of an answer and a reset: what then lies unread at the gateway is lost."""

LAG = 0.5
"""Seconds that the gateway may be behind with what it hears, at full speed."""

_MARK = b"QAAAQBBB"
"""Stands for the errand's own mark in answers that are written beforehand."""

_IDENTITY = b"7" * 24
"""Stands for what no two answers have alike in their ids."""

_PREFIXES = {
    "openai_chat": "chatcmpl-",
    "openai_responses": "resp_",
    "anthropic": "msg_",
    "gemini": "",
}

_ERRAND = re.compile(rb"Errand (\d{7})\.")
_PATHS = {
    "openai_chat": b"/v1/chat/completions",
    "openai_responses": b"/v1/responses",
    "anthropic": b"/v1/messages",
    "gemini": b"enerateContent",
}


class Asked(NamedTuple):
    """One request that came, and what the rule says to it."""

    fate: Fate
    credential: str
    moment: float
    """A reading of `time.monotonic`."""
    kept: bool
    """Whether its connection had carried a request before."""


def resent(asked: Sequence[Asked]) -> int:
    """How many of an errand's requests were sent once more within the same attempt: those that met with a
    reset on a connection that was kept from earlier, which looks as if it had been closed long ago.
    """
    return sum(request.kept and request.fate is Fate.RESET for request in asked[:-1])


class Ledger:
    """What came to the upstream."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.requests: collections.defaultdict[int, list[Asked]] = collections.defaultdict(list)
        """By the number of the errand."""
        self.count = 0
        self.fates: collections.Counter[Fate] = collections.Counter()
        self.open = 0
        """Connections that are open now."""
        self.problems: list[str] = []
        self.rests: dict[str, collections.deque[float]] = {}
        """When each credential was told to wait, the latest times."""

    def receive(self, number: int, credential: str, *, kept: bool) -> Fate:
        """Note a request; what is to become of it."""
        asked = self.requests[number]
        found = fate(self.seed, number, len(asked))
        moment = time.monotonic()
        asked.append(Asked(found, credential, moment, kept))
        self.count += 1
        self.fates[found] += 1
        if found is Fate.LIMITED:
            self.rests.setdefault(credential, collections.deque(maxlen=100)).append(moment)
        return found

    def rested(self, credentials: list[str], since: float, until: float) -> bool:
        """Whether all of these credentials may have been resting at a moment of this time."""
        longest = REST + LAG
        return all(
            any(moment <= until and moment + longest >= since for moment in self.rests.get(one, ()))
            for one in credentials
        )


class Repertoire:
    """Every answer, written beforehand by the fake provider."""

    def __init__(self) -> None:
        nowhere = LiveGateway("", CLIENT_KEY, "", 0)
        self._frames: dict[tuple[str, bool, int], list[bytes]] = {}
        self._errors: dict[tuple[str, Fate], bytes] = {}
        self._types: dict[tuple[str, bool], str] = {}
        for name in DIALECTS:
            for stream in (False, True):
                ask = _ask(Client(name, nowhere), stream=stream)
                for units in LENGTHS:
                    said = msgspec.structs.replace(
                        saying(answer_of(_MARK.decode(), units)), id=_PREFIXES[name] + _IDENTITY.decode()
                    )
                    answer = _answer(ask, Scripted(said, checked=False))
                    self._frames[name, stream, units] = [chunk.data for chunk in answer.chunks]
                    self._types[name, stream] = answer.headers["content-type"]
            for misdeed in (Fate.ERROR, Fate.OVERLOADED, Fate.LIMITED):
                self._errors[name, misdeed] = _error(
                    _answer(
                        Client(name, nowhere).ask(MODELS[name]),
                        Scripted(Failure(KINDS[misdeed], f"This is {misdeed}."), checked=False),
                    ),
                    f"retry-after-ms: {REST * 1000:.0f}\r\n" if misdeed is Fate.LIMITED else "",
                )

    def head(self, one: Errand) -> bytes:
        """The head of a good answer."""
        length = "transfer-encoding: chunked"
        if not one.stream:
            length = f"content-length: {sum(map(len, self._frames[one.upstream, False, one.units]))}"
        media_type = self._types[one.upstream, one.stream]
        return f"HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\n{length}\r\n\r\n".encode()

    def frames(self, one: Errand) -> list[bytes]:
        """The body of a good answer, piece by piece."""
        mark, identity = one.mark.encode(), b"%024d" % one.number
        frames = [
            frame.replace(_MARK, mark).replace(_IDENTITY, identity)
            for frame in self._frames[one.upstream, one.stream, one.units]
        ]
        return [b"%x\r\n%b\r\n" % (len(frame), frame) for frame in frames] if one.stream else frames

    def error(self, one: Errand, misdeed: Fate) -> bytes:
        """A whole answer that is an error."""
        return self._errors[one.upstream, misdeed]


def _ask(client: Client, *, stream: bool) -> Ask:
    """A request as the gateway sends it: of streams, it always wants to know the usage."""
    body = client.request(MODELS[client.name], stream=stream)
    if stream and client.name == "openai_chat":
        body["stream_options"] = {"include_usage": True}
    return client.ask(MODELS[client.name], stream=stream, body=body)


def _answer(ask: Ask, scripted: Scripted) -> Answer:
    provider = FakeProvider(clock=lambda: 1_800_000_000.0)
    provider.script.add(scripted)
    path, _, query = ask.target.partition("?")
    return provider.answer(ask.method, path, query, ask.headers, ask.body)


def _error(answer: Answer, more: str) -> bytes:
    head = f"HTTP/1.1 {answer.status} Error\r\ncontent-type: application/json\r\n{more}"
    return f"{head}content-length: {len(answer.body)}\r\n\r\n".encode() + answer.body


class Upstream(asyncio.Protocol):
    """One connection: requests in turn, each answered as the rule says."""

    def __init__(self, ledger: Ledger, repertoire: Repertoire, connections: set["Upstream"]) -> None:
        self._ledger = ledger
        self._repertoire = repertoire
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._carried = 0
        self._url = b""
        self._credential = ""
        self._body: list[bytes] = []

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self._ledger.open += 1

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._ledger.open -= 1
        if self._timer is not None:
            self._timer.cancel()

    @override
    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def close(self) -> None:
        """Close the connection, in the middle of an answer or not."""
        self._transport.close()

    def on_message_begin(self) -> None:
        self._url, self._credential = b"", ""
        self._body.clear()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in {b"authorization", b"x-api-key", b"x-goog-api-key"}:
            self._credential = value.decode().removeprefix("Bearer ")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        found = _ERRAND.search(b"".join(self._body))
        if found is None:
            self._ledger.problems.append(f"a request came that is no errand: {self._url!r} {self._body!r}")
            self.close()
            return
        one = errand(self._ledger.seed, int(found[1]))
        if _PATHS[one.upstream] not in self._url:
            self._ledger.problems.append(f"{one} came to {self._url!r}")
        self._carried += 1
        self._play(one, self._ledger.receive(one.number, self._credential, kept=self._carried > 1))

    def _play(self, one: Errand, found: Fate) -> None:
        match found:
            case Fate.WELL:
                self._well(one)
            case Fate.ERROR | Fate.OVERLOADED | Fate.LIMITED:
                self._write(self._repertoire.error(one, found))
            case Fate.RESET:
                self._reset()
            case Fate.STALL:
                pass
            case Fate.STALL_AFTER_HEAD:
                self._write(self._repertoire.head(one))
            case Fate.RESET_WITHIN:
                self._write(self._first_half(one))
                self._timer = self._loop.call_later(SETTLING, self._reset)
            case Fate.STALL_WITHIN:
                self._write(self._first_half(one))

    def _well(self, one: Errand) -> None:
        frames = self._repertoire.frames(one)
        if one.stream:
            frames.append(b"0\r\n\r\n")
        elif one.pauses:
            (body,) = frames
            cut = len(body) // 2
            frames = [body[:cut], body[cut:]]
        share = -(-len(frames) // (len(one.pauses) + 1))
        parts = [b"".join(frames[at : at + share]) for at in range(0, len(frames), share)]
        self._next(self._repertoire.head(one) + parts[0], parts[1:], list(one.pauses))

    def _next(self, part: bytes, rest: list[bytes], pauses: list[float]) -> None:
        self._write(part)
        if rest:
            self._timer = self._loop.call_later(pauses[0], self._next, rest[0], rest[1:], pauses[1:])

    def _first_half(self, one: Errand) -> bytes:
        """Of a stream, with the beginning of the answer itself in it and without its end."""
        frames = self._repertoire.frames(one)
        if not one.stream:
            return self._repertoire.head(one) + frames[0][: len(frames[0]) // 2]
        mark = one.mark.encode()
        begun = next(number for number, frame in enumerate(frames) if mark in frame)
        return self._repertoire.head(one) + b"".join(frames[: max(begun + 1, len(frames) // 3)])

    def _reset(self) -> None:
        """Close so that the gateway sees a reset: with nothing lingering, the kernel sends RST."""
        sock: socket.socket = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)
