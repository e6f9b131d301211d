"""What gets lost is said, and whoever wants nothing lost is refused before anything is sent."""

from collections.abc import Iterator

import pytest
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live.client import Client
from tests.live.conftest import Journal
from tests.live.journal import exchange_of

from dragoman.testing.json_value import JSON, Object
from dragoman.testing.server import FakeServer

CONFIG = """
[server]
port = 0
[retries]
attempts = 2
[health]
cooldown = 0
[auth]
keys = ["{key}"]
[providers.openai]
dialect = "openai_chat"
base_url = "{url}/v1"
api_key = "{upstream_key}"
[providers.anthropic]
base_url = "{url}"
api_key = "{upstream_key}"
[routes.either]
targets = ["openai/gpt-4o", "anthropic/claude-sonnet-4-5"]
strict = true
[routes.reports]
targets = ["openai/gpt-4o"]
[routes.drops]
targets = ["openai/gpt-4o"]
on_loss = "drop"
[routes.rejects]
targets = ["openai/gpt-4o"]
on_loss = "reject"
[routes.strict]
targets = ["openai/gpt-4o"]
strict = true
"""


@pytest.fixture(scope="module")
def policies(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    config = CONFIG.format(url=fake_upstream.url, key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    with serving(config, tmp_path_factory.mktemp("policies")) as running:
        yield running


def lossy(client: Client, model: str) -> Object:
    """A request with a knob that OpenAI's format does not have."""
    asked = client.request(model)
    if client.name == "anthropic":
        return asked | {"top_k": 3}
    config: Object = {"topK": 3}
    body: Object = {**asked, "generationConfig": config}
    return body


CLIENTS = pytest.mark.parametrize(
    ("name", "path"), [("anthropic", "$.top_k"), ("gemini", "$.generationConfig.topK")]
)


@CLIENTS
def test_a_loss_is_reported_with_its_path_in_the_clients_own_request(
    policies: LiveGateway, fake: FakeServer, name: str, path: str, journal: Journal
) -> None:
    client = Client(name, policies)
    reply = client.get("reports", body=lossy(client, "reports"))
    assert reply.status == 200
    assert reply.headers["x-dragoman-losses"] == f'top_k;kind=dropped;path="{path}"'
    assert exchange_of(journal)["losses"] == f'top_k;kind=dropped;path="{path}"'
    assert len(fake.script.received) == 1


@CLIENTS
def test_without_a_loss_there_is_no_report(
    policies: LiveGateway, fake: FakeServer, name: str, path: str
) -> None:
    reply = Client(name, policies).get("reports")
    assert reply.status == 200
    assert "x-dragoman-losses" not in reply.headers


@CLIENTS
def test_a_route_may_drop_without_a_word_to_the_client_but_not_to_the_log(
    policies: LiveGateway, fake: FakeServer, name: str, path: str, journal: Journal
) -> None:
    client = Client(name, policies)
    reply = client.get("drops", body=lossy(client, "drops"))
    assert reply.status == 200
    assert "x-dragoman-losses" not in reply.headers
    assert exchange_of(journal)["losses"] == f'top_k;kind=dropped;path="{path}"'


@CLIENTS
@pytest.mark.parametrize("route", ["rejects", "strict", "reports"])
def test_a_strict_request_is_refused_by_name_and_nothing_is_sent(
    policies: LiveGateway, fake: FakeServer, name: str, path: str, route: str
) -> None:
    client = Client(name, policies)
    ask = client.ask(route, body=lossy(client, route))
    if route == "reports":
        ask.headers["x-dragoman-strict"] = "true"
    reply = client.send(ask)
    assert reply.status == 400
    assert f"{path} would be dropped" in client.read_error(reply).message
    assert fake.script.received == ()


@CLIENTS
def test_a_strict_request_that_loses_nothing_is_served(
    policies: LiveGateway, fake: FakeServer, name: str, path: str
) -> None:
    assert Client(name, policies).get("strict").status == 200


def test_what_the_gateway_does_itself_is_reported_and_no_reason_to_refuse(
    policies: LiveGateway, fake: FakeServer
) -> None:
    client = Client("anthropic", policies)
    stops: list[JSON] = [f"stop {number}" for number in range(5)]
    body: Object = {**client.request("strict"), "stop_sequences": stops}
    reply = client.get("strict", body=body)
    assert reply.status == 200
    assert reply.headers["x-dragoman-losses"] == 'stop;kind=emulated;path="$.stop_sequences"'


@CLIENTS
def test_a_target_that_loses_nothing_serves_what_another_would_lose(
    policies: LiveGateway, fake: FakeServer, name: str, path: str
) -> None:
    client = Client(name, policies)
    assert client.get("either", body=lossy(client, "either")).status == 200
    (sent,) = fake.script.received
    assert sent.path == "/v1/messages", path
