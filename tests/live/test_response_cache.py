"""Requests that are exactly the same are answered once, where the route says so: over real sockets."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.conftest import LiveGateway
from tests.live.answers import saying
from tests.live.client import MODELS, Ask, Client, Reply
from tests.live.conftest import Journal
from tests.live.own_gateway import PATIENCE, Serve, nothing_left, settled, visiting

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.exchange import Ending
from dragoman.testing.json_value import Object
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

CONFIG = """
[retries]
attempts = {attempts}
backoff = 0.01
[health]
cooldown = 0
[memory]
responses = 0
[routes.kept]
cache = {seconds}
targets = ["{name}/{model}"]
[routes.fresh]
targets = ["{name}/{model}"]
[routes.wide]
cache = 60
targets = ["anthropic/claude-sonnet-4-5"]
"""


def config(name: str, seconds: float = 60, attempts: int = 1) -> str:
    return CONFIG.format(name=name, model=MODELS[name], seconds=seconds, attempts=attempts)


def asked(fake: FakeServer) -> int:
    return len(fake.script.received)


def word(reply: Reply) -> str | None:
    assert reply.status == 200, reply
    return reply.headers.get("x-dragoman-cache")


def slowly(seconds: float) -> Scripted:
    """An answer that takes its time."""
    return Scripted(saying("Good evening to you"), delay=seconds)


def with_headers(asking: Ask, **headers: str) -> Ask:
    return asking._replace(headers={**asking.headers, **headers})


def together(client: Client, askings: list[Ask]) -> list[Reply]:
    """The answers to requests that are sent at the same moment."""
    ready = threading.Barrier(len(askings))

    def one(asking: Ask) -> Reply:
        ready.wait(PATIENCE)
        return client.send(asking)

    with ThreadPoolExecutor(len(askings)) as threads:
        return list(threads.map(one, askings))


def test_the_second_of_two_equal_requests_is_answered_as_the_first_without_an_upstream(
    client: Client, upstream: str, serve: Serve, fake: FakeServer, *, stream: bool
) -> None:
    at = client.at(serve(config(upstream)))
    first, second = at.get("kept", stream=stream), at.get("kept", stream=stream)
    assert (word(first), word(second)) == ("miss", "hit")
    assert at.words(first) == at.words(second) != ""
    assert first.headers["content-type"] == second.headers["content-type"]
    if client.name == upstream:
        assert first.body == second.body
    if stream:
        assert at.finished(second.body)
        assert len(at.frames(second.body)) == len(at.frames(first.body))
    assert asked(fake) == 1
    assert second.headers["x-dragoman-route"] == f"{upstream}/{MODELS[upstream]};attempts=0"


def test_without_a_time_nothing_is_kept(client: Client, serve: Serve, fake: FakeServer) -> None:
    at = client.at(serve(config("openai_chat")))
    assert [word(at.get("fresh")) for _ in range(2)] == [None, None]
    assert asked(fake) == 2


def test_answers_are_kept_for_as_long_as_the_route_says(serve: Serve, fake: FakeServer) -> None:
    at = Client("anthropic", serve(config("anthropic", seconds=0.5)))
    assert [word(at.get("kept")) for _ in range(2)] == ["miss", "hit"]
    time.sleep(0.6)
    assert word(at.get("kept")) == "miss"
    assert asked(fake) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "user", "content": "Good evening."}]},
        {"temperature": 0.5},
        {"max_tokens": 901},
        {"stream": True},
        {"metadata": {"user_id": "ada"}},
    ],
)
def test_a_request_that_differs_in_anything_is_another(
    serve: Serve, fake: FakeServer, change: Object
) -> None:
    at = Client("anthropic", serve(config("anthropic")))
    body = at.request("kept")
    assert word(at.get("kept", body=body)) == "miss"
    assert word(at.get("kept", body={**body, **change})) == "miss"
    assert asked(fake) == 2


def test_a_header_that_goes_upstream_makes_another_request(serve: Serve, fake: FakeServer) -> None:
    at = Client("anthropic", serve(config("anthropic")))
    asking = at.ask("kept")
    beta = {"anthropic-beta": "context-1m-2025-08-07"}
    words = [word(at.send(one)) for one in (asking, with_headers(asking, **beta), asking)]
    assert words == ["miss", "miss", "hit"]
    assert asked(fake) == 2


def test_equal_requests_of_several_clients_share_an_answer(serve: Serve, fake: FakeServer) -> None:
    gateway = serve(config("anthropic"))
    for name in ("openai_chat", "gemini"):
        at = Client(name, gateway)
        at.get("kept")
    before = asked(fake)
    assert word(Client("openai_chat", gateway).get("kept")) == "hit"
    assert asked(fake) == before


@pytest.mark.parametrize(
    ("directive", "words"), [("no-store", [None, "miss", "hit"]), ("no-cache", ["miss", "hit", "hit"])]
)
def test_clients_may_ask_for_an_answer_of_their_own(
    serve: Serve, fake: FakeServer, directive: str, words: list[str | None]
) -> None:
    at = Client("openai_chat", serve(config("openai_chat")))
    asking = at.ask("kept")
    own = with_headers(asking, **{"cache-control": f"max-age=0, {directive.title()}"})
    assert [word(at.send(one)) for one in (own, asking, asking)] == words
    before = asked(fake)
    assert word(at.send(own)) == words[0]
    assert asked(fake) == before + 1


def test_an_answer_that_the_gateway_keeps_for_a_conversation_is_given_once(
    serve: Serve, fake: FakeServer
) -> None:
    settings = config("anthropic").replace("responses = 0", "responses = 60")
    at = Client("openai_responses", serve(settings))
    body = at.request("kept")
    assert [word(at.get("kept", body=body)) for _ in range(2)] == [None, None]
    once = {**body, "store": False}
    assert [word(at.get("kept", body=once)) for _ in range(2)] == ["miss", "hit"]
    assert asked(fake) == 3


def test_several_answers_to_one_request_are_not_kept(serve: Serve, fake: FakeServer) -> None:
    at = Client("openai_chat", serve(config("anthropic")))
    body: Object = {**at.request("wide"), "n": 2}
    assert [word(at.get("wide", body=body)) for _ in range(2)] == [None, None]
    assert asked(fake) == 4


def test_a_failure_is_not_kept(serve: Serve, fake: FakeServer, *, stream: bool) -> None:
    at = Client("anthropic", serve(config("anthropic")))
    fake.script.add(Failure(FailureKind.OVERLOADED, "Busy."))
    assert at.get("kept", stream=stream).status == 529
    assert [word(at.get("kept", stream=stream)) for _ in range(2)] == ["miss", "hit"]


def test_a_stream_that_breaks_off_is_not_kept(serve: Serve, fake: FakeServer) -> None:
    at = Client("anthropic", serve(config("anthropic")))
    fake.script.add(Scripted(saying("Good evening to you and to all"), frames=6, ending=Ending.CLOSED))
    first, second, third = [at.get("kept", stream=True) for _ in range(3)]
    assert at.stream_error(first) is not None
    assert [word(second), word(third)] == ["miss", "hit"]
    assert at.finished(second.body)


def test_a_client_that_leaves_leaves_nothing_behind(serve: Serve, fake: FakeServer) -> None:
    gateway = serve(config("anthropic"))
    at = Client("anthropic", gateway)
    fake.script.add(slowly(2.0))
    with visiting(gateway) as visitors:
        visitors.ask(at.ask("kept", stream=True))
        assert settled(lambda: asked(fake) == 1)
    assert nothing_left(gateway)
    assert [word(at.get("kept", stream=True)) for _ in range(2)] == ["miss", "hit"]


def test_of_equal_requests_at_once_one_goes_upstream(
    client: Client, serve: Serve, fake: FakeServer, *, stream: bool
) -> None:
    at = client.at(serve(config("anthropic")))
    fake.script.add(slowly(0.3))
    replies = together(at, [at.ask("kept", stream=stream)] * 8)
    assert sorted(str(word(reply)) for reply in replies) == ["hit"] * 7 + ["miss"]
    assert len({at.words(reply) for reply in replies}) == 1
    assert asked(fake) == 1


def test_if_the_client_leaves_whose_request_went_one_of_the_others_goes_next(
    serve: Serve, fake: FakeServer, *, stream: bool
) -> None:
    gateway = serve(config("anthropic"))
    at = Client("anthropic", gateway)
    fake.script.add(slowly(5.0), slowly(0.2))
    asking = at.ask("kept", stream=stream)
    with visiting(gateway) as visitors, ThreadPoolExecutor(4) as threads:
        visitors.ask(asking)
        assert settled(lambda: asked(fake) == 1)
        others = [threads.submit(at.send, asking) for _ in range(4)]
        time.sleep(0.2)
        assert asked(fake) == 1
        visitors.leave()
        replies = [other.result(PATIENCE) for other in others]
    assert sorted(str(word(reply)) for reply in replies) == ["hit"] * 3 + ["miss"]
    assert asked(fake) == 2


def test_if_the_first_fails_for_a_while_one_of_the_others_goes_next(serve: Serve, fake: FakeServer) -> None:
    at = Client("anthropic", serve(config("anthropic")))
    fake.script.add(Scripted(Failure(FailureKind.OVERLOADED, "Busy."), delay=0.3), slowly(0.3))
    replies = together(at, [at.ask("kept")] * 5)
    assert sorted(reply.status for reply in replies) == [200] * 4 + [529]
    assert asked(fake) == 2


def test_a_refusal_that_will_not_pass_holds_nobody_up(serve: Serve, fake: FakeServer) -> None:
    at = Client("anthropic", serve(config("anthropic")))
    fake.script.add(*[Scripted(Failure(FailureKind.INVALID_REQUEST, "No."), delay=0.4)] * 6)
    began = time.monotonic()
    replies = together(at, [at.ask("kept")] * 6)
    assert [reply.status for reply in replies] == [400] * 6
    assert asked(fake) == 6
    assert time.monotonic() - began < 6 * 0.4


def test_a_large_answer_is_not_kept(serve: Serve, fake: FakeServer) -> None:
    at = Client("openai_chat", serve(config("openai_chat")))
    for _ in range(2):
        fake.script.add(saying("x" * (4 * 1024 * 1024)))
    assert [word(at.get("kept")) for _ in range(2)] == ["miss", "miss"]


def test_a_hit_costs_nothing_and_says_what_the_answer_took(
    serve: Serve, fake: FakeServer, journal: Journal
) -> None:
    at = Client("openai_chat", serve(config("anthropic")))
    for _ in range(2):
        at.get("kept")
    assert settled(lambda: len(exchanges(journal)) == 2)
    miss, hit = exchanges(journal)
    assert (miss["cache"], hit["cache"]) == ("miss", "hit")
    assert float(str(miss["cost_usd"])) > 0
    assert float(str(hit["cost_usd"])) == 0
    for count in ("cache_write_tokens", "output_tokens"):
        assert hit[count] == miss[count]
    assert "attempts" not in hit
    assert asked(fake) == 1


def test_a_hit_needs_no_place_at_the_upstream(serve: Serve, fake: FakeServer) -> None:
    settings = config("anthropic").replace(
        'targets = ["anthropic', 'max_concurrent = 1\ntargets = ["anthropic'
    )
    gateway: LiveGateway = serve(settings)
    at = Client("anthropic", gateway)
    asking = at.ask("kept")
    assert word(at.send(asking)) == "miss"
    assert json.loads(at.send(asking).body)["role"] == "assistant"
    assert asked(fake) == 1


def exchanges(journal: Journal) -> Journal:
    return [entry for entry in journal if str(entry["event"]).startswith("exchange")]
