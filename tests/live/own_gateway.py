"""A gateway of its own for a test: what it is configured with in few words, and what it tells of itself."""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live.client import MODELS, Ask, Client, Reply
from tests.live.plain import ask

from dragoman.testing.json_value import Object
from dragoman.testing.script import Received

PATIENCE = 10.0
"""Seconds within which what must happen has happened, on the busiest machine."""

Serve = Callable[[str], LiveGateway]
"""Starts a gateway with this configuration."""

_HEAD = f"""
[server]
port = 0
[auth]
keys = ["{CLIENT_KEY}"]
"""


@contextlib.contextmanager
def starting(url: str, folder: Path) -> Generator[Serve]:
    """Starts gateways with a provider for each dialect, named like it, at the address of a fake provider."""
    numbers = itertools.count()
    with contextlib.ExitStack() as running:

        def serve(configuration: str) -> LiveGateway:
            own = folder / f"gateway{next(numbers)}"
            own.mkdir()
            places = "".join(provider(name, url, name) for name in MODELS)
            return running.enter_context(serving(_HEAD + places + configuration, own))

        yield serve


def provider(name: str, url: str, dialect: str, *keys: str, more: str = "") -> str:
    """The configuration of a provider, with one key or several."""
    base = f"{url}/v1" if dialect.startswith("openai_") else url
    listed = ", ".join(f'"{key}"' for key in keys or (UPSTREAM_KEY,))
    return f"""
[providers.{name}]
dialect = "{dialect}"
base_url = "{base}"
api_keys = [{listed}]
{more}
"""


def states(gateway: LiveGateway) -> dict[str, Object]:
    """How the targets are, as `GET /dragoman/health` tells it, by their name and, of several, their key."""
    told = ask(gateway, "/dragoman/health", None, "GET").object["targets"]
    assert isinstance(told, list)
    found: dict[str, Object] = {}
    for one in told:
        assert isinstance(one, dict)
        number = str(one["credential"]).partition("#")[2]
        found[f"{one['name']}#{number}" if number else str(one["name"])] = one
    return found


def nothing_left(gateway: LiveGateway) -> bool:
    """Whether, in a moment at the latest, nothing is on its way and nobody waits."""
    return settled(
        lambda: all((one["in_flight"], one["waiting"]) == (0, 0) for one in states(gateway).values())
    )


def settled(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true in time."""
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def ask_with(client: Client, model: str, key: str = "", *, words: str = "", stream: bool = False) -> Ask:
    """A request with another key than the usual one."""
    body = client.request(model, stream=stream, words=words or "Good evening")
    asking = client.ask(model, stream=stream, body=body)
    headers = {**asking.headers, **client.credentials(key)} if key else asking.headers
    return asking._replace(headers=headers)


def at_once(client: Client, model: str, count: int, *, stream: bool = False, key: str = "") -> list[Reply]:
    """The answers to so many requests that are sent at the same moment, of as many conversations."""
    ready = threading.Barrier(count)

    def one(number: int) -> Reply:
        asking = ask_with(client, model, key, words=f"Good evening, {number}", stream=stream)
        ready.wait(PATIENCE)
        return client.send(asking)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


class Visitors:
    """Clients on plain sockets that ask, and leave when the test says so, at its end at the latest."""

    def __init__(self, gateway: LiveGateway) -> None:
        self._port = gateway.port
        self._sockets: list[socket.socket] = []

    def ask(self, asking: Ask) -> socket.socket:
        """Send a request, and let whatever comes lie."""
        visitor = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE)
        self._sockets.append(visitor)
        visitor.sendall(asking.text())
        return visitor

    def leave(self) -> float:
        """Close every connection; the moment before that."""
        moment = time.monotonic()
        for visitor in self._sockets:
            visitor.close()
        return moment


@contextlib.contextmanager
def visiting(gateway: LiveGateway) -> Generator[Visitors]:
    """Visitors of a gateway, who have left afterwards."""
    visitors = Visitors(gateway)
    try:
        yield visitors
    finally:
        visitors.leave()


def waiting(gateway: LiveGateway) -> int:
    """How many requests wait for a place at a target."""
    return sum(int(str(one["waiting"])) for one in states(gateway).values())


def keys_of(received: tuple[Received, ...]) -> list[str]:
    """The keys with which requests came to the fake, in any dialect's header."""
    names = ("authorization", "x-api-key", "x-goog-api-key")
    return [
        next(one.headers[name].removeprefix("Bearer ") for name in names if name in one.headers)
        for one in received
    ]
