"""Statement 100: a count that is ours is said to be."""

import pytest
from structlog.testing import capture_logs
from tests.conftest import LiveGateway
from tests.live.journal import exchange_of
from tests.live.plain import ask

from dragoman.testing.exchange import json_answer
from dragoman.testing.server import FakeServer

TEXT = "How many tokens may this be?"


def request(client: str, model: str) -> tuple[str, dict[str, object]]:
    """Path and body of a client's request for a count."""
    match client:
        case "anthropic":
            return "/v1/messages/count_tokens", {
                "model": model,
                "messages": [{"role": "user", "content": TEXT}],
            }
        case "gemini":
            return f"/v1beta/models/{model}:countTokens", {"contents": [{"parts": [{"text": TEXT}]}]}
        case _:
            return "/v1/responses/input_tokens", {"model": model, "input": TEXT}


@pytest.mark.parametrize("client", ["anthropic", "gemini", "openai_responses"])
@pytest.mark.parametrize(("model", "estimated"), [("sonnet", False), ("flash", False), ("gpt-4o", True)])
def test_statement_100_estimated_counts_are_marked_and_told_ones_are_not(
    gateway: LiveGateway, fake: FakeServer, client: str, model: str, estimated: bool
) -> None:
    with capture_logs() as entries:
        reply = ask(gateway, *request(client, model))
    assert reply.status == 200
    assert (reply.headers.get("x-dragoman-estimated") == "true") is estimated
    assert (exchange_of(entries).get("estimated") is True) is estimated
    # never an inference: nothing but a count was asked for
    assert len(fake.script.received) == (0 if estimated else 1)


@pytest.mark.parametrize(("model", "path"), [("sonnet", "anthropic"), ("flash", "gemini")])
def test_statement_100_an_estimate_in_place_of_a_missing_endpoint_is_marked(
    gateway: LiveGateway, fake: FakeServer, model: str, path: str
) -> None:
    fake.script.add(json_answer(404, b"<html>Not Found</html>"))
    reply = ask(gateway, *request(path, model))
    assert (reply.status, reply.headers["x-dragoman-estimated"]) == (200, "true")


def test_statement_100_estimated_usage_of_embeddings_is_marked(
    gateway: LiveGateway, fake: FakeServer
) -> None:
    fake.script.add(json_answer(200, b'{"embeddings":[{"values":[0.5]}]}'))
    asked = {"model": "gemini/gemini-embedding-001", "input": TEXT}
    reply = ask(gateway, "/v1/embeddings", asked)
    assert (reply.status, reply.headers["x-dragoman-estimated"]) == (200, "true")
    assert "x-dragoman-estimated" not in ask(gateway, "/v1/embeddings", asked).headers
