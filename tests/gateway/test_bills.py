"""What the ledger says that requests cost is what the vendor bills, to the last nano-dollar."""

import contextlib
import http.client
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import CLIENT_KEY, CONFIG, ROUTES, UPSTREAM_KEY, serving

from dragoman.config.bookkeeping import Ledger
from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.ledger.pricing import Pricing
from dragoman.models.prices import Prices
from dragoman.testing.exchange import Ending
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer, fake_server

MODELS = {
    "gpt-4o": ("openai", "gpt-4o"),
    "gpt-4.1": ("openai", "gpt-4.1"),
    "sonnet": ("anthropic", "claude-sonnet-4-5"),
    "flash": ("gemini", "gemini-2.5-flash"),
}
PRICES = '[prices."responses/gpt-4.1"]\ninput = 2\noutput = 8\ncache_read = 0.5\n'
"""What the list says, for a provider that it does not know."""
SAID = Response(
    "",
    "",
    (Choice(0, (Text("one two three four five six seven eight nine ten"),), Stop(StopReason.END)),),
    Usage(input=1234, output=567),
)
CUT = Scripted(SAID, frames=6, ending=Ending.STALLED)


def request(dialect: str, model: str, *, stream: bool, **others: object) -> tuple[str, bytes]:
    """Path and body of a request."""
    messages = [{"role": "user", "content": "Count to ten."}]
    match dialect:
        case "openai_chat":
            return "/v1/chat/completions", _json(model=model, messages=messages, stream=stream, **others)
        case "openai_responses":
            return "/v1/responses", _json(model=model, input="Count to ten.", stream=stream)
        case "anthropic":
            return "/v1/messages", _json(model=model, messages=messages, stream=stream, max_tokens=300)
        case _:
            verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
            parts = [{"role": "user", "parts": [{"text": "Count to ten."}]}]
            return f"/v1beta/models/{model}:{verb}", _json(contents=parts)


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def send(
    port: int, dialect: str, model: str, *, stream: bool, leaves: bool = False, **others: object
) -> None:
    """Ask, and read the answer to its end; or leave where it stops to come."""
    path, body = request(dialect, model, stream=stream, **others)
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=0.5 if leaves else 20)
    headers = {"authorization": f"Bearer {CLIENT_KEY}", "content-type": "application/json"}
    with contextlib.closing(client):
        client.request("POST", path, body, headers)
        with contextlib.suppress(TimeoutError):
            client.getresponse().read()


@pytest.fixture
def upstream() -> Iterator[FakeServer]:
    with fake_server(FakeProvider(keys=frozenset({UPSTREAM_KEY}))) as fake:
        yield fake


def ledger(folder: Path) -> list[tuple[str, int | None, int]]:
    """Target, cost and whether it is estimated of every attempt in the ledger."""
    with contextlib.closing(sqlite3.connect(folder / "dragoman.db")) as database:
        found: list[tuple[str, int | None, int]] = database.execute(
            "SELECT target, cost, estimated FROM attempts ORDER BY request_id, number"
        ).fetchall()
    return found


def invoice(fake: FakeServer, model: str) -> list[int]:
    """What the fake bills, in nano-dollars."""
    pricing = Pricing(Prices(), Ledger())
    costs = [pricing.cost(pricing.quote(*MODELS[model]), usage).nanos for usage in fake.script.billed]
    return sorted(cost for cost in costs if cost is not None)


@pytest.mark.parametrize("client", list(ROUTES))
@pytest.mark.parametrize("model", list(MODELS))
def test_the_ledger_and_the_invoice_are_one(
    client: str, model: str, upstream: FakeServer, tmp_path: Path
) -> None:
    config = CONFIG.format(url=upstream.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY) + PRICES
    with serving(config, tmp_path) as gateway:
        send(gateway.port, client, model, stream=False)
        send(gateway.port, client, model, stream=True)
        upstream.script.add(Failure(FailureKind.RATE_LIMIT, "slow down"))
        send(gateway.port, client, model, stream=False)
        upstream.script.add(CUT)
        send(gateway.port, client, model, stream=True, leaves=True)
        upstream.script.add(Scripted(SAID, frames=6, ending=Ending.RESET))
        send(gateway.port, client, model, stream=True)
        upstream.script.add(Scripted(SAID, delay=30))
        send(gateway.port, client, model, stream=True, leaves=True)
        upstream.script.add(Scripted(SAID, ending=Ending.CLOSED))
        send(gateway.port, client, model, stream=False)
        upstream.script.settled(10)
    rows = ledger(tmp_path)
    assert len(rows) == 7
    assert sorted(cost for _, cost, _ in rows if cost is not None) == invoice(upstream, model)
    assert len(upstream.script.billed) == 6
    assert sum(estimated for _, _, estimated in rows) >= 3, rows


def test_every_copy_of_a_request_is_billed_also_where_only_some_were_cut(
    upstream: FakeServer, tmp_path: Path
) -> None:
    config = CONFIG.format(url=upstream.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    with serving(config, tmp_path) as gateway:
        upstream.script.add(SAID, CUT)
        send(gateway.port, "openai_chat", "sonnet", stream=True, leaves=True, n=2)
        upstream.script.settled(10)
    assert len(upstream.script.billed) == 2
    assert [cost for _, cost, _ in ledger(tmp_path)] == [sum(invoice(upstream, "sonnet"))]


def test_what_was_written_beyond_a_stop_sequence_is_billed(upstream: FakeServer, tmp_path: Path) -> None:
    config = CONFIG.format(url=upstream.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY) + PRICES
    with serving(config, tmp_path) as gateway:
        # OpenAI's Responses have no stop sequences: the gateway cuts, in the midst of a frame
        upstream.script.add(Scripted(SAID, pace=0.2))
        send(gateway.port, "openai_chat", "gpt-4.1", stream=True, stop=["two"])
        upstream.script.settled(10)
    assert [cost for _, cost, _ in ledger(tmp_path)] == invoice(upstream, "gpt-4.1")
