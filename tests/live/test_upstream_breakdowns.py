"""An upstream that breaks before it has answered: an error with a status, in time, and no traceback."""

import time
from collections.abc import Callable

import pytest
from tests.conftest import LiveGateway
from tests.live.client import MODELS, Client, Reply
from tests.live.conftest import CONNECT, SECOND_MODELS, SILENCE, TOTAL
from tests.live.raw_upstream import Line, RawUpstream, pieces_of
from tests.live.vendor_errors import FACES

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import FailureKind as Kind
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

SLACK = 1.0
"""Seconds that a busy machine may take on top of a limit."""

Play = Callable[[Line], None]

GARBAGE: dict[str, Play] = {
    "noise": lambda line: line.send(bytes(range(256))),
    "another_protocol": lambda line: line.send(b"220 mail.example.com ESMTP\r\n" * 3),
    "half_a_status_line": lambda line: line.send(b"HTTP/1.1 2"),
    "half_a_head": lambda line: line.send(b"HTTP/1.1 200 OK\r\ncontent-type: appl"),
    "no_such_status": lambda line: line.send(b"HTTP/1.1 abc OK\r\n\r\n"),
    "endless_head": lambda line: line.send(b"HTTP/1.1 200 OK\r\nx-filler: " + b"x" * 300_000),
    "bad_length": lambda line: line.send(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}"),
    "nothing": lambda line: None,
    "reset": lambda line: line.reset(),
    "another_upgrade": lambda line: line.send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"),
    "reset_after_the_head": lambda line: (line.begin("application/json"), line.reset())[0],
    "bad_chunks": lambda line: (line.begin("application/json"), line.send(b"zz\r\n{}\r\n"))[0],
}
