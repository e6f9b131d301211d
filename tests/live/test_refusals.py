"""Who is refused because of a key, a limit or a budget is told so in words and headers of their own format,
and nobody else is told anything of it.
"""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.conftest import ROUTES, LiveGateway, serving
from tests.live.client import MODELS, Client, Reply
from tests.live.held import (
    LIMITS,
    HolderKind,
    Style,
    asking,
    configuration,
    holding,
    issued,
    long_answer,
    manage,
)
from tests.live.own_gateway import provider, settled, visiting
from tests.live.plain import ask

from dragoman.testing.json_value import JSON
from dragoman.testing.server import FakeServer

LONG = 60.0
"""Seconds that an answer takes which no test waits for."""
DAY = 86_400
FORMATS = tuple(MODELS)

FACES = {
    "unknown": {
        "openai": (401, "invalid_request_error", "invalid_api_key"),
        "anthropic": (401, "authentication_error", None),
        "gemini": (401, "UNAUTHENTICATED", "401"),
    },
    "disabled": {
        "openai": (403, "permission_error", "key_disabled"),
        "anthropic": (403, "permission_error", None),
        "gemini": (403, "PERMISSION_DENIED", "403"),
    },
    "not_allowed": {
        "openai": (403, "permission_error", "model_not_allowed"),
        "anthropic": (403, "permission_error", None),
        "gemini": (403, "PERMISSION_DENIED", "403"),
    },
    "unpriced": {
        "openai": (403, "permission_error", "model_without_price"),
        "anthropic": (403, "permission_error", None),
        "gemini": (403, "PERMISSION_DENIED", "403"),
    },
    "limit": {
        "openai": (429, "rate_limit_error", "rate_limit_exceeded"),
        "anthropic": (429, "rate_limit_error", None),
        "gemini": (429, "RESOURCE_EXHAUSTED", "429"),
    },
    "concurrency": {
        "openai": (429, "rate_limit_error", "concurrency_limit"),
        "anthropic": (429, "rate_limit_error", None),
        "gemini": (429, "RESOURCE_EXHAUSTED", "429"),
    },
    "budget": {
        "openai": (429, "insufficient_quota", "insufficient_quota"),
        "anthropic": (402, "billing_error", None),
        "gemini": (400, "FAILED_PRECONDITION", "400"),
    },
}
"""Status, the format's own word and OpenAI's code, or Google's, of each refusal."""

WAIT = r"Try again in (?P<wait>\d+) s"
WORDS = {
    "requests": rf"The {{0}} '{{1}}' may make at most 1 request a day, with 0 requests left now\. {WAIT}; "
    r"nothing of it is used any more in \d+ s\.",
    "tokens": r"The {0} '{1}' may use at most 2,500 tokens a day, with 1,6\d\d tokens left now, and "
    rf"this request needs up to (1,9|2,0)\d\d tokens\. {WAIT}, or with a shorter prompt or a lower output "
    r"limit; nothing of it is used any more in \d+ s\.",
    "cost": r"The {0} '{1}' may spend at most \$0\.015 a day, with \$0\.006\d* left now, and this request "
    rf"needs up to \$0\.009\. {WAIT}, or with a shorter prompt or a lower output limit; nothing of it is "
    r"used any more in \d+ s\.",
    "concurrency": r"The gateway, for the {0} '{1}', serves at most 1 at once, and no more may wait\. "
    rf"{WAIT}\.",
    "budget": r"The monthly budget of the {0} '{1}' does not admit this request: \$0\.006\d* of \$0\.015 can "
    r"be spent now, and it may cost up to \$0\.009\. It resets at \d{{4}}-\d\d-01T00:00:00\+0[12]:00 "
    r"\(Europe/Berlin\)\. A request that may cost less is still admitted: lower max_tokens\.",
}
"""What people are told."""


