"""What the tests with the vendors' SDKs share: the clients, the upstreams, what reached the upstreams.

The SDKs are the vendors' own and unchanged; only address and key are the gateway's.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import anthropic
import msgspec
import openai
import pytest
from google import genai
from google.genai import types as google
from tests.conftest import ROUTES, LiveGateway
from tests.sdk.sent import Sent, dialect_of, read

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.testing.exchange import Ending
from dragoman.testing.script import Received, Scripted
from dragoman.testing.server import FakeServer


class Upstream(NamedTuple):
    """An upstream of one dialect, and a model name that leads to it."""

    dialect: str
    model: str


SentTo = Callable[[], list[Sent]]
"""Reads every request that has reached the fake upstream, the earliest first."""

CREDENTIALS = {"authorization": "Bearer {}", "x-api-key": "{}", "x-goog-api-key": "{}"}
"""The header in which each vendor wants its key."""


@pytest.fixture(params=list(ROUTES))
def upstream(request: pytest.FixtureRequest) -> Upstream:
    """Each kind of upstream in turn."""
    dialect: str = request.param
    return Upstream(dialect, ROUTES[dialect])


@pytest.fixture(scope="session")
def openai_client(gateway: LiveGateway) -> Iterator[openai.OpenAI]:
    """OpenAI's SDK."""
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def anthropic_client(gateway: LiveGateway) -> Iterator[anthropic.Anthropic]:
    """Anthropic's SDK."""
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def google_client(gateway: LiveGateway) -> Iterator[genai.Client]:
    """Google's SDK."""
    client = genai.Client(api_key=gateway.key, http_options=google.HttpOptions(base_url=gateway.url))
    yield client
    client.close()


@pytest.fixture(autouse=True)
def _keys_stay_where_they_belong(fake: FakeServer, gateway: LiveGateway) -> Iterator[None]:
    """In every test: the client's key goes nowhere, and the gateway's own only where its vendor wants it."""
    yield
    for received in fake.script.received:
        everything = (received.path, str(received.query), str(received.headers), received.body.decode())
        assert all(gateway.key not in text for text in everything)
        holders = {name for name, value in received.headers.items() if gateway.upstream_key in value}
        assert holders == {_credential_of(received)}
        (holder,) = holders
        assert received.headers[holder] == CREDENTIALS[holder].format(gateway.upstream_key)
        assert gateway.upstream_key not in received.path + str(received.query)
        assert gateway.upstream_key.encode() not in received.body


def _credential_of(received: Received) -> str:
    return {
        "openai_chat": "authorization",
        "openai_responses": "authorization",
        "anthropic": "x-api-key",
        "gemini": "x-goog-api-key",
    }[dialect_of(received)]


@pytest.fixture
def sent(fake: FakeServer) -> SentTo:
    """What has reached the fake upstream so far."""
    return lambda: [read(received) for received in fake.script.received]


@pytest.fixture(scope="session")
def red_dot() -> bytes:
    """A PNG of one red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.fixture(scope="session")
def counted() -> Response:
    """An answer whose usage the upstream gives as 100 tokens in, 40 of them cached, and 8 out."""
    text = Text("Hello there, how are you?")
    usage = Usage(input=60, output=8, cache_read=40)
    return Response("", "", (Choice(0, (text,), Stop(StopReason.END)),), usage)


@pytest.fixture(params=["error", "truncated", "closed", "reset"])
def broken(request: pytest.FixtureRequest) -> Scripted:
    """Streams that break off after some text, in each way in which that happens."""
    text = Text("Once upon a time. " * 20)
    answer = Scripted(Response("", "", (Choice(0, (text,), Stop(StopReason.END)),)), frames=6)
    ways = {
        "error": msgspec.structs.replace(answer, failure=Failure(FailureKind.SERVER, "Out of ink.")),
        "truncated": answer,
        "closed": msgspec.structs.replace(answer, ending=Ending.CLOSED),
        "reset": msgspec.structs.replace(answer, ending=Ending.RESET),
    }
    return ways[request.param]
