"""What a running gateway tells Prometheus, and that it is right."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live import command
from tests.live.client import MODELS, Client
from tests.live.metrics_page import Page, scrape, wait_for
from tests.live.raw_upstream import saying

from dragoman.conversation.failure import Failure
from dragoman.conversation.failure import FailureKind as Kind
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer, fake_server

HELLO = saying("Good morning to you and to all who are with you, wherever you may be on this day.")
"""5 tokens in, 18 out."""

CONFIG = """
[server]
port = 0
[auth]
keys = ["{client_key}"]
[log]
level = "error"
[retries]
attempts = 2
backoff = 0
[providers.first]
dialect = "{dialect}"
base_url = "{url}"
api_keys = ["{upstream_key}", "{upstream_key}2"]
models = ["listed"]
[providers.second]
dialect = "{dialect}"
base_url = "{url}"
api_key = "{upstream_key}"
max_concurrent = 1
[prices."second/*"]
input = 1.0
output = 2.0
[routes.single]
targets = ["second/{model}"]
[routes.pair]
targets = ["first/{model}", "second/{model}"]
affinity = 0
[routes.choosy]
targets = [{{ target = "first/{model}", when = {{ tools = true }} }}, "second/{model}"]
[routes.hedged]
targets = ["first/{model}", "second/{model}"]
hedge_after = 0.05
hedge_share = 1.0
"""


def configuration(fake: FakeServer, dialect: str = "openai_chat") -> str:
    url = f"{fake.url}/v1" if dialect.startswith("openai") else fake.url
    model = MODELS[dialect]
    keys = {"client_key": CLIENT_KEY, "upstream_key": UPSTREAM_KEY}
    return CONFIG.format(url=url, dialect=dialect, model=model, **keys)


@pytest.fixture(scope="module")
def keyed_upstream() -> Iterator[FakeServer]:
    """A fake provider that knows both keys."""
    with fake_server(FakeProvider(keys=frozenset({UPSTREAM_KEY, UPSTREAM_KEY + "2"}))) as running:
        yield running


@pytest.fixture
def fake(keyed_upstream: FakeServer) -> Iterator[FakeServer]:
    """The same, with nothing laid out and nothing remembered."""
    keyed_upstream.script.clear()
    yield keyed_upstream
    keyed_upstream.script.clear()


@pytest.fixture
def fresh(fake: FakeServer, tmp_path: Path) -> Iterator[LiveGateway]:
    """A gateway that has measured nothing yet."""
    with serving(configuration(fake), tmp_path) as running:
        yield running


@pytest.fixture
def asking(fresh: LiveGateway) -> Client:
    return Client("openai_chat", fresh)


# --- who may look ---------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "sk-wrong-key"])
def test_the_page_wants_a_key(key: str | None, fresh: LiveGateway) -> None:
    assert scrape(fresh, key).status == 401
    assert scrape(fresh).status == 200


def test_the_page_is_for_everybody_where_the_configuration_says_so(fake: FakeServer, tmp_path: Path) -> None:
    with serving(configuration(fake) + "[metrics]\nopen = true\n", tmp_path) as gateway:
        reply = scrape(gateway, None)
        assert reply.status == 200
        assert b"dragoman_build_info" in reply.body
        asked = Client("openai_chat", gateway).ask("single")._replace(headers={})
        assert Client("openai_chat", gateway).send(asked).status == 401


def test_the_page_is_text_of_prometheus_or_openmetrics(fresh: LiveGateway) -> None:
    assert scrape(fresh).headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    reply = scrape(fresh, accept="application/openmetrics-text; version=1.0.0, text/plain;q=0.5")
    assert reply.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert reply.body.endswith(b"# EOF\n")


# --- what is counted ------------------------------------------------------------------------------


@pytest.mark.parametrize("speaks", list(MODELS))
def test_an_answer_is_counted_with_its_tokens_cost_and_times(
    speaks: str, client: Client, stream: bool, fake: FakeServer, tmp_path: Path
) -> None:
    fake.script.add(Scripted(HELLO, delay=0.02, pace=0.002))
    with serving(configuration(fake, speaks), tmp_path) as gateway:
        assert client.at(gateway).get("single", stream=stream).status == 200
        page = wait_for(gateway, "requests_total", 1)
    streamed = "true" if stream else "false"
    asked = {"route": "single", "purpose": "answer", "stream": streamed}
    place = {"provider": "second", "model": MODELS[speaks]}
    assert page.value("requests_total", dialect=client.name, outcome="answered", **asked) == 1
    assert page.value("attempts_total", outcome="answered", failure="", credential="second", **place) == 1
    assert page.value("tokens_total", kind="input", route="single", **place) == 5
    assert page.value("tokens_total", kind="output", route="single", **place) == 18
    assert page.value("cost_dollars_total", route="single", **place) == pytest.approx(41e-6)
    total = page.value("request_duration_seconds_sum", **asked)
    upstream = page.value("upstream_duration_seconds_sum", stream=streamed, **place)
    first = page.value("time_to_first_token_seconds_sum", stream=streamed, **place)
    assert (0.02 if stream else 0) < first <= upstream <= total < 2
    assert page.value("time_between_tokens_seconds_count", **place) == (1 if stream else 0)
    plan = "passthrough" if speaks == client.name else "translation"
    assert page.value("own_duration_seconds_count", plan=plan) == 1
    assert 0 < page.value("own_duration_seconds_sum") <= total - upstream + 0.001
    assert page.value("queue_wait_seconds_count", **place) == 1
    for nothing in ("errors_total", "retries_total", "hedges_total", "skipped_targets_total"):
        assert page.value(nothing) == 0


def test_a_fallback_is_an_answered_request_of_two_attempts(asking: Client, fake: FakeServer) -> None:
    fake.script.add(Failure(Kind.SERVER, "broken"), HELLO)
    assert asking.get("pair").status == 200
    page = wait_for(asking.gateway, "requests_total", 1, outcome="answered")
    assert page.value("attempts_total", provider="first", outcome="failed", failure="server") == 1
    assert page.value("attempts_total", outcome="answered") == 1
    assert page.value("retries_total", route="pair") == 1
    assert page.value("errors_total") == 0


def test_an_error_is_counted_by_the_kind_that_the_client_hears(asking: Client, fake: FakeServer) -> None:
    fake.script.add(Failure(Kind.OVERLOADED, "busy"), Failure(Kind.OVERLOADED, "busy"))
    assert asking.get("single").status >= 500
    page = wait_for(asking.gateway, "requests_total", 1, outcome="failed")
    assert page.value("errors_total", kind="overloaded", route="single", dialect="openai_chat") == 1
    assert page.value("attempts_total", outcome="failed", failure="overloaded") == 2
    assert page.value("retries_total", to="same") == 1


def test_a_request_without_a_key_is_refused_and_counted_as_that(asking: Client) -> None:
    asked = asking.ask("single")
    assert asking.send(asked._replace(headers={"content-type": "application/json"})).status == 401
    assert asking.send(asked._replace(target="/v1/nothing")).status == 404
    page = wait_for(asking.gateway, "refusals_total", 1, kind="authentication")
    assert page.value("refusals_total", kind="not_found") == 1
    assert page.value("requests_total") == 0


def test_a_target_whose_conditions_do_not_hold_is_skipped(asking: Client, fake: FakeServer) -> None:
    fake.script.add(HELLO)
    assert asking.get("choosy").status == 200
    page = wait_for(asking.gateway, "requests_total", 1)
    assert page.value("skipped_targets_total", route="choosy", provider="first") >= 1
    assert page.value("attempts_total", provider="first") == 0


def test_a_hedge_that_wins_and_the_attempt_that_loses_are_told(asking: Client, fake: FakeServer) -> None:
    fake.script.add(Scripted(HELLO, delay=20), HELLO)
    assert asking.get("hedged", stream=True).status == 200
    page = wait_for(asking.gateway, "requests_total", 1)
    assert page.value("hedges_total", route="hedged", outcome="answered") == 1
    assert page.value("attempts_total", outcome="lost") == 1
    assert page.value("attempts_total", outcome="answered") == 1
    assert page.value("retries_total") == 0


def test_counted_prompts_and_embeddings_are_requests_of_another_purpose(
    asking: Client, fake: FakeServer
) -> None:
    messages = b'{"model": "single", "messages": [{"role": "user", "content": "Good evening"}]}'
    ask = asking.ask("single", body=messages)
    assert asking.send(ask._replace(target="/v1/messages/count_tokens")).status == 200
    embedding = b'{"model": "second/text-embedding-3-small", "input": "Good evening"}'
    assert asking.send(ask._replace(target="/v1/embeddings", body=embedding)).status == 200
    page = wait_for(asking.gateway, "requests_total", 1, purpose="embedding")
    assert page.value("requests_total", purpose="count", dialect="anthropic") == 1
    assert page.value("requests_total", purpose="answer") == 0


def test_a_client_that_leaves_is_counted_as_that(asking: Client, fake: FakeServer) -> None:
    fake.script.add(Scripted(HELLO, pace=5))
    with socket.create_connection(("127.0.0.1", asking.gateway.port)) as visitor:
        visitor.sendall(asking.ask("single", stream=True).text())
        visitor.recv(4096)
    page = wait_for(asking.gateway, "requests_total", 1, outcome="left")
    assert page.value("attempts_total", outcome="abandoned") == 1


# --- labels ---------------------------------------------------------------------------------------


def test_names_that_clients_make_up_become_no_labels(asking: Client, fake: FakeServer) -> None:
    fake.script.add(*[Scripted(HELLO, checked=False)] * 3)
    for model in ("first/made-up-1", "second/made-up-2", "made-up-3", "first/listed", "x\ny", "\u2603"):
        asking.get(model)
    page = wait_for(asking.gateway, "requests_total", 6)
    assert page.labels("route") == {"other"}
    assert page.labels("model") == {"other", "listed"}
    assert page.labels("provider") == {"first", "second"}
    assert page.value("attempts_total", provider="first", model="listed") == 1


def test_the_keys_of_clients_are_no_labels(asking: Client, fake: FakeServer) -> None:
    fake.script.add(HELLO)
    assert asking.get("single").status == 200
    page = wait_for(asking.gateway, "requests_total", 1)
    assert "key" not in "".join(page.labels("route") | page.labels("credential"))
    assert CLIENT_KEY not in page.text
    assert UPSTREAM_KEY not in page.text


# --- what goes on right now -----------------------------------------------------------------------


def test_what_is_on_its_way_and_what_waits_is_seen_while_it_lasts(asking: Client, fake: FakeServer) -> None:
    fake.script.add(Scripted(HELLO, delay=0.4), HELLO)
    threads = [threading.Thread(target=asking.get, args=("single",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    page = wait_for(asking.gateway, "target_waiting", 1, provider="second")
    assert page.value("target_in_flight", provider="second", credential="second") == 1
    assert page.value("target_state", provider="second", state="healthy") == 1
    assert (page.value("places_in_use"), page.value("queue_length")) == (1, 1)
    for thread in threads:
        thread.join()
    page = wait_for(asking.gateway, "requests_total", 2)
    assert page.value("target_in_flight") == page.value("target_waiting") == 0
    assert page.value("places_in_use") == page.value("queue_length") == 0
    assert page.value("queue_wait_seconds_sum", provider="second") > 0.2


def test_a_credential_that_rests_is_seen_beside_the_one_that_does_not(
    asking: Client, fake: FakeServer
) -> None:
    fake.script.add(Failure(Kind.RATE_LIMIT, "slowly", retry_after=60), HELLO)
    assert asking.get("pair").status == 200
    page = wait_for(asking.gateway, "requests_total", 1)
    assert page.value("attempts_total", provider="first", failure="rate_limit") == 1
    assert page.value("target_state", provider="first", state="limited") == 1


# --- several workers ------------------------------------------------------------------------------


def test_any_of_several_workers_answers_for_all(fake: FakeServer, tmp_path: Path) -> None:
    config = configuration(fake).replace("port = 0", "port = 0\nworkers = 2")
    (tmp_path / "dragoman.toml").write_text(config)
    with command.serving(tmp_path) as service:
        client = Client("openai_chat", service.wait())
        for _ in range(12):
            assert client.get("single").status == 200
        pages = [wait_for(client.gateway, "requests_total", 12) for _ in range(6)]
        for page in pages:
            assert page.value("workers") == 2
            assert page.value("attempts_total", outcome="answered") == 12
            assert page.value("request_duration_seconds_count") == 12
            assert page.value("target_in_flight") == 0


def test_a_stream_in_one_worker_is_seen_from_the_other(fake: FakeServer, tmp_path: Path) -> None:
    config = configuration(fake).replace("port = 0", "port = 0\nworkers = 2")
    (tmp_path / "dragoman.toml").write_text(config)
    fake.script.add(Scripted(HELLO, delay=4))
    with command.serving(tmp_path) as service:
        client = Client("openai_chat", service.wait())
        thread = threading.Thread(target=client.get, args=("single",))
        thread.start()
        wait_for(client.gateway, "target_in_flight", 1)
        assert [Page(client.gateway).value("target_in_flight") for _ in range(8)] == [1] * 8
        thread.join()
        wait_for(client.gateway, "target_in_flight", 0)
