"""One budget for one request: what passes is tried again, what does not is not, and nothing multiplies."""

import json
import time

import pytest
from tests.live.client import MODELS, Client
from tests.live.conftest import SECOND_MODELS
from tests.live.own_gateway import Serve
from tests.live.raw_upstream import saying, stream_of
from tests.live.vendor_errors import VENDOR_ERRORS, VendorError

from dragoman.conversation.failure import RETRYABLE, Failure, FailureKind
from dragoman.testing.exchange import Answer, Chunk, Ending, json_answer
from dragoman.testing.json_value import decode_object
from dragoman.testing.script import Received, Scripted
from dragoman.testing.server import FakeServer

ATTEMPTS = 3
BUDGET = """
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
attempts = 50
timeouts = {{ total = 0.6 }}
"""
ANSWER = saying("One two three four five")


def budget(name: str, *, most: float = 8.0, keep_alive: float = 15.0, cooldown: float = 0.0) -> str:
    """The configuration of routes to one target, or two, of a dialect."""
    model, second = MODELS[name], SECOND_MODELS[name]
    return BUDGET.format(
        name=name, model=model, second=second, most=most, keep_alive=keep_alive, cooldown=cooldown
    )


def error(status: int, headers: dict[str, str] | None = None) -> Answer:
    body = {"type": "error", "error": {"code": status, "type": "api_error", "message": "It went wrong."}}
    return json_answer(status, json.dumps(body).encode(), headers)


def broken(name: str) -> dict[str, Scripted]:
    """Answers that break off before anything of them could be told to a client."""
    media_type = "text/event-stream"
    return {
        "closed": Scripted(Answer(200, {"content-type": media_type}, (), ending=Ending.CLOSED)),
        "reset": Scripted(Answer(200, {"content-type": media_type}, (), ending=Ending.RESET)),
        "empty": Scripted(stream_of([], ending=Ending.WHOLE)),
        "comments": Scripted(stream_of([b": hello\n\n", b": still here\n\n"], ending=Ending.CLOSED)),
        "failed": Scripted(ANSWER, frames=0, failure=Failure(FailureKind.OVERLOADED, "Busy.")),
        "page": Scripted(Answer(200, {"content-type": "text/html"}, (Chunk(0, b"<html>Sign in</html>"),))),
        "half_an_error": Scripted(
            Answer(500, {"content-type": "application/json"}, (Chunk(0, b'{"err'),), ending=Ending.CLOSED)
        ),
        "whole_cut": Scripted(ANSWER, ending=Ending.RESET)
        if name
        else Scripted(ANSWER),  # pragma: no branch
    }


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
def test_a_failure_that_may_pass_is_tried_again(
    serve: Serve, client: Client, stream: bool, status: int, fake: FakeServer
) -> None:
    name = client.name
    fake.script.add(error(status), error(status), ANSWER)
    reply = client.at(serve(budget(name))).get("one", stream=stream)
    assert (reply.status, client.words(reply)) == (200, "One two three four five")
    assert len(fake.script.received) == ATTEMPTS
    assert reply.headers["x-dragoman-route"] == f"{name}/{MODELS[name]};attempts=3"
    assert "x-should-retry" not in reply.headers
