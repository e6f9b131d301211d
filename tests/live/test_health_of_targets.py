"""A target that fails is given a rest and comes back by itself; everybody can see how it is."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.conftest import LiveGateway
from tests.live.client import MODELS, Client
from tests.live.conftest import SECOND_MODELS, Journal
from tests.live.own_gateway import Serve, settled, states
from tests.live.plain import ask
from tests.live.raw_upstream import saying
from tests.live.test_conditions import with_sound

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.exchange import json_answer
from dragoman.testing.json_value import Object
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

CONFIG = """
[retries]
attempts = 1
backoff = 0.01
[health]
min_failures = 3
cooldown = {cooldown}
max_cooldown = {longest}
[routes.two]
affinity = 0
targets = ["{name}/{first}", "{name}/{second}"]
[routes.either]
affinity = 0
attempts = 2
targets = ["{name}/{first}", "{name}/{second}"]
[routes.one]
targets = ["{name}/{first}"]
[routes.hearing]
targets = ["{name}/{first}", "anthropic/claude-haiku-4-5"]
"""
LONG, SHORT = 600.0, 0.5
"""Seconds of rests: longer than any test, and so short that tests wait for their end."""
ONE_CLIENT = pytest.mark.parametrize("client", ["anthropic"], indirect=True)
"""Where waiting costs time and the format changes nothing."""
BUSY = Failure(FailureKind.OVERLOADED, "Busy.")


def config(name: str, cooldown: float) -> str:
    models = {"first": MODELS[name], "second": SECOND_MODELS[name]}
    return CONFIG.format(name=name, cooldown=cooldown, longest=max(cooldown, 2.0), **models)


def fail(client: Client, fake: FakeServer, times: int, *, stream: bool = False) -> None:
    """Let the first target fail so many times."""
    fake.script.add(*[Scripted(BUSY, model=MODELS[client.name])] * times)
    for _ in range(times):
        assert client.get("one", stream=stream).status >= 500


def served_by(client: Client, route: str, *, stream: bool = False) -> str:
    """The model that a good answer says it comes from."""
    reply = client.get(route, stream=stream)
    assert reply.status == 200, reply
    return reply.headers["x-dragoman-route"].partition("/")[2].partition(";")[0]


def first_of(gateway: LiveGateway, client: Client) -> Object:
    return states(gateway)[f"{client.name}/{MODELS[client.name]}"]


def test_a_target_that_fails_is_left_alone(
    serve: Serve, client: Client, stream: bool, fake: FakeServer
) -> None:
    gateway = serve(config(client.name, LONG))
    here = client.at(gateway)
    fail(here, fake, 2, stream=stream)
    assert served_by(here, "two", stream=stream) == MODELS[client.name]
    fail(here, fake, 3, stream=stream)
    assert first_of(gateway, client)["state"] == "resting"
    fake.script.clear()
    for _ in range(4):
        assert served_by(here, "two", stream=stream) == SECOND_MODELS[client.name]
    assert len(fake.script.received) == 4


def test_who_looks_sees_that_it_rests_and_for_how_long(
    serve: Serve, client: Client, fake: FakeServer, journal: Journal
) -> None:
    gateway = serve(config(client.name, LONG))
    here = client.at(gateway)
    fail(here, fake, 3)
    first = first_of(gateway, client)
    assert first["state"] == "resting"
    assert LONG - 60 < float(str(first["seconds_left"])) <= LONG
    assert (first["failures"], first["requests"]) == (3, 3)
    told = ask(gateway, "/dragoman/explain", {"model": "two"}).object
    excluded = json.dumps(told["excluded"])
    assert f"{client.name}/{MODELS[client.name]}" in excluded
    assert "too many of its requests failed" in excluded
    journal.clear()
    served_by(here, "two")
    assert settled(lambda: any(entry["event"] == "exchange" for entry in journal))
    (entry,) = (entry for entry in journal if entry["event"] == "exchange")
    assert "too many of its requests failed" in str(entry["excluded"])


def test_how_targets_are_is_only_for_those_with_a_key(serve: Serve) -> None:
    gateway = serve(config("openai_chat", LONG))
    reply = ask(gateway, "/dragoman/health", None, "GET", authorization="Bearer sk-wrong")
    assert reply.status == 401
    assert b"targets" not in reply.body


def test_where_there_is_nothing_else_a_target_is_asked_all_the_same(
    serve: Serve, client: Client, stream: bool, fake: FakeServer
) -> None:
    here = client.at(serve(config(client.name, LONG)))
    fail(here, fake, 5, stream=stream)
    assert len(fake.script.received) == 5
    assert served_by(here, "one", stream=stream) == MODELS[client.name]
    # a request that was answered has shown that the target works
    assert served_by(here, "two", stream=stream) == MODELS[client.name]


def test_what_others_cannot_take_goes_to_a_target_that_rests(
    serve: Serve, stream: bool, fake: FakeServer
) -> None:
    here = Client("gemini", serve(config("gemini", LONG)))
    fail(here, fake, 3)
    fake.script.clear()
    reply = here.get("hearing", stream=stream, body=with_sound(here, "hearing", stream=stream))
    assert reply.status == 200
    assert reply.headers["x-dragoman-route"] == f"gemini/{MODELS['gemini']};attempts=1"


@ONE_CLIENT
def test_after_its_rest_a_target_is_tried_by_one_request(
    serve: Serve, client: Client, stream: bool, fake: FakeServer
) -> None:
    gateway = serve(config(client.name, SHORT))
    here = client.at(gateway)
    fail(here, fake, 3, stream=stream)
    fake.script.clear()
    fake.script.add(Scripted(saying("it works"), model=MODELS[client.name], delay=2.0))
    assert settled(lambda: first_of(gateway, client)["state"] == "probing")
    with ThreadPoolExecutor(1) as thread:
        probe = thread.submit(served_by, here, "two", stream=stream)
        (tried,) = fake.script.wait_received(1, 5)
        others = [served_by(here, "two", stream=stream) for _ in range(3)]
        meanwhile = not probe.done() and first_of(gateway, client)["state"]
        assert probe.result() == MODELS[client.name]
    if meanwhile:
        assert others == [SECOND_MODELS[client.name]] * 3
        assert meanwhile == "probing"
    assert settled(lambda: first_of(gateway, client)["state"] == "healthy")
    assert served_by(here, "two", stream=stream) == MODELS[client.name]
    assert tried.left_at is None


@ONE_CLIENT
def test_a_try_that_fails_is_not_noticed_by_its_client_and_doubles_the_rest(
    serve: Serve, client: Client, stream: bool, fake: FakeServer
) -> None:
    gateway = serve(config(client.name, SHORT))
    here = client.at(gateway)
    fail(here, fake, 3, stream=stream)
    assert settled(lambda: first_of(gateway, client)["state"] == "probing")
    fake.script.clear()
    fake.script.add(Scripted(BUSY, model=MODELS[client.name]))
    began = time.monotonic()
    assert served_by(here, "either", stream=stream) == SECOND_MODELS[client.name]
    assert len(fake.script.received) == 2
    assert settled(lambda: first_of(gateway, client)["state"] == "probing")
    assert time.monotonic() - began >= 2 * SHORT - 0.05
    assert served_by(here, "either", stream=stream) == MODELS[client.name]
    assert first_of(gateway, client)["state"] == "healthy"


@pytest.mark.parametrize("kind", [FailureKind.INVALID_REQUEST, FailureKind.CONTENT_POLICY])
def test_refused_requests_say_nothing_of_a_target(
    serve: Serve, client: Client, kind: FailureKind, fake: FakeServer
) -> None:
    gateway = serve(config(client.name, LONG))
    fake.script.add(*[Failure(kind, "No.")] * 6)
    for _ in range(6):
        assert client.at(gateway).get("one").status == 400
    first = first_of(gateway, client)
    assert (first["state"], first["failures"], first["requests"]) == ("healthy", 0, 6)


def test_only_the_model_rests_that_fails(serve: Serve, fake: FakeServer) -> None:
    gateway = serve(config("openai_chat", LONG))
    here = Client("openai_chat", gateway)
    fail(here, fake, 3)
    second = f"openai_chat/{SECOND_MODELS['openai_chat']}"
    assert here.get(second).status == 200
    assert states(gateway)[second]["state"] == "healthy"


def test_a_limit_is_over_when_its_time_is(serve: Serve, client: Client, fake: FakeServer) -> None:
    gateway = serve(config(client.name, LONG))
    here = client.at(gateway)
    word = {"type": "rate_limit_error", "status": "RESOURCE_EXHAUSTED", "message": "Slow down."}
    body = json.dumps({"error": {**word, "code": 429}}).encode()
    fake.script.add(json_answer(429, body, {"retry-after-ms": "900"}))
    assert here.get("two").status == 429
    assert first_of(gateway, client)["state"] == "limited"
    assert served_by(here, "two") == SECOND_MODELS[client.name]
    assert settled(lambda: first_of(gateway, client)["state"] != "limited")
    assert served_by(here, "two") == MODELS[client.name]