@pytest.fixture(scope="session")
def strict(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """A gateway where everybody is held to something."""
    places = "".join(provider(name, fake_upstream.url, name) for name in MODELS)
    config = f'[server]\nport = 0\n[log]\nlevel = "error"\n{places}{configuration()}{MORE}'
    with serving(config, tmp_path_factory.mktemp("strict")) as running:
        yield running


MORE = """
[keys.reader]
key = "sk-reader-0123456789"
routes = ["anth*", "openai_chat/gpt-4o", "text-embedding-3-small"]
[keys.narrow]
key = "sk-narrow-0123456789"
limits = [{ tokens = 10, per = "day" }]
[keys.counted]
key = "sk-counted-0123456789"
team = "counted"
limits = [
    { requests = 1000, per = "hour" },
    { tokens = 90_000_000, per = "day" },
    { cost = 100, per = "day" },
]
[teams.counted]
limits = [{ requests = 500, per = "day" }, { tokens = 100_000_000, per = "day" }]
[keys.saver]
key = "sk-saver-0123456789"
budgets = [{ amount = 100, per = "total" }]
[routes.unpriced]
targets = ["openai_chat/my-own-model"]
"""


@pytest.fixture(params=list(ROUTES))
def client(request: pytest.FixtureRequest, strict: LiveGateway) -> Client:
    """A client of each dialect, at the gateway with limits."""
    return Client(request.param, strict)


@pytest.fixture(params=["static", "virtual"])
def style(request: pytest.FixtureRequest) -> Style:
    """Where keys are kept."""
    return request.param


def check(client: Client, reply: Reply, refusal: str) -> str:
    """The answer is this refusal, in the client's own form. What it says."""
    told = client.read_error(reply)
    status, word, code = FACES[refusal]["openai" if client.name.startswith("openai") else client.name]
    assert (reply.status, told.word, told.code) == (status, word, code), reply
    return told.message


@pytest.mark.parametrize("holder", ["key", "team", "route"])
@pytest.mark.parametrize("limit", list(LIMITS))
@pytest.mark.parametrize(("style", "stream"), [("static", False), ("virtual", True)])
def test_who_reaches_a_limit_is_told_which_how_much_is_left_and_for_how_long(
    client: Client, style: Style, holder: HolderKind, limit: str, stream: bool, fake: FakeServer
) -> None:
    held = holding(client, style, holder, limit, stream=stream)
    asked = asking(client, held.model, held.key, stream=stream)
    with visiting(client.gateway) as visitors:
        if limit == "concurrency":
            fake.script.add(long_answer(LONG))
            visitors.ask(asked)
            fake.script.wait_received(1, 20)
        else:
            fake.script.add(long_answer())
            assert client.send(asked).status == 200
        reply = client.send(asked)
    assert len(fake.script.received) == 1, "what is refused does not go upstream"
    said = check(client, reply, limit if limit in FACES else "limit")
    found = re.fullmatch(WORDS[limit].format(holder, held.name), said)
    assert found, said
    if limit == "budget":
        assert "retry-after" not in reply.headers
        assert reply.headers["x-should-retry"] == "false"
        assert client.name != "gemini" or "RetryInfo" not in reply.body.decode()
        return
    assert reply.headers["retry-after"] == found["wait"]
    assert "x-should-retry" not in reply.headers
    assert 1 <= int(found["wait"]) <= DAY
    if client.name == "gemini":
        assert retry_info(reply.object) == f"{found['wait']}s"
    check_headers(client, reply, {limit: {"requests": (1, 0, DAY), "tokens": (2500, 1610, DAY)}.get(limit)})


def retry_info(value: JSON) -> str | None:
    """What Google's detail says of how long to wait."""
    if isinstance(value, list):
        return next((found for one in value if (found := retry_info(one))), None)
    if not isinstance(value, dict):
        return None
    delay = value.get("retryDelay")
    return delay if isinstance(delay, str) else retry_info(list(value.values()))


def check_headers(client: Client, reply: Reply, limits: dict[str, tuple[int, int, float] | None]) -> None:
    """The headers of the client's format tell these limits (the limit, about what is left, and the most
    seconds until it is full), and no others.
    """
    prefixes = ("x-ratelimit-", "anthropic-ratelimit-")
    told = {name: value for name, value in reply.headers.items() if name.startswith(prefixes)}
    expected: set[str] = set()
    for kind, stand in limits.items():
        if stand is None or client.name == "gemini":
            continue
        most, left, seconds = stand
        if client.name == "anthropic":
            names = [f"anthropic-ratelimit-{kind}-{what}" for what in ("limit", "remaining", "reset")]
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told[names[2]])
            at = time.mktime(time.strptime(told[names[2]], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
            assert time.time() - 60 <= at <= time.time() + seconds + 1
        else:
            names = [f"x-ratelimit-{what}-{kind}" for what in ("limit", "remaining", "reset")]
            assert re.fullmatch(r"(\d+h)?(\d+m)?(\d+(\.\d+)?s|\d+ms)", told[names[2]])
        assert int(told[names[0]]) == most
        assert left - max(100, most // 50) <= int(told[names[1]]) <= left
        expected |= set(names)
    assert set(told) == expected


@pytest.mark.parametrize("target", list(MODELS))
def test_good_answers_say_what_is_left_of_the_tightest_limits(
    client: Client, target: str, stream: bool, fake: FakeServer
) -> None:
    """Passed through and translated; what a limit of cost leaves has no header in any format."""
    fake.script.add(long_answer())
    reply = client.send(asking(client, target, "sk-counted-0123456789", stream=stream))
    assert reply.status == 200
    if stream:
        assert client.stream_error(reply) is None
    tokens = (90_000_000, 90_000_000 - 900, DAY)
    check_headers(client, reply, {"requests": (500, 499, DAY), "tokens": tokens})
    unlimited = client.send(asking(client, target, "sk-client-0123456789", stream=stream))
    check_headers(client, unlimited, {})


def test_who_never_fits_is_told_so_and_not_to_try_again(
    client: Client, stream: bool, fake: FakeServer
) -> None:
    reply = client.send(asking(client, client.name, "sk-narrow-0123456789", stream=stream))
    said = check(client, reply, "limit")
    assert re.search(
        r"The key 'narrow' may use at most 10 tokens a day, .* up to (1,9|2,0)\d\d tokens: it never fits",
        said,
    )
    assert "retry-after" not in reply.headers
    assert reply.headers["x-should-retry"] == "false"
    assert fake.script.received == ()


def test_a_key_that_opens_nothing_is_told_why_as_far_as_it_is_a_key(client: Client, stream: bool) -> None:
    name = f"ends-{client.name}-{stream}"
    key = issued(client.gateway, name)
    for wrong in ("sk-wrong", key[:-1], f"{key}x", key.upper(), "sk-dr-" + "A" * 43, "\xe9" * 9, "x" * 6000):
        said = check(client, client.send(asking(client, client.name, wrong, stream=stream)), "unknown")
        assert name not in said
        assert wrong not in said
    assert manage(client.gateway, "POST", f"/keys/{name}/disable").status == 200
    until = time.monotonic() + 20
    while (reply := client.send(asking(client, client.name, key, stream=stream))).status == 200:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert f"The API key '{name}' is disabled." in check(client, reply, "disabled")
    assert "retry-after" not in reply.headers


@pytest.fixture(scope="session")
def expired(strict: LiveGateway) -> str:
    """A key that has expired."""
    ends = datetime.now(UTC) + timedelta(seconds=1)
    key = issued(strict, "ended", expires=ends.isoformat())
    client = Client("openai_chat", strict)
    assert settled(lambda: client.send(asking(client, "openai_chat", key, stream=False)).status == 401)
    return key


def test_a_key_that_has_expired_is_told_so(
    client: Client, stream: bool, expired: str, fake: FakeServer
) -> None:
    reply = client.send(asking(client, client.name, expired, stream=stream))
    assert "The API key 'ended' has expired." in check(client, reply, "unknown")
    assert fake.script.received == ()


def test_a_model_that_a_key_may_not_use_is_refused_whether_there_is_one_or_not(
    client: Client, style: Style, stream: bool, fake: FakeServer
) -> None:
    key = "sk-reader-0123456789"
    if style == "virtual":
        key = issued(
            client.gateway,
            f"reader-{FORMATS.index(client.name)}-{stream}",
            routes=["anth*", "openai_chat/gpt-4o"],
        )
    assert client.send(asking(client, "anthropic", key, stream=stream)).status == 200
    count = len(fake.script.received)
    told: set[str] = set()
    for model in ("gemini", "nothing-like-it", "unpriced", "static-route-budget-gemini-whole"):
        said = check(client, client.send(asking(client, model, key, stream=stream)), "not_allowed")
        assert model in said
        assert "It may use: anth*, openai_chat/gpt-4o" in said
        told.add(said.replace(model, "MODEL"))
    assert len(told) == 1, "nobody learns from it which models there are"
    assert len(fake.script.received) == count


def test_with_a_budget_a_model_without_a_price_is_refused(
    client: Client, style: Style, stream: bool, fake: FakeServer
) -> None:
    key = "sk-saver-0123456789"
    if style == "virtual":
        budgets = [{"amount": 100, "per": "total"}]
        key = issued(client.gateway, f"saver-{client.name}-{stream}", budgets=budgets)
    said = check(client, client.send(asking(client, "unpriced", key, stream=stream)), "unpriced")
    assert '[prices."openai_chat/my-own-model"]' in said
    assert fake.script.received == ()


def test_what_one_key_is_told_names_no_other_key_and_no_team_but_its_own(
    client: Client, stream: bool, fake: FakeServer
) -> None:
    mark = f"{client.name}-{stream}"
    for team in ("red", "blue"):
        rules = {"limits": [{"requests": 1, "per": "day"}]}
        assert manage(client.gateway, "POST", "/teams", {"name": f"{team}-{mark}", **rules}).status == 201
    keys = {
        name: issued(client.gateway, f"{name}-{mark}", team=f"{team}-{mark}", owner=f"{name}@example.com")
        for name, team in (("ada", "red"), ("bob", "red"), ("eve", "blue"))
    }
    assert client.send(asking(client, client.name, keys["ada"], stream=stream)).status == 200
    reply = client.send(asking(client, client.name, keys["bob"], stream=stream))
    said = check(client, reply, "limit")
    assert f"team 'red-{mark}'" in said
    for stranger in ("ada", "eve", "blue", "example.com"):
        assert stranger not in reply.body.decode() + str(reply.headers)
    assert client.send(asking(client, client.name, keys["eve"], stream=stream)).status == 200
    assert len(fake.script.received) == 2


LISTS: dict[str, tuple[str, dict[str, str]]] = {
    "openai": ("/v1/models", {}),
    "anthropic": ("/v1/models", {"anthropic_version": "2023-06-01"}),
    "gemini": ("/v1beta/models", {}),
}


@pytest.mark.parametrize("vendor", list(LISTS))
def test_lists_of_models_show_only_what_a_key_may_use(strict: LiveGateway, vendor: str) -> None:
    path, headers = LISTS[vendor]
    everything = ask(strict, path, None, "GET", **headers).body.decode()
    assert "unpriced" in everything
    some = ask(strict, path, None, "GET", authorization="Bearer sk-reader-0123456789", **headers)
    assert some.status == 200
    assert "anthropic" in some.body.decode()
    assert not re.search(r"unpriced|static-|virtual-|\"(models/)?gemini", some.body.decode())
    one = ask(strict, f"{path}/unpriced", None, "GET", authorization="Bearer sk-reader-0123456789", **headers)
    none = ask(strict, f"{path}/nothing", None, "GET", authorization="Bearer sk-reader-0123456789", **headers)
    assert one.status == none.status == 403
    bodies = [reply.body.replace(reply.headers["x-request-id"].encode(), b"") for reply in (one, none)]
    assert bodies[0].replace(b"unpriced", b"nothing") == bodies[1]


OTHER_ENDPOINTS = {
    "/v1/completions": {"model": "gemini", "prompt": "Good evening"},
    "/v1/embeddings": {"model": "gemini", "input": "Good evening"},
    "/v1/messages/count_tokens": {"model": "gemini", "messages": [{"role": "user", "content": "x"}]},
    "/v1/responses/input_tokens": {"model": "gemini", "input": "x"},
    "/v1beta/models/gemini:countTokens": {"contents": [{"parts": [{"text": "x"}]}]},
    "/v1beta/models/gemini:embedContent": {"content": {"parts": [{"text": "x"}]}},
    "/v1beta/models/gemini:batchEmbedContents": {
        "requests": [{"model": "models/gemini", "content": {"parts": [{"text": "x"}]}}]
    },
}


@pytest.mark.parametrize("path", list(OTHER_ENDPOINTS))
def test_other_endpoints_refuse_a_model_that_the_key_may_not_use(
    strict: LiveGateway, path: str, fake: FakeServer
) -> None:
    reply = ask(strict, path, OTHER_ENDPOINTS[path], authorization="Bearer sk-reader-0123456789")
    assert reply.status == 403, reply
    assert "may not use the model 'gemini'" in reply.body.decode()
    assert fake.script.received == ()


def test_what_was_refused_is_in_the_ledger_with_its_reason(strict: LiveGateway) -> None:
    key = issued(strict, "refused", limits=[{"requests": 1, "per": "day"}])
    client = Client("openai_chat", strict)
    assert [client.send(asking(client, "openai_chat", key, stream=False)).status for _ in range(2)] == [
        200,
        429,
    ]

    def failures() -> list[JSON]:
        rows = manage(strict, "GET", "/requests?key=refused").object["requests"]
        assert isinstance(rows, list)
        return [row["failure"] for row in rows if isinstance(row, dict)]

    assert settled(lambda: sorted(map(str, failures())) == ["", "rate_limit"])
