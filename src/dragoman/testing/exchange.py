"""What goes in and out of the fake provider: one HTTP request, one HTTP answer, no sockets."""

import enum
import urllib.parse
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from dragoman.testing.billing import Account


class Incoming(msgspec.Struct, frozen=True):
    """One HTTP request. `path` has no query; `query` and `headers` (names in lower case) hold the
    last value of each name.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


def read_query(query: str) -> dict[str, str]:
    """A URL's query, decoded; of members that are repeated, the last."""
    return dict(urllib.parse.parse_qsl(query, keep_blank_values=True))


class Ending(enum.StrEnum):
    """What becomes of the connection after the last chunk."""

    WHOLE = "whole"
    """The answer is complete."""
    RESET = "reset"
    """The connection is reset at once (TCP RST), the answer incomplete."""
    CLOSED = "closed"
    """The connection is closed in order, the answer incomplete."""
    STALLED = "stalled"
    """Nothing more comes, and the connection stays open until the client leaves."""


class Chunk(NamedTuple):
    """A piece of an answer's body, written in one go `delay` seconds after the piece before."""

    delay: float
    data: bytes


class Answer(msgspec.Struct, frozen=True):
    """One HTTP answer; header names are in lower case. With `streamed`, its length is not announced and
    each chunk goes out alone.
    """

    status: int
    headers: dict[str, str]
    chunks: tuple[Chunk, ...]
    streamed: bool = False
    ending: Ending = Ending.WHOLE
    account: Account | None = None
    """What is needed to bill it; None for answers that cost nothing."""

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(chunk.data for chunk in self.chunks)


def json_answer(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer that is one JSON text."""
    return Answer(status, {"content-type": "application/json", **(headers or {})}, (Chunk(0.0, body),))
