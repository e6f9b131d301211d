"""Embeddings over real sockets: each client's format, each target's, and what lies between them."""

# Google's SDK names types of libraries that need not be installed.
# pyright: reportUnknownMemberType=false

import base64
import json
import struct
from collections.abc import Iterator

import openai
import pytest
from google import genai
from google.genai import types as google
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live.conftest import Journal
from tests.live.journal import exchange_of
from tests.live.plain import ask
from tests.live.test_departure import AT_ONCE, LONG, Visitor

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.exchange import Answer, Chunk, json_answer
from dragoman.testing.server import FakeServer

CONFIG = """
[server]
port = 0
[retries]
attempts = 1
[health]
cooldown = 0
[auth]
keys = ["{client}"]
[providers.chat]
dialect = "openai_chat"
base_url = "{url}/v1"
api_key = "{upstream}"
[providers.claude]
dialect = "anthropic"
base_url = "{url}"
api_key = "{upstream}"
[providers.google]
dialect = "gemini"
base_url = "{url}"
api_key = "{upstream}"
[routes.small]
targets = ["chat/text-embedding-3-small"]
[routes.gecko]
targets = ["google/gemini-embedding-001"]
[routes.claude]
targets = ["claude/claude-sonnet-4-5"]
[routes.either]
targets = ["claude/claude-sonnet-4-5", "chat/text-embedding-3-small", "google/gemini-embedding-001"]
attempts = 2
[routes.strict]
targets = ["chat/text-embedding-3-small"]
on_loss = "reject"
[routes.silent]
targets = ["chat/text-embedding-3-small"]
on_loss = "drop"
"""

OPENAI = "/v1/embeddings"


