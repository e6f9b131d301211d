"""One budget for one request: what may pass is tried again, what may not is not, and nothing multiplies."""

import json
import time

import pytest
from tests.live.client import MODELS, Client
from tests.live.conftest import SECOND_MODELS
from tests.live.own_gateway import Serve, states
from tests.live.raw_upstream import saying, stream_of
from tests.live.test_repairs import refusing
from tests.live.vendor_errors import VENDOR_ERRORS, VendorError

from dragoman.conversation.failure import RETRYABLE, Failure, FailureKind
from dragoman.testing.exchange import Answer, Chunk, Ending, json_answer
from dragoman.testing.json_value import JSON, Object, decode_object
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

ATTEMPTS = 3
CONFIG = """
[retries]
attempts = 3
backoff = 0.02
max_backoff = {most}
[timeouts]
keep_alive = {keep_alive}
[health]
cooldown = {cooldown}
[routes.one]
targets = ["{name}/{model}"]
[routes.two]
targets = ["{name}/{model}", "{name}/{second}"]
[routes.short]
targets = ["{name}/{model}"]
attempts = 100
timeouts = {{ total = 0.6 }}
"""
WORDS = "One two three four five"
STREAM = {"content-type": "text/event-stream"}


def budget(name: str, *, most: float = 8.0, keep_alive: float = 15.0, cooldown: float = 0.0) -> str:
    """The configuration of routes to one target of a dialect, and to two."""
    models = {"model": MODELS[name], "second": SECOND_MODELS[name]}
    return CONFIG.format(name=name, **models, most=most, keep_alive=keep_alive, cooldown=cooldown)


