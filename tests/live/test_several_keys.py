"""The keys of one provider: what one is refused the next one gets, and each rests for itself."""

import json
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from tests.conftest import LiveGateway
from tests.live.client import Client
from tests.live.own_gateway import Serve, keys_of, provider, settled

from dragoman.testing.exchange import json_answer
from dragoman.testing.json_value import JSON
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer, fake_server

KEYS = ("sk-upstream-first-0123", "sk-upstream-second-4567")


def one_by_one(gateway: LiveGateway, count: int, model: str = "best") -> None:
    """So many requests, one after the other."""
    client = Client("openai_chat", gateway)
    for _ in range(count):
        assert client.get(model).status == 200


@pytest.fixture
def pool() -> Iterator[FakeServer]:
    """A fake provider that knows both keys."""
    with fake_server(FakeProvider(keys=frozenset(KEYS))) as running:
        yield running


def pooled(serve: Serve, pool: FakeServer, dialect: str, model: str) -> LiveGateway:
    """A gateway with both keys at one provider, and one of them at another."""
    return serve(
        f"""
{provider("pool", pool.url, dialect, *KEYS)}
{provider("other", pool.url, dialect, KEYS[0])}
[retries]
backoff = 8
[routes.best]
affinity = 0
targets = ["pool/{model}"]
[routes.sibling]
affinity = 0
targets = ["pool/sibling"]
[routes.other]
targets = ["other/{model}"]
"""
    )


def refusal(status: int, headers: dict[str, str]) -> Callable[[str], Scripted]:
    """How a provider of a dialect refuses one key."""

    def write(dialect: str) -> Scripted:
        error: JSON = {"message": "Not you.", "type": "rate_limit_error", "param": None, "code": None}
        if dialect == "gemini":
            error = {"code": status, "message": "Not you.", "status": "RESOURCE_EXHAUSTED"}
        return Scripted(json_answer(status, json.dumps({"error": error}).encode(), headers))

    return write


LIMITED = refusal(429, {"retry-after": "60"})
REFUSED = refusal(401, {})


@pytest.mark.parametrize("refused", [LIMITED, REFUSED], ids=["limited", "refused"])
def test_what_one_key_is_refused_the_next_one_gets_at_once(
    serve: Serve, pool: FakeServer, client: Client, stream: bool, refused: Callable[[str], Scripted]
) -> None:
    gateway = pooled(serve, pool, client.name, "gpt-4o")
    pool.script.add(refused(client.name))
    reply = client.at(gateway).get("best", stream=stream)
    assert reply.status == 200
    first, second = pool.script.received
    # nobody waits for what the first one has asked for, nor for a backoff
    assert second.arrived - first.arrived < 4
    assert sorted(keys_of((first, second))) == sorted(KEYS)
    number = KEYS.index(keys_of((second,))[0]) + 1
    assert reply.headers["x-dragoman-route"] == f"pool/gpt-4o#{number};attempts=2"
    for _ in range(3):
        assert client.at(gateway).get("best", stream=stream).status == 200
    assert set(keys_of(pool.script.received[1:])) == set(keys_of((second,)))


def test_a_key_that_rests_at_one_provider_serves_another_one(serve: Serve, pool: FakeServer) -> None:
    gateway = pooled(serve, pool, "openai_chat", "gpt-4o")
    pool.script.add(LIMITED("openai_chat"))
    one_by_one(gateway, 1)
    one_by_one(gateway, 2, "other")
    assert keys_of(pool.script.received)[0] == KEYS[0]
    assert keys_of(pool.script.received)[2:] == [KEYS[0]] * 2


def test_a_limit_is_one_of_the_model_and_a_refusal_one_of_the_account(serve: Serve, pool: FakeServer) -> None:
    """Vendors count requests for each model; a key that is wrong is wrong everywhere."""
    for refused, rests in ((LIMITED, False), (REFUSED, True)):
        gateway = pooled(serve, pool, "openai_chat", "gpt-4o")
        pool.script.clear()
        pool.script.add(refused("openai_chat"))
        one_by_one(gateway, 1)
        one_by_one(gateway, 4, "sibling")
        assert (KEYS[0] in keys_of(pool.script.received)[2:]) is not rests


def test_a_key_comes_back_when_its_time_is_over(serve: Serve, pool: FakeServer) -> None:
    gateway = pooled(serve, pool, "openai_chat", "gpt-4o")
    pool.script.add(refusal(429, {"retry-after-ms": "400"})("openai_chat"))
    one_by_one(gateway, 1)
    first, second = pool.script.received

    def used_again() -> bool:
        one_by_one(gateway, 1)
        return keys_of(pool.script.received[-1:]) == keys_of((first,))

    assert settled(used_again)
    assert pool.script.received[-1].arrived - first.arrived >= 0.35
    assert keys_of((second,)) != keys_of((first,))


def test_the_keys_share_the_requests(serve: Serve, pool: FakeServer) -> None:
    one_by_one(pooled(serve, pool, "openai_chat", "gpt-4o"), 10)
    assert Counter(keys_of(pool.script.received)) == {KEYS[0]: 5, KEYS[1]: 5}
