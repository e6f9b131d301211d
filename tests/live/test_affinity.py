"""The turns of a conversation go where its prompt is cached; others go where there is room."""

from collections import Counter
from collections.abc import Iterator

import pytest
from tests.live.client import MODELS, Client
from tests.live.conftest import SECOND_MODELS
from tests.live.own_gateway import Serve, keys_of, provider, states

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer, fake_server

CONFIG = """
[retries]
attempts = 1
[health]
min_failures = 3
cooldown = 600
max_cooldown = 600
[routes.best]
strategy = "{strategy}"
affinity = {affinity}
targets = ["{name}/{first}", "{name}/{second}"]
"""
KEYS = ("sk-upstream-first-0123", "sk-upstream-second-4567")
TALKS = 8
TURNS = 3


def config(name: str, strategy: str, affinity: int = 300) -> str:
    models = {"first": MODELS[name], "second": SECOND_MODELS[name]}
    return CONFIG.format(name=name, strategy=strategy, affinity=affinity, **models)


def turn(client: Client, talk: int, number: int, *, stream: bool = False) -> Object:
    """The request of a conversation's next turn, which holds those before."""
    said: list[JSON] = []
    for _ in range(number):
        said += [_said(client, "user", f"Good evening, {talk}"), _said(client, "model", "Good evening")]
    said.append(_said(client, "user", f"Good evening, {talk}" if number == 0 else f"And then, {number}?"))
    body = client.request("best", stream=stream)
    field = {"openai_responses": "input", "gemini": "contents"}.get(client.name, "messages")
    return {**body, field: said}


def _said(client: Client, role: str, words: str) -> JSON:
    if client.name == "gemini":
        return {"role": role, "parts": [{"text": words}]}
    return {"role": "assistant" if role == "model" else role, "content": words}


def place(client: Client, body: Object, *, stream: bool = False) -> str:
    """Where a request was served."""
    reply = client.get("best", stream=stream, body=body)
    assert reply.status == 200, reply
    return reply.headers["x-dragoman-route"].partition(";")[0]


@pytest.mark.parametrize("strategy", ["weighted", "least_busy", "fastest"])
def test_the_turns_of_a_conversation_stay_where_it_began(
    serve: Serve, client: Client, stream: bool, strategy: str, fake: FakeServer
) -> None:
    here = client.at(serve(config(client.name, strategy)))
    served: dict[int, list[str]] = {talk: [] for talk in range(TALKS)}
    for number in range(TURNS):
        for talk, places in served.items():
            places.append(place(here, turn(client, talk, number, stream=stream), stream=stream))
    assert [len(set(places)) for places in served.values()] == [1] * TALKS
    assert len(fake.script.received) == TALKS * TURNS


@pytest.mark.parametrize("strategy", ["weighted", "least_busy"])
def test_conversations_spread(serve: Serve, client: Client, strategy: str) -> None:
    here = client.at(serve(config(client.name, strategy)))
    places = Counter(place(here, turn(client, talk, 0)) for talk in range(30))
    assert len(places) == 2
    assert min(places.values()) >= 3


@pytest.mark.parametrize("strategy", ["weighted", "least_busy"])
def test_without_affinity_turns_spread_too(serve: Serve, client: Client, strategy: str) -> None:
    here = client.at(serve(config(client.name, strategy, affinity=0)))
    places = Counter(place(here, turn(client, 1, 0)) for _ in range(30))
    assert len(places) == 2


@pytest.mark.parametrize("strategy", ["weighted", "least_busy", "fastest"])
def test_a_conversation_moves_when_its_target_rests(
    serve: Serve, client: Client, strategy: str, fake: FakeServer
) -> None:
    gateway = serve(config(client.name, strategy))
    here = client.at(gateway)
    first = place(here, turn(client, 1, 0))
    assert place(here, turn(client, 1, 1)) == first
    model = first.partition("/")[2]
    busy = Failure(FailureKind.OVERLOADED, "Busy.")
    fake.script.add(*[Scripted(busy, model=model)] * 3)
    for _ in range(3):
        assert here.get(first).status >= 500
    assert states(gateway)[first]["state"] == "resting"
    moved = place(here, turn(client, 1, 2))
    assert moved != first
    # and stays there
    assert [place(here, turn(client, 1, number)) for number in (3, 4)] == [moved] * 2


@pytest.mark.parametrize("client", ["openai_chat", "openai_responses"], indirect=True)
@pytest.mark.parametrize("strategy", ["weighted", "least_busy", "fastest"])
def test_the_clients_own_word_for_what_shares_a_cache_decides(
    serve: Serve, client: Client, strategy: str
) -> None:
    here = client.at(serve(config(client.name, strategy)))
    named: JSON = "the-same-beginning"
    places = [place(here, {**turn(client, talk, 0), "prompt_cache_key": named}) for talk in range(12)]
    assert len(set(places)) == 1


@pytest.fixture
def pool() -> Iterator[FakeServer]:
    """A fake provider that knows both keys."""
    with fake_server(FakeProvider(keys=frozenset(KEYS))) as running:
        yield running


def test_the_turns_of_a_conversation_use_the_same_key(
    serve: Serve, client: Client, stream: bool, pool: FakeServer
) -> None:
    route = f'[routes.best]\ntargets = ["pool/{MODELS[client.name]}"]\n'
    here = client.at(serve(provider("pool", pool.url, client.name, *KEYS) + route))
    for number in range(TURNS):
        for talk in range(3):
            place(here, turn(client, talk, number, stream=stream), stream=stream)
    used = keys_of(pool.script.received)
    assert [len(set(used[talk::3])) for talk in range(3)] == [1, 1, 1]
    assert set(used) == set(KEYS)


def test_a_conversation_goes_on_with_another_key_when_its_own_is_limited(
    serve: Serve, client: Client, stream: bool, pool: FakeServer
) -> None:
    route = f'[routes.best]\ntargets = ["pool/{MODELS[client.name]}"]\n'
    here = client.at(serve(provider("pool", pool.url, client.name, *KEYS) + route))
    place(here, turn(client, 1, 0, stream=stream), stream=stream)
    pool.script.add(Failure(FailureKind.RATE_LIMIT, "Slow down.", retry_after=60))
    for number in (1, 2, 3):
        place(here, turn(client, 1, number, stream=stream), stream=stream)
    used = keys_of(pool.script.received)
    assert used[0] == used[1] != used[2]
    assert used[3:] == [used[2]] * 2
