"""An exchange that has ended leaves nothing behind that only a search through all objects could free."""

import contextlib
import gc
import http.client
import time
from collections import Counter
from collections.abc import Callable, Generator

import msgspec
import pytest
from tests.conftest import ROUTES, LiveGateway

_EXCHANGES = 40
_PATHS = {"openai_chat": "/v1/chat/completions", "anthropic": "/v1/messages"}


@contextlib.contextmanager
def asking(gateway: LiveGateway, dialect: str, body: object, key: str) -> Generator[http.client.HTTPResponse]:
    """The answer to one request, on a connection of its own."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)) as client:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        client.request("POST", _PATHS[dialect], msgspec.json.encode(body), headers)
        yield client.getresponse()


def request(upstream: str, *, stream: bool = False) -> dict[str, object]:
    messages = [{"role": "user", "content": "Good evening"}]
    return {"model": ROUTES[upstream], "messages": messages, "max_tokens": 100, "stream": stream}


def whole(gateway: LiveGateway, dialect: str, upstream: str) -> None:
    with asking(gateway, dialect, request(upstream), gateway.key) as answer:
        assert answer.status == 200
        answer.read()


def streamed(gateway: LiveGateway, dialect: str, upstream: str) -> None:
    with asking(gateway, dialect, request(upstream, stream=True), gateway.key) as answer:
        assert answer.status == 200
        answer.read()


def left(gateway: LiveGateway, dialect: str, upstream: str) -> None:
    with asking(gateway, dialect, request(upstream, stream=True), gateway.key) as answer:
        answer.read(1)


def refused(gateway: LiveGateway, dialect: str, upstream: str) -> None:
    with asking(gateway, dialect, {"model": ROUTES[upstream]}, gateway.key) as answer:
        assert answer.status == 400
        answer.read()


def unknown(gateway: LiveGateway, dialect: str, upstream: str) -> None:
    with asking(gateway, dialect, request(upstream), "nobody's") as answer:
        assert answer.status == 401
        answer.read()


@contextlib.contextmanager
def uncollected() -> Generator[Counter[str]]:
    """Counts, by type, objects of the program that nothing referred to any more and that were still there."""
    found = Counter[str]()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        garbage: list[object] = gc.garbage
        kinds = [type(one) for one in garbage]
        found.update(
            f"{kind.__module__}.{kind.__qualname__}"
            for kind in kinds
            if kind.__module__.startswith("dragoman.") and not kind.__module__.startswith("dragoman.testing")
        )
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("upstream", ["openai_chat", "anthropic", "gemini"])
@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic"])
@pytest.mark.parametrize("exchange", [whole, streamed, left, refused, unknown])
def test_nothing_is_left_for_the_garbage_collector(
    gateway: LiveGateway, exchange: Callable[[LiveGateway, str, str], None], dialect: str, upstream: str
) -> None:
    for _ in range(3):
        exchange(gateway, dialect, upstream)
    time.sleep(0.3)  # what is done once, such as loading the store, is over
    with uncollected() as found:
        for _ in range(_EXCHANGES):
            exchange(gateway, dialect, upstream)
        time.sleep(0.1)
    # what ended in this very moment by chance does not count
    assert {kind: count for kind, count in found.items() if count >= _EXCHANGES // 4} == {}
