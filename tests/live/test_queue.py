"""Limits of concurrent requests: never more at once, the others wait in a bounded queue, no place leaks."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.conftest import LiveGateway
from tests.live.client import MODELS, Client
from tests.live.conftest import SECOND_MODELS
from tests.live.own_gateway import (
    Serve,
    Visitors,
    ask_with,
    at_once,
    nothing_left,
    provider,
    settled,
    visiting,
    waiting,
)
from tests.live.raw_upstream import saying
from tests.live.vendor_errors import FACES

from dragoman.conversation.failure import FailureKind
from dragoman.testing.script import Received, Scripted
from dragoman.testing.server import FakeServer

CROWD = 30
MOST = 3
HELD = 0.03
"""Seconds for which each request of a crowd is at the upstream, at least."""
LONG = 60.0
"""Seconds that an answer takes which no test waits for."""
CROWDED = "sk-crowd-0123456789"
URGENT = "sk-urgent-0123456789"

LIMITS = {
    "of_a_target": """
[routes.limited]
targets = [{{ target = "{name}/{model}", max_concurrent = 3 }}]
""",
    "of_a_provider": """
[routes.limited]
targets = ["narrow/{model}"]
""",
    "of_a_key": """
[keys.crowd]
key = "sk-crowd-0123456789"
max_concurrent = 3
[routes.limited]
targets = ["{name}/{model}"]
""",
}
EACH_LIMIT = pytest.mark.parametrize("which", list(LIMITS))
OF_A_PLACE = pytest.mark.parametrize("which", ["of_a_target", "of_a_provider"])


def limited(
    serve: Serve, fake: FakeServer, name: str, which: str, *, size: int = 100, patience: float = 30.0
) -> LiveGateway:
    """A gateway with one limit of three, and a queue."""
    narrow = provider("narrow", fake.url, name, more="max_concurrent = 3")
    queue = f"[queue]\nsize = {size}\ntimeout = {patience}\n"
    return serve(queue + narrow + LIMITS[which].format(name=name, model=MODELS[name]))


def key_for(which: str) -> str:
    return CROWDED if which == "of_a_key" else ""


def most_at_once(received: tuple[Received, ...]) -> int:
    """How many were at the upstream together, for certain: each was there for some time."""
    times = [one.arrived for one in received]
    return max(sum(moment - HELD * 0.9 < other <= moment for other in times) for moment in times)


def hold(visitors: Visitors, client: Client, fake: FakeServer, which: str, *, stream: bool) -> None:
    """Take all three places, until the visitors leave."""
    fake.script.add(*[Scripted(saying("late"), delay=LONG) for _ in range(MOST)])
    for _ in range(MOST):
        visitors.ask(ask_with(client, "limited", key_for(which), stream=stream))
    fake.script.wait_received(MOST, 10)


@EACH_LIMIT
def test_there_are_never_more_at_once_and_everybody_is_answered(
    serve: Serve, client: Client, stream: bool, which: str, fake: FakeServer
) -> None:
    gateway = limited(serve, fake, client.name, which)
    fake.script.add(*[Scripted(saying("Here you are"), delay=HELD) for _ in range(CROWD)])
    replies = at_once(client.at(gateway), "limited", CROWD, stream=stream, key=key_for(which))
    assert [client.words(reply) for reply in replies] == ["Here you are"] * CROWD
    assert len(fake.script.received) == CROWD
    assert most_at_once(fake.script.received) <= MOST
    assert nothing_left(gateway)


@EACH_LIMIT
def test_beyond_the_queue_a_client_is_told_at_once_when_to_come_back(
    serve: Serve, client: Client, stream: bool, which: str, fake: FakeServer
) -> None:
    gateway = limited(serve, fake, client.name, which, size=0)
    here = client.at(gateway)
    with visiting(gateway) as visitors:
        hold(visitors, here, fake, which, stream=stream)
        began = time.monotonic()
        reply = here.send(ask_with(here, "limited", key_for(which), stream=stream))
        assert time.monotonic() - began < 10
        told = client.read_error(reply)
        face = FACES[FailureKind.RATE_LIMIT][client.name]
        assert (reply.status, told.word) == (429, face.word)
        assert int(reply.headers["retry-after"]) >= 1
        assert "serves at most 3 at once" in told.message
        assert "x-dragoman-route" not in reply.headers
        assert len(fake.script.received) == MOST
    # every place is given back by those who have left, and can be had again
    assert nothing_left(gateway)
    fake.script.clear()
    replies = at_once(here, "limited", MOST, stream=stream, key=key_for(which))
    assert [reply.status for reply in replies] == [200] * MOST


@OF_A_PLACE
def test_no_more_wait_than_the_queue_holds(
    serve: Serve, client: Client, which: str, fake: FakeServer
) -> None:
    gateway = limited(serve, fake, client.name, which, size=2)
    here = client.at(gateway)
    with visiting(gateway) as visitors, visiting(gateway) as others:
        hold(visitors, here, fake, which, stream=False)
        for number in (1, 2):
            others.ask(ask_with(here, "limited"))
            assert settled(lambda number=number: waiting(gateway) == number)
        reply = here.get("limited")
        assert reply.status == 429
        assert "2 more wait already" in client.read_error(reply).message
        visitors.leave()
        fake.script.wait_received(MOST + 2, 10)
    assert nothing_left(gateway)


@EACH_LIMIT
def test_who_has_waited_too_long_is_told_so(
    serve: Serve, client: Client, stream: bool, which: str, fake: FakeServer
) -> None:
    gateway = limited(serve, fake, client.name, which, patience=0.25)
    here = client.at(gateway)
    with visiting(gateway) as visitors:
        hold(visitors, here, fake, which, stream=stream)
        began = time.monotonic()
        reply = here.send(ask_with(here, "limited", key_for(which), stream=stream))
        assert time.monotonic() - began >= 0.24
        client.read_error(reply)
        assert reply.status == 429
        assert int(reply.headers["retry-after"]) >= 1
        assert len(fake.script.received) == MOST
    assert nothing_left(gateway)


PRIORITIES = f"""
[keys.urgent]
key = "{URGENT}"
priority = 10
[keys.idle]
key = "{CROWDED}"
priority = -10
[routes.single]
targets = [{{{{ target = "{{name}}/{{model}}", max_concurrent = 1 }}}}]
"""


def test_keys_of_a_higher_priority_go_first_then_who_came_first(
    serve: Serve, client: Client, stream: bool, fake: FakeServer
) -> None:
    gateway = serve(PRIORITIES.format(name=client.name, model=MODELS[client.name]))
    here = client.at(gateway)
    asked = [("idle-1", CROWDED), ("usual-1", ""), ("idle-2", CROWDED), ("urgent-1", URGENT)]
    asked += [("usual-2", ""), ("urgent-2", URGENT)]
    fake.script.add(Scripted(saying("late"), delay=LONG))
    with visiting(gateway) as visitors, ThreadPoolExecutor(len(asked)) as threads:
        visitors.ask(here.ask("single", stream=stream))
        fake.script.wait_received(1, 10)
        for number, (words, key) in enumerate(asked, 1):
            threads.submit(here.send, ask_with(here, "single", key, words=words, stream=stream))
            assert settled(lambda number=number: waiting(gateway) == number)
        visitors.leave()
    bodies = [one.body.decode() for one in fake.script.received[1:]]
    order = [next(words for words, _ in asked if words in body) for body in bodies]
    assert order == ["urgent-1", "urgent-2", "usual-1", "usual-2", "idle-1", "idle-2"]
    assert nothing_left(gateway)


@OF_A_PLACE
def test_a_client_that_leaves_while_it_waits_never_reaches_the_upstream(
    serve: Serve, client: Client, stream: bool, which: str, fake: FakeServer
) -> None:
    gateway = limited(serve, fake, client.name, which)
    here = client.at(gateway)
    with visiting(gateway) as visitors:
        hold(visitors, here, fake, which, stream=stream)
        with visiting(gateway) as leavers:
            for _ in range(4):
                leavers.ask(ask_with(here, "limited", stream=stream))
            assert settled(lambda: waiting(gateway) == 4)
        assert settled(lambda: waiting(gateway) == 0)
    assert nothing_left(gateway)
    assert here.get("limited", stream=stream).status == 200
    assert len(fake.script.received) == MOST + 1


def test_a_client_that_leaves_while_its_key_is_busy_never_reaches_the_upstream(
    serve: Serve, client: Client, stream: bool, fake: FakeServer
) -> None:
    gateway = limited(serve, fake, client.name, "of_a_key", size=4, patience=2)
    here = client.at(gateway)
    with visiting(gateway) as visitors:
        hold(visitors, here, fake, "of_a_key", stream=stream)
        with visiting(gateway) as leavers:
            for _ in range(4):
                leavers.ask(ask_with(here, "limited", CROWDED, stream=stream))
            full = ask_with(here, "limited", CROWDED, stream=stream)
            with ThreadPoolExecutor(1) as thread:
                # the queue is full once those have come
                assert settled(lambda: thread.submit(here.send, full).result(20).status == 429)
        # another key has places of its own
        assert here.get("limited", stream=stream).status == 200
    fake.script.clear()
    replies = at_once(here, "limited", MOST, stream=stream, key=CROWDED)
    assert [reply.status for reply in replies] == [200] * MOST
    assert len(fake.script.received) == MOST


def test_a_full_target_sends_requests_to_the_next_one(
    serve: Serve, client: Client, stream: bool, fake: FakeServer
) -> None:
    first, second = MODELS[client.name], SECOND_MODELS[client.name]
    limits = f"""
[routes.limited]
affinity = 0
targets = [
    {{ target = "{client.name}/{first}", max_concurrent = 3 }},
    {{ target = "{client.name}/{second}", max_concurrent = 1 }},
]
"""
    gateway = serve(limits)
    here = client.at(gateway)
    with visiting(gateway) as visitors:
        hold(visitors, here, fake, "of_a_target", stream=stream)
        reply = here.get("limited", stream=stream)
        assert reply.headers["x-dragoman-route"] == f"{client.name}/{second};attempts=1"
        # both are full now: the next one waits
        with visiting(gateway) as others:
            fake.script.add(Scripted(saying("late"), delay=LONG))
            others.ask(here.ask("limited", stream=stream))
            fake.script.wait_received(MOST + 2, 10)
            with ThreadPoolExecutor(1) as thread:
                patient = thread.submit(here.get, "limited", stream=stream)
                assert settled(lambda: waiting(gateway) == 1)
                visitors.leave()
                assert patient.result(20).status == 200
    assert nothing_left(gateway)
