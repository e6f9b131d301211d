"""Statements 57 to 60: caching, who asks, and the word about what was lost."""

import hashlib
from collections.abc import Iterator

import pytest
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.statements.asking import (
    CLIENTS,
    MODELS,
    PAIRS,
    A,
    C,
    G,
    House,
    R,
    at,
    conversation,
    tool,
    user,
)
from tests.statements.wishes import (
    answered,
    limit,
    losses,
    refused,
    wishing,
)

from dragoman.testing.json_value import JSON, Object
from dragoman.testing.server import FakeServer

FOREIGN = [C, R, G]

# --- caching -------------------------------------------------------------------------------------


def mark(ttl: str | None = None) -> Object:
    kind: Object = {"type": "ephemeral"}
    return {"cache_control": kind if ttl is None else {**kind, "ttl": ttl}}


def marked(client: str, count: int, ttl: str | None = None) -> Object:
    """A request with so many marks: on a tool, on instructions, and on parts of the user's turn."""
    texts: list[Object] = [{"type": "text", "text": f"part {number}"} for number in range(5)]
    instruction: Object = {"type": "text", "text": "Be brief."}
    declared = tool(client, "look")
    places = [declared, instruction, *texts]
    for place in places[:count]:
        place.update(mark(ttl))
    parts: list[JSON] = [*texts]
    body = conversation(client, user("placeholder"), tools=[declared])
    turn: JSON = {"role": "user", "content": parts}
    leading: JSON = {"role": "system", "content": [instruction]}
    if client == A:
        said: Object = {"system": [instruction], "messages": [turn]}
    else:
        said = {"messages": [leading, turn]}
    return body | said


def marks(raw: bytes) -> int:
    return raw.count(b'"cache_control"')


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize(("client", "upstream"), [(A, C), (A, R), (A, G), (C, R), (C, G)])
@pytest.mark.parametrize("ttl", [None, "1h"])
def test_statement_057_marks_go_only_where_they_are_known(
    house: House, client: str, upstream: str, ttl: str | None, count: int
) -> None:
    reply = house.ask(client, MODELS[upstream], marked(client, count, ttl))
    assert answered(client, reply)
    assert (marks(house.raw), b"ttl" in house.raw) == (0, False)
    assert [lost.kind for lost in losses(reply)] == ["dropped"]
    assert "cache" in losses(reply)[0].code


def test_statement_057_a_mark_on_the_whole_prompt_goes_the_same_way(house: House) -> None:
    for upstream in (C, R, G):
        body = conversation(A, user("Hi")) | mark()
        reply = house.ask(A, MODELS[upstream], body)
        assert answered(A, reply).text
        assert marks(house.raw) == 0
        assert losses(reply)[0].path == "$.cache_control"


@pytest.mark.parametrize("count", range(1, 8))
def test_statement_057_anthropic_gets_four_marks_at_most_the_last_of_them(house: House, count: int) -> None:
    reply = house.ask(C, MODELS[A], marked(C, count))
    assert answered(C, reply)
    assert marks(house.raw) == min(count, 4)
    found = [
        *(part["text"] for part in _parts(house.received, "system") if "cache_control" in part),
        *(
            part["text"]
            for part in _parts(house.received, "messages", 0, "content")
            if "cache_control" in part
        ),
    ]
    wanted = ["Be brief.", *(f"part {number}" for number in range(5))][: max(0, count - 1)]
    assert found == wanted[-4:]
    assert [lost.code for lost in losses(reply)] == (["cache_marks"] if count > 4 else [])


def _parts(body: Object, *steps: str | int) -> list[Object]:
    found = at(body, *steps)
    assert isinstance(found, list)
    return [part for part in found if isinstance(part, dict)]


def test_statement_057_anthropics_own_clients_know_the_limit_themselves(house: House) -> None:
    told = refused(A, house.ask(A, MODELS[A], marked(A, 5)))
    assert "cache_control" in told.message
    assert marks(house.raw) == 5


@pytest.mark.parametrize("client", FOREIGN)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_statement_058_clients_without_marks_get_anthropics_automatic_caching(
    house: House, client: str, stream: bool
) -> None:
    sent = house.send(client, MODELS[A], conversation(client, user("Hi")), stream=stream)
    assert sent["cache_control"] == {"type": "ephemeral"}
    assert marks(house.raw) == 1


def test_statement_058_who_marks_or_speaks_the_format_decides_alone(house: House) -> None:
    assert "cache_control" not in house.send(C, MODELS[A], marked(C, 1))
    assert "cache_control" not in house.send(A, MODELS[A], conversation(A, user("Hi")))


# --- who asks ------------------------------------------------------------------------------------

