"""A client that leaves between attempts, or during several: nothing goes on, and what it cost is noted."""

import time

import pytest
from tests.live.client import MODELS, Client
from tests.live.conftest import SECOND_MODELS, Journal
from tests.live.own_gateway import Serve, nothing_left, settled, visiting
from tests.live.raw_upstream import saying

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.json_value import Object
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

LONG = 60.0
"""Seconds that an answer takes which no test waits for."""
AT_ONCE = 2.0
"""Seconds in which an upstream must have seen that it was left, on a busy machine."""
CONFIG = """
[retries]
attempts = 3
backoff = 0.01
[health]
cooldown = 0
[routes.one]
targets = ["{name}/{first}"]
[routes.two]
affinity = 0
targets = ["{name}/{first}", "{name}/{second}"]
[routes.hedged]
affinity = 0
targets = ["{name}/{first}", "{name}/{second}"]
hedge_after = 0.05
hedge_share = 1.0
"""
BUSY = Failure(FailureKind.OVERLOADED, "Busy.")


def config(name: str) -> str:
    return CONFIG.format(name=name, first=MODELS[name], second=SECOND_MODELS[name])


def left(journal: Journal) -> tuple[Object, list[Object]]:
    """The entries of the one exchange whose client has left, and of its attempts."""

    def entries(event: str) -> list[Object]:
        return [{name: str(value) for name, value in one.items()} for one in journal if one["event"] == event]

    assert settled(lambda: bool(entries("exchange")))
    (exchange,) = entries("exchange")
    assert exchange["client_left"] == "True"
    return exchange, entries("attempt")


def tokens(entry: Object) -> float:
    """The tokens of a prompt, wherever its vendor counts them."""
    return float(str(entry["input_tokens"]))


@pytest.mark.parametrize("client", ["openai_chat", "anthropic"], indirect=True)
def test_during_the_wait_before_another_attempt(
    serve: Serve, client: Client, stream: bool, fake: FakeServer, journal: Journal
) -> None:
    gateway = serve(config(client.name))
    here = client.at(gateway)
    fake.script.add(Failure(FailureKind.OVERLOADED, "Busy.", retry_after=1))
    with visiting(gateway) as visitors:
        visitors.ask(here.ask("one", stream=stream))
        fake.script.wait_received(1, 10)
        time.sleep(0.1)
    exchange, attempts = left(journal)
    assert [attempt["outcome"] for attempt in attempts] == ["failed"]
    assert exchange["attempts"] == "1"
    time.sleep(1.0)
    assert len(fake.script.received) == 1
    assert nothing_left(gateway)


def test_during_the_second_attempt(
    serve: Serve, client: Client, stream: bool, fake: FakeServer, journal: Journal
) -> None:
    gateway = serve(config(client.name))
    here = client.at(gateway)
    fake.script.add(BUSY, Scripted(saying("late"), delay=LONG))
    with visiting(gateway) as visitors:
        visitors.ask(here.ask("two", stream=stream))
        _, second = fake.script.wait_received(2, 10)
        gone = visitors.leave()
    assert second.wait_left(5) - gone < AT_ONCE
    _, attempts = left(journal)
    assert [attempt["outcome"] for attempt in attempts] == ["failed", "abandoned"]
    assert attempts[1]["estimated"] == "True"
    assert tokens(attempts[1]) > 0
    time.sleep(0.1)
    assert len(fake.script.received) == 2
    assert nothing_left(gateway)


def test_while_two_targets_race(
    serve: Serve, client: Client, stream: bool, fake: FakeServer, journal: Journal
) -> None:
    gateway = serve(config(client.name))
    here = client.at(gateway)
    fake.script.add(*[Scripted(saying("late"), delay=LONG)] * 2)
    with visiting(gateway) as visitors:
        visitors.ask(here.ask("hedged", stream=stream))
        both = fake.script.wait_received(2, 10)
        gone = visitors.leave()
    assert max(one.wait_left(5) for one in both) - gone < AT_ONCE
    _, attempts = left(journal)
    assert [attempt["outcome"] for attempt in attempts] == ["abandoned"] * 2
    assert [tokens(attempt) > 0 for attempt in attempts] == [True] * 2
    assert [attempt["estimated"] for attempt in attempts] == ["True"] * 2
    time.sleep(0.1)
    assert len(fake.script.received) == 2
    assert nothing_left(gateway)


def test_while_the_winner_of_a_race_speaks(
    serve: Serve, client: Client, fake: FakeServer, journal: Journal
) -> None:
    gateway = serve(config(client.name))
    here = client.at(gateway)
    fake.script.add(Scripted(saying("late"), delay=LONG))
    fake.script.add(Scripted(saying("marzipan " * 400), pace=0.05))
    with visiting(gateway) as visitors:
        visitor = visitors.ask(here.ask("hedged", stream=True))
        first, second = fake.script.wait_received(2, 10)
        heard = b""
        while b"marzipan" not in heard:
            heard += visitor.recv(65536)
        gone = visitors.leave()
    assert second.wait_left(5) - gone < AT_ONCE
    assert first.wait_left(5) < gone + AT_ONCE
    exchange, attempts = left(journal)
    outcomes = {str(one.get("hedge")): one["outcome"] for one in attempts}
    assert outcomes == {"None": "lost", "True": "abandoned"}
    assert exchange["estimated"] == "True"
    assert 0 < int(str(exchange["output_tokens"])) < 1000
    assert nothing_left(gateway)


def test_an_answer_that_was_asked_for_is_paid_for_however_early_its_client_leaves(
    serve: Serve, client: Client, stream: bool, fake: FakeServer, journal: Journal
) -> None:
    gateway = serve(config(client.name))
    fake.script.add(Scripted(saying("late"), delay=LONG))
    with visiting(gateway) as visitors:
        visitors.ask(client.at(gateway).ask("one", stream=stream))
        (only,) = fake.script.wait_received(1, 10)
        gone = visitors.leave()
    assert only.wait_left(5) - gone < AT_ONCE
    exchange, (attempt,) = left(journal)
    assert attempt["outcome"] == "abandoned"
    assert tokens(attempt) > 0
    assert tokens(exchange) > 0
    assert exchange["estimated"] == "True"


@pytest.mark.parametrize("client", ["openai_chat"], indirect=True)
def test_a_gateway_serves_others_whoever_leaves(serve: Serve, client: Client, fake: FakeServer) -> None:
    gateway = serve(config(client.name))
    fake.script.add(*[Scripted(saying("late"), model=MODELS[client.name], delay=LONG)] * 20)
    with visiting(gateway) as visitors:
        for _ in range(20):
            visitors.ask(client.at(gateway).ask("one", stream=True))
        fake.script.wait_received(20, 10)
        assert client.at(gateway).get("one").status == 200
    assert nothing_left(gateway)
    assert settled(lambda: sum(one.left_at is not None for one in fake.script.received) == 20)
