"""A second target is asked when the first is slow to begin; who begins answers, the other is let go."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live.client import MODELS, Client
from tests.live.conftest import SECOND_MODELS, Journal
from tests.live.journal import exchange_of
from tests.live.raw_upstream import saying

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.json_value import Object
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

HEDGE_AFTER = 0.1
SLOW = 20.0
"""Seconds that a slow target takes; no test waits for it."""

CONFIG = """
[server]
port = 0
[auth]
keys = ["{client_key}"]
[retries]
attempts = 3
backoff = 0.01
[health]
cooldown = 0
"""
PROVIDER = """
[providers.{name}]
dialect = "{name}"
base_url = "{url}"
api_key = "{upstream_key}"
[routes.hedged_{name}]
targets = ["{name}/{first}", "{name}/{second}"]
hedge_after = {after}
hedge_share = {share}
[routes.rarely_{name}]
targets = ["{name}/{first}", "{name}/{second}"]
hedge_after = {after}
hedge_share = 0.001
"""


@pytest.fixture(scope="module")
def hedging(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    config = CONFIG.format(client_key=CLIENT_KEY)
    for name, model in MODELS.items():
        url = f"{fake_upstream.url}/v1" if name.startswith("openai_") else fake_upstream.url
        config += PROVIDER.format(
            name=name,
            url=url,
            upstream_key=UPSTREAM_KEY,
            first=model,
            second=SECOND_MODELS[name],
            after=HEDGE_AFTER,
            share=1.0,
        )
    with serving(config, tmp_path_factory.mktemp("hedging")) as running:
        yield running


@pytest.fixture
def asker(client: Client, hedging: LiveGateway) -> Client:
    return client.at(hedging)


def attempts_of(journal: Journal) -> list[Object]:
    exchange_of(journal)
    entries = json.loads(json.dumps([entry for entry in journal if entry["event"] == "attempt"]))
    return sorted(entries, key=lambda entry: bool(entry.get("hedge")))


def test_the_second_target_answers_where_the_first_is_slow_and_the_first_is_let_go(
    asker: Client, stream: bool, fake: FakeServer, journal: Journal
) -> None:
    name = asker.name
    fake.script.add(Scripted(saying("too late"), model=MODELS[name], delay=SLOW))
    fake.script.add(Scripted(saying("in time"), model=SECOND_MODELS[name]))
    began = time.monotonic()
    reply = asker.get(f"hedged_{name}", stream=stream)
    assert time.monotonic() - began < SLOW / 2
    assert (reply.status, asker.words(reply)) == (200, "in time")
    if stream:
        assert asker.stream_error(reply) is None
    first, second = fake.script.received
    assert first.wait_left(2) - second.arrived < 2
    assert second.left_at is None
    assert reply.headers["x-dragoman-route"] == f"{name}/{SECOND_MODELS[name]};attempts=2"
    lost, won = attempts_of(journal)
    assert (lost["outcome"], lost.get("hedge"), lost["estimated"]) == ("lost", None, True)
    assert (won["outcome"], won["hedge"]) == ("answered", True)
    assert lost["target"] != won["target"]


def test_what_both_have_cost_is_recorded(
    asker: Client, stream: bool, fake: FakeServer, journal: Journal
) -> None:
    name = asker.name
    fake.script.add(Scripted(saying("too late"), model=MODELS[name], delay=SLOW))
    asker.get(f"hedged_{name}", stream=stream)
    attempts = attempts_of(journal)
    assert [float(str(attempt["input_tokens"])) > 0 for attempt in attempts] == [True, True]


def test_a_target_that_begins_in_time_is_asked_alone(asker: Client, stream: bool, fake: FakeServer) -> None:
    """However long it takes to its end."""
    fake.script.add(Scripted(saying("one two three four five"), pace=HEDGE_AFTER / 12))
    reply = asker.get(f"hedged_{asker.name}", stream=stream)
    assert asker.words(reply) == "one two three four five"
    assert len(fake.script.received) == (1 if stream else len(fake.script.received))
    assert reply.headers["x-dragoman-route"].startswith(f"{asker.name}/{MODELS[asker.name]}") or not stream


def test_a_first_that_fails_while_the_second_is_asked_spoils_nothing(
    asker: Client, stream: bool, fake: FakeServer
) -> None:
    name = asker.name
    overloaded = Failure(FailureKind.OVERLOADED, "Busy.")
    fake.script.add(Scripted(overloaded, model=MODELS[name], delay=2.5 * HEDGE_AFTER))
    fake.script.add(Scripted(saying("in time"), model=SECOND_MODELS[name], delay=4 * HEDGE_AFTER))
    reply = asker.get(f"hedged_{name}", stream=stream)
    assert (reply.status, asker.words(reply)) == (200, "in time")
    assert len(fake.script.received) == 2


def test_where_both_fail_the_tries_that_are_left_are_used(
    asker: Client, stream: bool, fake: FakeServer
) -> None:
    overloaded = Failure(FailureKind.OVERLOADED, "Busy.")
    fake.script.add(Scripted(overloaded, delay=2 * HEDGE_AFTER), Scripted(overloaded), saying("the third"))
    reply = asker.get(f"hedged_{asker.name}", stream=stream)
    assert (reply.status, asker.words(reply)) == (200, "the third")
    assert len(fake.script.received) == 3


def test_no_more_requests_are_sent_than_are_allowed(asker: Client, stream: bool, fake: FakeServer) -> None:
    overloaded = Failure(FailureKind.OVERLOADED, "Busy.")
    fake.script.add(*[Scripted(overloaded, delay=2 * HEDGE_AFTER) for _ in range(6)])
    reply = asker.get(f"hedged_{asker.name}", stream=stream)
    assert reply.status in {503, 529}
    assert len(fake.script.received) == 3
    assert reply.headers["x-should-retry"] == "false"


def test_a_request_at_fault_ends_the_race(asker: Client, stream: bool, fake: FakeServer) -> None:
    name = asker.name
    refused = Failure(FailureKind.INVALID_REQUEST, "No such thing.")
    fake.script.add(Scripted(refused, model=MODELS[name], delay=2 * HEDGE_AFTER))
    fake.script.add(Scripted(saying("too late"), model=SECOND_MODELS[name], delay=SLOW))
    assert asker.get(f"hedged_{name}", stream=stream).status == 400
    assert len(fake.script.received) == 2
    assert fake.script.received[1].wait_left(2)


def test_a_client_that_leaves_closes_both(asker: Client, stream: bool, fake: FakeServer) -> None:
    fake.script.add(*[Scripted(saying("too late"), delay=SLOW) for _ in range(2)])
    ask = asker.ask(f"hedged_{asker.name}", stream=stream)
    with contextlib.closing(socket.create_connection(("127.0.0.1", asker.gateway.port))) as visitor:
        visitor.sendall(ask.text())
        fake.script.wait_received(2, 5)
    left = time.monotonic()
    assert [received.wait_left(2) - left < 0.5 for received in fake.script.received] == [True, True]


def test_second_requests_are_at_most_a_share_of_all(asker: Client, fake: FakeServer) -> None:
    """One in a thousand, and never more than a few at once."""
    route = f"rarely_{asker.name}"
    fake.script.add(*[Scripted(saying("slow"), delay=1.5 * HEDGE_AFTER) for _ in range(8)])
    for _ in range(4):
        assert asker.get(route, stream=True).status == 200
    assert len(fake.script.received) <= 5