def error(status: int, **headers: str) -> Answer:
    """An error that every dialect reads, with these headers."""
    word = "rate_limit_error" if status == 429 else "api_error"
    said: JSON = {"type": "error", "error": {"code": status, "type": word, "message": "Sorry."}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return json_answer(status, json.dumps(said).encode(), named)


def gap(fake: FakeServer) -> float:
    """Seconds between the first two requests."""
    first, second = fake.script.received[:2]
    return second.arrived - first.arrived


BROKEN = {
    "closed": Answer(200, STREAM, (), ending=Ending.CLOSED),
    "reset": Answer(200, STREAM, (), ending=Ending.RESET),
    "nothing": Answer(200, STREAM, ()),
    "comments": stream_of([b": hello\n\n", b": still here\n\n"], ending=Ending.CLOSED),
    "page": Answer(200, {"content-type": "text/html"}, (Chunk(0, b"<html>Sign in</html>"),)),
    "half_an_error": Answer(
        503, {"content-type": "application/json"}, (Chunk(0, b'{"err'),), ending=Ending.CLOSED
    ),
    "in_the_stream": Scripted(saying(WORDS), frames=0, failure=Failure(FailureKind.OVERLOADED, "Busy.")),
}
PASSING: dict[str, Answer | Scripted] = {str(code): error(code) for code in (500, 502, 503, 504, 529)}


@pytest.mark.parametrize("failed", [*PASSING.values(), *BROKEN.values()], ids=[*PASSING, *BROKEN])
def test_what_may_pass_is_tried_again(
    serve: Serve, client: Client, stream: bool, failed: Answer | Scripted, fake: FakeServer
) -> None:
    name = client.name
    fake.script.add(failed, failed, saying(WORDS))
    reply = client.at(serve(budget(name))).get("one", stream=stream)
    # a whole answer knows no error inside
    tries = 1 if isinstance(failed, Scripted) and not stream else ATTEMPTS
    assert (reply.status, client.words(reply)) == (200, WORDS)
    assert len(fake.script.received) == tries
    assert reply.headers["x-dragoman-route"] == f"{name}/{MODELS[name]};attempts={tries}"
    assert "x-should-retry" not in reply.headers


@pytest.mark.parametrize("status", [500, 503, 529])
def test_no_more_requests_are_sent_than_the_budget_allows(
    serve: Serve, client: Client, stream: bool, status: int, fake: FakeServer
) -> None:
    name = client.name
    fake.script.add(*[error(status)] * 9)
    reply = client.at(serve(budget(name))).get("one", stream=stream)
    client.read_error(reply)
    assert reply.status in {500, 503, 529}
    assert len(fake.script.received) == ATTEMPTS
    assert reply.headers["x-dragoman-route"] == f"{name}/{MODELS[name]};attempts=3"
    assert reply.headers["x-should-retry"] == "false"


def test_targets_share_one_budget(serve: Serve, client: Client, stream: bool, fake: FakeServer) -> None:
    fake.script.add(*[error(503)] * 9)
    reply = client.at(serve(budget(client.name))).get("two", stream=stream)
    assert len(fake.script.received) == ATTEMPTS
    asked = [one.path + str(decode_object(one.body).get("model")) for one in fake.script.received]
    # the third goes to whoever is ready first
    assert asked[0] != asked[1]
    assert reply.headers["x-dragoman-route"].endswith(";attempts=3")


FINAL = [
    (dialect, error)
    for dialect, errors in VENDOR_ERRORS.items()
    for error in errors
    if error.kind not in RETRYABLE
]


@pytest.mark.parametrize(
    ("client", "final"),
    FINAL,
    indirect=["client"],
    ids=[f"{dialect}-{error.status}-{error.kind}" for dialect, error in FINAL],
)
def test_what_will_not_pass_is_asked_once(
    serve: Serve, client: Client, stream: bool, final: VendorError, fake: FakeServer
) -> None:
    """Also a 429, where it means that a quota is used up."""
    fake.script.add(json_answer(final.status, final.body, final.headers), saying(WORDS))
    reply = client.at(serve(budget(client.name))).get("one", stream=stream)
    assert reply.status >= 400
    assert len(fake.script.received) == 1
    assert reply.headers["x-dragoman-route"].endswith(";attempts=1")
    # clients whose status says otherwise are told not to try again either
    hopeless = final.kind in {FailureKind.UPSTREAM_AUTHENTICATION, FailureKind.QUOTA, FailureKind.BILLING}
    assert reply.headers.get("x-should-retry") == ("false" if hopeless else None)


def test_an_upstream_is_believed_that_says_not_to_try_again(
    serve: Serve, client: Client, stream: bool, fake: FakeServer
) -> None:
    fake.script.add(error(503, x_should_retry="false"), saying(WORDS))
    gateway = serve(budget(client.name))
    assert client.at(gateway).get("one", stream=stream).status >= 500
    assert len(fake.script.received) == 1


def google(status: int, delay: str) -> Answer:
    info: JSON = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    said: Object = {"code": status, "message": "Later.", "status": "RESOURCE_EXHAUSTED", "details": [info]}
    return json_answer(status, json.dumps({"error": said}).encode())


WAITS = {
    "openai_chat-seconds": ("openai_chat", error(429, retry_after="1"), 1.0),
    "openai_chat-milliseconds": ("openai_chat", error(503, retry_after_ms="400"), 0.4),
    "openai_responses-milliseconds": ("openai_responses", error(429, retry_after_ms="400"), 0.4),
    "anthropic-seconds": ("anthropic", error(529, retry_after="1"), 1.0),
    "gemini-retry-info": ("gemini", google(429, "0.4s"), 0.4),
    "gemini-unavailable": ("gemini", google(503, "0.4s"), 0.4),
}


@pytest.mark.parametrize(("client", "asking", "seconds"), WAITS.values(), indirect=["client"], ids=WAITS)
def test_a_short_wait_that_is_asked_for_is_kept(
    serve: Serve, client: Client, stream: bool, asking: Answer, seconds: float, fake: FakeServer
) -> None:
    """Whether or not the target rests meanwhile for others."""
    fake.script.add(asking, saying(WORDS))
    reply = client.at(serve(budget(client.name, cooldown=10))).get("one", stream=stream)
    assert (reply.status, client.words(reply)) == (200, WORDS)
    assert len(fake.script.received) == 2
    assert gap(fake) >= seconds


@pytest.mark.parametrize("asking", [error(429, retry_after="7"), error(503, retry_after="7")], ids=str)
def test_a_long_wait_that_is_asked_for_is_handed_to_the_client(
    serve: Serve, client: Client, stream: bool, asking: Answer, fake: FakeServer
) -> None:
    fake.script.add(asking, saying(WORDS))
    reply = client.at(serve(budget(client.name, most=0.5))).get("one", stream=stream)
    client.read_error(reply)
    assert reply.headers["retry-after"] == "7"
    assert len(fake.script.received) == 1
    assert "x-should-retry" not in reply.headers


def test_nobody_asks_a_target_that_has_named_a_time_before_it_is_over(
    serve: Serve, client: Client, stream: bool, fake: FakeServer
) -> None:
    gateway = serve(budget(client.name, most=0.5, cooldown=10))
    fake.script.add(error(429, retry_after="60"))
    assert client.at(gateway).get("one", stream=stream).status == 429
    reply = client.at(gateway).get("one", stream=stream)
    assert reply.status == 429
    client.read_error(reply)
    assert 30 < int(reply.headers["retry-after"]) <= 60
    assert len(fake.script.received) == 1
    assert "x-dragoman-route" not in reply.headers


@pytest.mark.parametrize("asking", [429, 503])
def test_another_target_is_asked_without_a_wait(
    serve: Serve, client: Client, stream: bool, asking: int, fake: FakeServer
) -> None:
    fake.script.add(error(asking, retry_after="6"), saying(WORDS))
    reply = client.at(serve(budget(client.name))).get("two", stream=stream)
    assert (reply.status, client.words(reply)) == (200, WORDS)
    assert gap(fake) < 4
    assert reply.headers["x-dragoman-route"] == f"{client.name}/{SECOND_MODELS[client.name]};attempts=2"


@pytest.mark.parametrize("client", ["openai_chat", "anthropic", "gemini"], indirect=True)
def test_what_only_another_target_may_be_spared_goes_there(
    serve: Serve, client: Client, stream: bool, fake: FakeServer
) -> None:
    """A prompt that is too long here, or a model that is gone, or a quota that is used up."""
    gateway = serve(budget(client.name))
    kinds = {FailureKind.CONTEXT_OVERFLOW, FailureKind.MODEL_NOT_FOUND, FailureKind.QUOTA}
    for final in (one for one in VENDOR_ERRORS[client.name] if one.kind in kinds):
        fake.script.clear()
        fake.script.add(json_answer(final.status, final.body, final.headers), saying(WORDS))
        assert client.words(client.at(gateway).get("two", stream=stream)) == WORDS
        assert len(fake.script.received) == 2


def test_nothing_is_tried_again_once_the_answer_has_begun(
    serve: Serve, client: Client, fake: FakeServer
) -> None:
    here = client.at(serve(budget(client.name)))
    broken = Scripted(saying(" ".join([WORDS] * 50)), frames=10, ending=Ending.RESET)
    fake.script.add(broken, saying("another answer"))
    reply = here.get("two", stream=True)
    assert client.stream_error(reply) is not None
    assert "another" not in client.words(reply)
    assert len(fake.script.received) == 1
    assert reply.headers["x-dragoman-route"].endswith(";attempts=1")


def test_a_whole_answer_that_breaks_off_is_tried_again(
    serve: Serve, client: Client, fake: FakeServer
) -> None:
    """Its client has seen nothing of it."""
    fake.script.add(Scripted(saying("lost"), ending=Ending.RESET), saying(WORDS))
    reply = client.at(serve(budget(client.name))).get("one")
    assert client.words(reply) == WORDS
    assert reply.headers["x-dragoman-route"].endswith(";attempts=2")


def test_when_the_time_of_the_exchange_is_up_nothing_is_tried_again(
    serve: Serve, client: Client, stream: bool, fake: FakeServer
) -> None:
    slow = Failure(FailureKind.OVERLOADED, "Busy.")
    fake.script.add(*[Scripted(slow, delay=0.15) for _ in range(100)])
    reply = client.at(serve(budget(client.name))).get("short", stream=stream)
    assert reply.status >= 500
    sent = len(fake.script.received)
    assert 1 <= sent <= 5
    assert reply.headers["x-dragoman-route"].endswith(f";attempts={sent}")
    time.sleep(0.3)
    assert len(fake.script.received) == sent


def test_a_stream_that_opens_early_says_that_its_target_is_not_certain(
    serve: Serve, client: Client, fake: FakeServer
) -> None:
    here = client.at(serve(budget(client.name, keep_alive=0.1)))
    busy = Failure(FailureKind.OVERLOADED, "Busy.")
    fake.script.add(Scripted(busy, delay=0.4), saying(WORDS))
    reply = here.get("two", stream=True)
    assert client.words(reply) == WORDS
    assert reply.headers["x-dragoman-route"] == f"{client.name}/{MODELS[client.name]};attempts=1;pending"
    assert len(fake.script.received) == 2
    fake.script.add(*[Scripted(busy, delay=0.4) for _ in range(3)])
    reply = here.get("one", stream=True)
    assert client.stream_error(reply) is not None
    assert reply.headers["x-dragoman-route"] == f"{client.name}/{MODELS[client.name]};attempts=1;pending"
    assert len(fake.script.received) == 5


@pytest.mark.parametrize("client", ["anthropic", "gemini"], indirect=True)
def test_what_is_put_right_after_a_refusal_is_paid_from_the_same_budget(
    serve: Serve, client: Client, stream: bool, fake: FakeServer
) -> None:
    refused = refusing(
        "Unsupported parameter: 'temperature' is not supported with this model.", "temperature"
    )
    body = client.request("one", stream=stream)
    body |= {"generationConfig": {"temperature": 0.5}} if client.name == "gemini" else {"temperature": 0.5}
    here = client.at(serve(budget("openai_chat")))
    fake.script.add(error(503), refused, error(503), saying("too many"))
    reply = here.get("one", stream=stream, body=body)
    assert reply.status >= 500
    assert len(fake.script.received) == ATTEMPTS
    assert reply.headers["x-dragoman-route"].endswith(";attempts=3")


def test_nothing_stays_taken_after_retries(serve: Serve, client: Client, fake: FakeServer) -> None:
    gateway = serve(budget(client.name))
    fake.script.add(*[error(503)] * 3)
    client.at(gateway).get("one")
    assert [one["in_flight"] for one in states(gateway).values()] == [0]
