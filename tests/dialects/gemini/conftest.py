"""What the tests of this format share."""

from collections.abc import Callable

import pytest

from dragoman.conversation.events import Event
from dragoman.conversation.request import Reasoning, Request
from dragoman.dialects.dialect import Location, Reply, Target
from dragoman.dialects.gemini import DIALECT
from dragoman.models.profile import Profile

ORIGIN = "google/gemini-3"

NEW = Profile(
    family="gemini-3",
    max_output_tokens=65536,
    reasoning="level",
    efforts=("low", "medium", "high"),
    reasoning_default=True,
    reasoning_off=False,
    signed_calls=True,
    candidates=False,
)
OLD = Profile(
    family="gemini-2",
    schema="openapi",
    max_output_tokens=8192,
    tools_with_schema=False,
    call_ids=False,
    result_media=False,
)
BUDGETED = Profile(
    family="gemini-2.5",
    reasoning="budget",
    budget_min=128,
    budget_max=32768,
    reasoning_default=True,
    reasoning_off=False,
    tools_with_schema=False,
    call_ids=False,
    result_media=False,
)


@pytest.fixture
def new() -> Target:
    """A model like Gemini 3: ids, signatures, levels, JSON Schema."""
    return Target("google", "gemini-3-pro", ORIGIN, NEW)


@pytest.fixture
def old() -> Target:
    """A model like Gemini 2.0: none of these."""
    return Target("google", "gemini-2.0-flash", "google/gemini-2", OLD)


@pytest.fixture
def budgeted() -> Target:
    """A model like Gemini 2.5 Pro: budgets, and no ids."""
    return Target("google", "gemini-2.5-pro", "google/gemini-2.5", BUDGETED)


@pytest.fixture
def reply() -> Callable[..., Reply]:
    """Makes what an answer is written with; `thoughts` is whether the client asked to read them."""

    def make(*, thoughts: bool = True, stream: bool = True, sse: bool = True) -> Reply:
        request = Request("gemini", "public-name", (), reasoning=Reasoning(visible=thoughts), stream=stream)
        return Reply(
            request=request,
            location=Location("public-name", stream, sse),
            created=0,
            fallback_id="fallback",
            fingerprint="fp",
            origin="elsewhere/model",
        )

    return make


@pytest.fixture
def decode() -> Callable[..., list[Event]]:
    """Decodes a stream fed in pieces of a size, to its end."""

    def run(stream: bytes, size: int = 1 << 20) -> list[Event]:
        decoder = DIALECT.stream_decoder(ORIGIN)
        events: list[Event] = []
        for start in range(0, len(stream), size):
            events += decoder.feed(stream[start : start + size])
        return events + decoder.close()

    return run
