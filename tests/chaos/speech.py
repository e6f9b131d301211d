"""Real answers of an upstream as bytes on the wire, and what has been said at each of their offsets."""

import enum
import functools
from typing import NamedTuple

from tests.conftest import LiveGateway
from tests.live.client import MODELS, Client, Reply
from tests.live.raw_upstream import pieces_of, saying

from dragoman.testing.script import Scripted

NOWHERE = LiveGateway("http://127.0.0.1:1", "", "", 1)
"""In place of a gateway, for clients that only read."""

WORDS = {
    "first": "Good morning to you and to all who are with you on this day.",
    "second": "Nobody has ever counted how many herrings swim past Bergen.",
}
"""What the upstream's two places say: nothing of the one can be taken for something of the other."""


class Framing(enum.StrEnum):
    """How the end of an answer's body is told."""

    CHUNKED = "chunked"
    LENGTH = "length"
    UNTIL_CLOSE = "until_close"


class Speech(NamedTuple):
    """One good answer. `frames` are as they stand on the wire, in their chunks where there are any."""

    dialect: str
    stream: bool
    media_type: str
    framing: Framing
    payloads: tuple[bytes, ...]
    """The frames without their chunks."""

    @property
    def head(self) -> bytes:
        """Status line and headers."""
        lines = ["HTTP/1.1 200 OK", f"content-type: {self.media_type}"]
        match self.framing:
            case Framing.CHUNKED:
                lines.append("transfer-encoding: chunked")
            case Framing.LENGTH:
                lines.append(f"content-length: {len(self.body)}")
            case Framing.UNTIL_CLOSE:
                lines.append("connection: close")
        return "\r\n".join([*lines, "", ""]).encode()

    @property
    def body(self) -> bytes:
        """All frames without their chunks."""
        return b"".join(self.payloads)

    @property
    def frames(self) -> tuple[bytes, ...]:
        """The frames as they stand on the wire."""
        return tuple(chunk(one) for one in self.payloads) if self.chunked else self.payloads

    @property
    def end(self) -> bytes:
        """What tells on the wire that nothing more comes."""
        return b"0\r\n\r\n" if self.chunked else b""

    @property
    def chunked(self) -> bool:
        return self.framing is Framing.CHUNKED

    @property
    def wire(self) -> bytes:
        """All of it."""
        return self.head + b"".join(self.frames) + self.end

    def until(self, frames: int) -> bytes:
        """The wire up to the end of so many frames; below 0, of all but so many."""
        return self.head + b"".join(self.frames[:frames])

    @property
    def silent(self) -> int:
        """How many frames come before the first that says a word."""
        return next(number for number in range(len(self.payloads)) if self.said(number + 1))

    def said(self, frames: int) -> str:
        """The words of the first so many frames."""
        media_type = "text/event-stream" if self.stream else "application/json"
        data = b"".join(self.payloads[:frames])
        return reader(self.dialect).words(Reply(200, {"content-type": media_type}, data)) if data else ""

    def finished(self, frames: int) -> bool:
        """Whether the first so many frames tell that the answer is complete."""
        data = b"".join(self.payloads[:frames])
        return reader(self.dialect).finished(data) if self.stream else frames == len(self.payloads)

    def begun(self, offset: int) -> int:
        """How many frames are there in part at least when so many bytes of the wire have come."""
        ends = [len(self.head)]
        for frame in self.frames:
            ends.append(ends[-1] + len(frame))
        return sum(offset > end for end in ends[:-1])


class Fate(NamedTuple):
    """What a client may make of what an upstream does.

    `says` is the most that it may be told of the answer's words. `whole` says whether the answer counts
    as a good one: it has to, it must not, or (None) both are fair.
    """

    says: str = ""
    whole: bool | None = False


def fate_at(speech: Speech, offset: int) -> Fate:
    """The fate of an answer of which so many bytes have come."""
    if offset == len(speech.wire):
        return Fate(speech.said(len(speech.payloads)), whole=True)
    begun = speech.begun(offset)
    if speech.stream:
        return Fate(speech.said(begun), whole=None if speech.finished(begun) else False)
    complete = offset >= len(speech.until(len(speech.frames))) - len("\r\n" if speech.chunked else "")
    return Fate(whole=None if complete else False)


def chunk(data: bytes) -> bytes:
    """A piece of a body in HTTP's chunked coding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@functools.cache
def reader(dialect: str) -> Client:
    """A client that reads answers of a dialect."""
    return Client(dialect, NOWHERE)


@functools.cache
def speech(place: str, dialect: str, *, stream: bool, framing: Framing | None = None) -> Speech:
    """What a place of the upstream answers when nothing goes wrong."""
    client = reader(dialect)
    body = client.request(MODELS[dialect], stream=stream)
    if stream and dialect == "openai_chat":
        body["stream_options"] = {"include_usage": True}
    ask = client.ask(MODELS[dialect], stream=stream, body=body)
    pieces = tuple(pieces_of(ask, Scripted(saying(WORDS[place]))))
    media_type = "text/event-stream" if stream else "application/json"
    framing = framing or (Framing.CHUNKED if stream else Framing.LENGTH)
    return Speech(dialect, stream, media_type, framing, pieces)
