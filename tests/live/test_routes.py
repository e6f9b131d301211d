"""A route asks its targets in the order of its strategy."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.conftest import LiveGateway
from tests.live.client import Client
from tests.live.own_gateway import Serve
from tests.live.raw_upstream import saying

from dragoman.testing.json_value import decode_object
from dragoman.testing.script import Received, Scripted
from dragoman.testing.server import FakeServer

FIRST, SECOND, THIRD = "gpt-4o", "gpt-4.1", "gpt-4.1-mini"


def model_of(received: Received) -> str:
    return str(decode_object(received.body)["model"])


def one_by_one(gateway: LiveGateway, count: int, *, stream: bool = False, model: str = "best") -> None:
    """So many requests, each of a conversation of its own."""
    client = Client("openai_chat", gateway)
    for number in range(count):
        body = client.request(model, stream=stream, words=f"Good evening, {number}")
        assert client.get(model, stream=stream, body=body).status == 200


def asked(fake: FakeServer) -> Counter[str]:
    """How many requests there were for each model."""
    return Counter(model_of(received) for received in fake.script.received)


def test_the_first_of_an_ordered_route_gets_everything(serve: Serve, fake: FakeServer, stream: bool) -> None:
    one_by_one(
        serve(f'[routes.best]\ntargets = ["openai_chat/{SECOND}", "openai_chat/{FIRST}"]'), 8, stream=stream
    )
    assert asked(fake) == {SECOND: 8}


@pytest.mark.parametrize("affinity", [300, 0], ids=["by_conversation", "by_lot"])
def test_the_targets_of_a_weighted_route_get_their_shares(
    serve: Serve, fake: FakeServer, affinity: int
) -> None:
    gateway = serve(
        f"""
[routes.best]
strategy = "weighted"
affinity = {affinity}
targets = [
    {{ target = "openai_chat/{FIRST}", weight = 30 }},
    {{ target = "openai_chat/{SECOND}", weight = 10 }},
    {{ target = "openai_chat/{THIRD}", weight = 0.0001 }},
]
"""
    )
    one_by_one(gateway, 200)
    shares = asked(fake)
    # 50 are expected; the standard deviation is 6
    assert 20 <= shares[SECOND] <= 80
    assert shares[THIRD] <= 1
    assert shares.total() == 200


def test_a_busy_target_is_avoided(serve: Serve, fake: FakeServer, stream: bool) -> None:
    gateway = serve(
        f"""
[routes.best]
strategy = "least_busy"
targets = ["openai_chat/{FIRST}", "openai_chat/{SECOND}"]
"""
    )
    fake.script.add(Scripted(saying("at last"), delay=3))
    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(one_by_one, gateway, 1, stream=stream)
        (busy,) = fake.script.wait_received(1, 5)
        one_by_one(gateway, 6, stream=stream)
        still_busy = not slow.done()
    others = [model_of(received) for received in fake.script.received[1:]]
    if still_busy:
        # who has just answered may not have let go yet: then both are as busy
        assert others.count(model_of(busy)) <= 1
    assert len(others) == 6


def test_the_quicker_target_is_preferred(serve: Serve, fake: FakeServer, stream: bool) -> None:
    gateway = serve(
        f"""
[routes.best]
strategy = "fastest"
targets = ["openai_chat/{FIRST}", "openai_chat/{SECOND}"]
"""
    )
    fake.script.add(*[Scripted(saying("slow"), model=FIRST, delay=0.8) for _ in range(12)])
    one_by_one(gateway, 12, stream=stream)
    assert 1 <= asked(fake)[FIRST] <= 3


def test_the_cheapest_target_is_asked(serve: Serve, fake: FakeServer, stream: bool) -> None:
    gateway = serve(
        f"""
[prices."openai_chat/{FIRST}"]
input = 1.0
output = 1.0
[prices."openai_chat/{SECOND}"]
input = 0.5
output = 2.9
[prices."openai_chat/{THIRD}"]
input = 0.1
output = 5.0
[routes.best]
strategy = "cheapest"
targets = ["openai_chat/no-price", "openai_chat/{THIRD}", "openai_chat/{SECOND}", "openai_chat/{FIRST}"]
"""
    )
    # 1.25, 1.225 and 1.35 US dollars for a million tokens in and a quarter of a million out
    one_by_one(gateway, 5, stream=stream)
    assert asked(fake) == {SECOND: 5}