SHORT, LONG = "user-17", "user_" + "0123456789abcdef" * 8
HASHED = hashlib.sha256(LONG.encode()).hexdigest()


def naming(client: str, field: str, name: str) -> Object:
    named: Object = {"metadata": {"user_id": name}} if client == A else {field: name}
    return conversation(client, user("Hi")) | named


def named_at(body: Object, upstream: str) -> JSON:
    """The end user in an upstream's request, under whichever of its names."""
    if upstream == A:
        metadata = body.get("metadata", {})
        assert isinstance(metadata, dict)
        return metadata.get("user_id")
    assert not {"user", "safety_identifier"} <= body.keys()
    return body.get("user") or body.get("safety_identifier")


NAMING = [
    (client, field, upstream)
    for client, upstream in PAIRS
    if client not in {G, upstream} and upstream != G
    for field in (("user",) if client == A else ("user", "safety_identifier"))
]


@pytest.mark.parametrize(("client", "field", "upstream"), NAMING)
@pytest.mark.parametrize("name", [SHORT, LONG[:64], LONG], ids=["short", "just", "long"])
def test_statement_059_who_asks_is_told_in_every_format(
    house: House, client: str, field: str, upstream: str, name: str
) -> None:
    if field == "safety_identifier" and len(name) > 64:
        name = name[:64]  # no longer ones are valid there
    reply = house.ask(client, MODELS[upstream], naming(client, field, name))
    assert answered(client, reply).text
    told = named_at(house.received, upstream)
    assert told == (HASHED if len(name) > 64 and upstream != A else name)
    assert losses(reply) == []


@pytest.mark.parametrize(
    ("client", "field"),
    [(C, "user"), (C, "safety_identifier"), (R, "user"), (R, "safety_identifier"), (A, "user")],
)
def test_statement_059_google_hears_nothing_and_the_client_of_it(
    house: House, client: str, field: str
) -> None:
    reply = house.ask(client, MODELS[G], naming(client, field, SHORT))
    assert answered(client, reply).text
    assert SHORT.encode() not in house.raw
    path = "$.metadata.user_id" if client == A else f"$.{field}"
    assert [(lost.kind, lost.path) for lost in losses(reply)] == [("dropped", path)]


# --- what is lost --------------------------------------------------------------------------------

CONFIG = """
[server]
port = 0
[retries]
attempts = 2
[health]
cooldown = 0
[auth]
keys = ["{key}"]
"""
PROVIDER = """
[providers.{name}]
dialect = "{name}"
base_url = "{url}"
api_key = "{upstream_key}"
[routes.{name}-strict]
targets = ["{name}/{model}"]
strict = true
[routes.{name}-rejects]
targets = ["{name}/{model}"]
on_loss = "reject"
[routes.{name}-drops]
targets = ["{name}/{model}"]
on_loss = "drop"
"""