@pytest.fixture(scope="module")
def embedder(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """A gateway with routes to embedding models of both formats, and to a model that has none."""
    config = CONFIG.format(url=fake_upstream.url, client=CLIENT_KEY, upstream=UPSTREAM_KEY)
    with serving(config, tmp_path_factory.mktemp("embedder")) as running:
        yield running


def google_path(model: str, method: str = "embedContent") -> str:
    return f"/v1beta/models/{model}:{method}"


def content(text: str, **more: object) -> dict[str, object]:
    return {"content": {"parts": [{"text": text}]}, **more}


def vectors_answer(count: int) -> Answer:
    vectors = [{"values": [float(number), 0.5]} for number in range(count)]
    return json_answer(200, json.dumps({"embeddings": vectors}).encode())


def test_a_request_of_the_targets_own_format_passes_through_both_ways(
    embedder: LiveGateway, fake: FakeServer, journal: Journal
) -> None:
    answer = b'{ "data":[{"embedding":[0.10,2e-1],"index":0}], "usage":{"prompt_tokens":3,"total_tokens":3} }'
    fake.script.add(json_answer(200, answer))
    body = b'{ "input" : "hi",  "model":"small", "dimensions": 2 }'
    reply = ask(embedder, OPENAI, body)
    assert (reply.status, reply.body) == (200, answer)
    assert fake.script.received[0].body == body.replace(b'"small"', b'"text-embedding-3-small"')
    entry = exchange_of(journal)
    assert (entry["purpose"], entry["plan"], entry["input_tokens"]) == ("embedding", "passthrough", 3)


def test_googles_batch_passes_through_with_every_model_swapped(
    embedder: LiveGateway, fake: FakeServer, journal: Journal
) -> None:
    body = json.dumps(
        {"requests": [content(text, model="models/gecko", outputDimensionality=128) for text in ("a", "b")]}
    ).encode()
    fake.script.add(vectors_answer(2))
    reply = ask(embedder, google_path("gecko", "batchEmbedContents"), body)
    assert reply.status == 200
    assert "x-dragoman-estimated" not in reply.headers  # there is no number of ours in the answer
    (received,) = fake.script.received
    assert received.path == google_path("gemini-embedding-001", "batchEmbedContents")
    assert received.body == body.replace(b"models/gecko", b"models/gemini-embedding-001")
    assert exchange_of(journal)["estimated"] is True
    assert exchange_of(journal)["input_tokens"] == 2


def test_an_openai_client_gets_googles_vectors_in_the_form_it_asks_for(
    embedder: LiveGateway, fake: FakeServer
) -> None:
    asked = {"model": "gecko", "input": ["one", "two"], "dimensions": 128}
    plain = ask(embedder, OPENAI, asked)
    packed = ask(embedder, OPENAI, {**asked, "encoding_format": "base64"})
    numbers = json.loads(plain.body)
    texts = json.loads(packed.body)
    assert [one["index"] for one in numbers["data"]] == [0, 1]
    assert numbers["usage"]["prompt_tokens"] == numbers["usage"]["total_tokens"] > 0
    for one, other in zip(numbers["data"], texts["data"], strict=True):
        floats = struct.unpack("<128f", base64.b64decode(other["embedding"]))
        assert floats == pytest.approx(one["embedding"], rel=1e-6)
    sent = json.loads(fake.script.received[0].body)
    assert [one["outputDimensionality"] for one in sent["requests"]] == [128, 128]


def test_a_google_client_gets_openais_vectors_and_hears_what_was_lost(
    embedder: LiveGateway, fake: FakeServer
) -> None:
    asked = content("hi", taskType="RETRIEVAL_DOCUMENT", title="t", outputDimensionality=8)
    reply = ask(embedder, google_path("small"), asked)
    found = json.loads(reply.body)
    assert len(found["embedding"]["values"]) == 8
    assert found["usageMetadata"]["promptTokenCount"] > 0
    assert "x-dragoman-estimated" not in reply.headers
    assert 'path="$.taskType"' in reply.headers["x-dragoman-losses"]
    assert 'path="$.title"' in reply.headers["x-dragoman-losses"]
    assert json.loads(fake.script.received[0].body) == {
        "model": "text-embedding-3-small",
        "input": "hi",
        "dimensions": 8,
    }


def test_losses_are_refused_or_kept_quiet_as_the_route_says(embedder: LiveGateway, fake: FakeServer) -> None:
    asked = content("hi", taskType="RETRIEVAL_DOCUMENT")
    refused = ask(embedder, google_path("strict"), asked)
    assert refused.status == 400
    assert "taskType" in refused.body.decode()
    assert ask(embedder, google_path("small"), asked, x_dragoman_strict="true").status == 400
    assert fake.script.received == ()
    quiet = ask(embedder, google_path("silent"), asked)
    assert quiet.status == 200
    assert "x-dragoman-losses" not in quiet.headers


def test_missing_usage_is_estimated_and_marked(
    embedder: LiveGateway, fake: FakeServer, journal: Journal
) -> None:
    fake.script.add(json_answer(200, b'{"data":[{"index":0,"embedding":[1.5]}]}'))
    reply = ask(embedder, google_path("small"), content("hello world"))
    assert reply.headers["x-dragoman-estimated"] == "true"
    assert json.loads(reply.body)["usageMetadata"]["promptTokenCount"] == exchange_of(journal)["input_tokens"]
    assert exchange_of(journal)["estimated"] is True


def test_more_inputs_than_google_takes_at_once_come_back_in_order(
    embedder: LiveGateway, fake: FakeServer
) -> None:
    fake.script.add(*(vectors_answer(count) for count in (100, 100, 50)))
    texts = [f"text {number}" for number in range(250)]
    found = json.loads(ask(embedder, OPENAI, {"model": "gecko", "input": texts}).body)
    assert [one["index"] for one in found["data"]] == list(range(250))
    assert [one["embedding"][0] for one in found["data"]] == [*range(100), *range(100), *range(50)]
    sent = [json.loads(received.body)["requests"] for received in fake.script.received]
    assert [one["content"]["parts"][0]["text"] for batch in sent for one in batch] == texts


def test_a_batch_that_fails_fails_the_whole(embedder: LiveGateway, fake: FakeServer) -> None:
    fake.script.add(vectors_answer(100), Failure(FailureKind.RATE_LIMIT, "Slow down."))
    assert ask(embedder, OPENAI, {"model": "gecko", "input": ["x"] * 101}).status == 429
    assert len(fake.script.received) == 2


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
def test_token_numbers_reach_openai_and_are_refused_for_google(
    embedder: LiveGateway, fake: FakeServer, tokens: object
) -> None:
    assert ask(embedder, OPENAI, {"model": "small", "input": tokens}).status == 200
    reply = ask(embedder, OPENAI, {"model": "gecko", "input": tokens})
    assert reply.status == 400
    assert "tokenizer" in reply.body.decode()
    assert len(fake.script.received) == 1


def test_a_route_without_embeddings_is_named_in_the_refusal(embedder: LiveGateway, fake: FakeServer) -> None:
    for path, body in ((OPENAI, {"model": "claude", "input": "hi"}), (google_path("claude"), content("hi"))):
        reply = ask(embedder, path, body)
        assert reply.status == 400
        assert "'claude'" in reply.body.decode()
        assert "claude/claude-sonnet-4-5" in reply.body.decode()
    assert fake.script.received == ()


def test_targets_without_embeddings_are_passed_over_and_others_tried_in_order(
    embedder: LiveGateway, fake: FakeServer
) -> None:
    fake.script.add(Failure(FailureKind.OVERLOADED, "Not now."))
    reply = ask(embedder, OPENAI, {"model": "either", "input": "hi"})
    assert reply.status == 200
    assert [received.path for received in fake.script.received] == [
        "/v1/embeddings",
        google_path("gemini-embedding-001", "batchEmbedContents"),
    ]


def test_an_upstreams_refusal_is_told_in_the_clients_words(embedder: LiveGateway) -> None:
    reply = ask(embedder, google_path("small"), content("hi", outputDimensionality=100_000))
    assert reply.status == 400
    assert json.loads(reply.body)["error"]["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize("model", ["small", "gecko"])
def test_a_client_that_leaves_closes_the_upstream(
    embedder: LiveGateway, fake: FakeServer, model: str
) -> None:
    fake.script.add(Answer(200, {"content-type": "application/json"}, (Chunk(LONG, b"{}"),)))
    body = json.dumps({"model": model, "input": "hi"}).encode()
    visitor = Visitor(embedder.port)
    head = f"POST {OPENAI} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    head += f"authorization: Bearer {embedder.key}\r\ncontent-length: {len(body)}\r\n\r\n"
    visitor.say(head.encode() + body)
    (received,) = fake.script.wait_received(1, 5)
    left = visitor.leave()
    assert received.wait_left(5) - left < AT_ONCE + 0.2


# --- the vendors' own clients ----------------------------------------------------------------------


@pytest.mark.parametrize("model", ["small", "gecko"])
def test_openais_sdk_reads_vectors(embedder: LiveGateway, model: str, fake: FakeServer) -> None:
    with openai.OpenAI(base_url=f"{embedder.url}/openai/v1", api_key=embedder.key, max_retries=0) as client:
        # the SDK asks for base64 by itself
        found = client.embeddings.create(model=model, input=["one", "two"], dimensions=256)
        plain = client.embeddings.create(
            model=model, input=["one", "two"], dimensions=256, encoding_format="float"
        )
    assert [len(one.embedding) for one in found.data] == [256, 256]
    assert found.data[1].embedding == pytest.approx(plain.data[1].embedding, rel=1e-6)
    assert found.usage.prompt_tokens > 0
    assert len(fake.script.received) == 2


@pytest.mark.parametrize("model", ["small", "gecko"])
def test_googles_sdk_reads_vectors(embedder: LiveGateway, model: str) -> None:
    options = google.HttpOptions(base_url=f"{embedder.url}/genai")
    client = genai.Client(api_key=embedder.key, http_options=options)
    config = google.EmbedContentConfig(output_dimensionality=256, task_type="RETRIEVAL_QUERY")
    found = client.models.embed_content(model=model, contents=["one", "two"], config=config)
    client.close()
    assert found.embeddings is not None
    assert [len(one.values or ()) for one in found.embeddings] == [256, 256]