@pytest.fixture(scope="module")
def policies(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    parts = [CONFIG.format(key=CLIENT_KEY)]
    for name, model in MODELS.items():
        url = f"{fake_upstream.url}/v1" if name in {C, R} else fake_upstream.url
        bare = model.partition("/")[2]
        parts.append(PROVIDER.format(name=name, url=url, model=bare, upstream_key=UPSTREAM_KEY))
    with serving("".join(parts), tmp_path_factory.mktemp("policies")) as running:
        yield running


@pytest.fixture
def strict(policies: LiveGateway, fake: FakeServer) -> House:
    """A gateway with routes that are strict."""
    return House(policies, fake)


KNOBS: dict[str, dict[str, JSON]] = {
    C: {
        "temperature": 1.7,
        "seed": 7,
        "presence_penalty": 0.5,
        "frequency_penalty": 0.5,
        "logit_bias": {"50256": -100},
        "verbosity": "low",
        "metadata": {"a": "b"},
        "user": "me",
        "service_tier": "priority",
        "reasoning_effort": "high",
        "max_completion_tokens": 10_000_000,
        "max_tokens": 10_000_000,
        "prediction": {"type": "content", "content": "x"},
        "store": True,
        "prompt_cache_key": "k",
        "made_up": 1,
        "stop": ["a", "b"],
        "n": 2,
        "parallel_tool_calls": False,
    },
    R: {
        "temperature": 1.7,
        "metadata": {"a": "b"},
        "user": "me",
        "service_tier": "priority",
        "reasoning": {"effort": "high", "summary": "auto"},
        "max_output_tokens": 10_000_000,
        "truncation": "auto",
        "max_tool_calls": 3,
        "text": {"verbosity": "low"},
        "prompt_cache_key": "k",
        "made_up": 1,
    },
    A: {
        "temperature": 0.5,
        "top_k": 5,
        "metadata": {"user_id": "me"},
        "service_tier": "standard_only",
        "thinking": {"type": "enabled", "budget_tokens": 1500},
        "max_tokens": 10_000_000,
        "cache_control": {"type": "ephemeral"},
        "inference_geo": "us",
        "made_up": 1,
        "stop_sequences": ["1", "2", "3", "4", "5", "6"],
    },
    G: {
        "generationConfig.topK": 5,
        "generationConfig.seed": 7,
        "generationConfig.presencePenalty": 0.5,
        "generationConfig.frequencyPenalty": 0.5,
        "generationConfig.temperature": 1.7,
        "generationConfig.thinkingConfig": {"thinkingBudget": 1500},
        "generationConfig.maxOutputTokens": 10_000_000,
        "generationConfig.mediaResolution": "MEDIA_RESOLUTION_LOW",
        "generationConfig.candidateCount": 2,
        "generationConfig.stopSequences": ["1", "2", "3", "4", "5"],
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "serviceTier": "priority",
    },
}
"""Everything that a request may ask for and a target may not have, by its place in the client's own body."""


def turned(client: str, knob: str) -> Object:
    """A request with one of the knobs."""
    value = KNOBS[client][knob]
    outer, _, inner = knob.partition(".")
    wish: Object = {outer: {inner: value}} if inner else {outer: value}
    more: Object = {"tools": [tool(client, "look")]} if knob == "parallel_tool_calls" else {}
    return wishing(conversation(client, user("Good evening")), wish, more)


EVERY_KNOB = [
    (client, upstream, knob) for client, upstream in PAIRS if client != upstream for knob in KNOBS[client]
]


@pytest.mark.parametrize(("client", "upstream", "knob"), EVERY_KNOB)
def test_statement_060_what_is_not_said_as_it_was_is_told_and_strictly_refused(
    house: House, client: str, upstream: str, knob: str
) -> None:
    value = KNOBS[client][knob]
    reply = house.ask(client, MODELS[upstream], turned(client, knob))
    assert answered(client, reply)
    told = losses(reply)
    # a path of the client's own request, which has it
    assert all(lost.path == f"$.{knob}" or lost.path.startswith(f"$.{knob}.") for lost in told), told
    if not told:
        # then the upstream has it, in whatever words
        plain = house.send(client, MODELS[upstream], conversation(client, user("Good evening")))
        house.ask(client, MODELS[upstream], turned(client, knob))
        assert plain != house.received or _says_nothing(client, upstream, knob), value
    lost = [one for one in told if one.kind != "emulated"]
    before = house.count
    second = house.ask(client, MODELS[upstream], turned(client, knob), x_dragoman_strict="true")
    if not lost:
        assert answered(client, second)
        return
    assert f"{lost[0].path} would be {lost[0].kind}" in refused(client, second).message
    assert house.count == before


def _says_nothing(client: str, upstream: str, knob: str) -> bool:
    """Knobs that change nothing in the upstream's request: its standard tier need not be said."""
    return (client, upstream, knob) == (A, G, "service_tier")


def all_lost(client: str) -> Object:
    """A request with several losses at every upstream of another format."""
    more: dict[str, Object] = {
        C: {"logit_bias": {"1": 1}, "prediction": {"type": "content", "content": "x"}},
        R: {"truncation": "auto", "max_tool_calls": 3},
        A: {"inference_geo": "us", "top_k": 3},
        G: {"safetySettings": KNOBS[G]["safetySettings"], "labels": {"a": "b"}},
    }
    return conversation(client, user("Hi")) | more[client]


@pytest.mark.parametrize(
    ("client", "upstream"), [(client, upstream) for client, upstream in PAIRS if client != upstream]
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_statement_060_a_routes_policy_decides_what_becomes_of_losses(
    strict: House, client: str, upstream: str, stream: bool
) -> None:
    body = all_lost(client)
    for route in ("strict", "rejects"):
        told = refused(client, strict.ask(client, f"{upstream}-{route}", body, stream=stream))
        assert told.message.count("would be") >= 1
    assert strict.count == 0
    reply = strict.ask(client, f"{upstream}-drops", body, stream=stream)
    assert answered(client, reply, stream=stream).text
    assert "x-dragoman-losses" not in reply.headers
    assert refused(
        client, strict.ask(client, f"{upstream}-drops", body, stream=stream, x_dragoman_strict="1")
    )


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("upstream", CLIENTS)
def test_statement_060_a_request_that_loses_nothing_is_served_strictly(
    strict: House, client: str, upstream: str
) -> None:
    body = conversation(client, user("Hi")) | limit(client, 900)
    reply = strict.ask(client, f"{upstream}-strict", body)
    assert answered(client, reply).text
    assert "x-dragoman-losses" not in reply.headers
