"""The vendors' SDKs where a key, a limit or a budget refuses a request: the right exception, and no more."""

# The annotations of Google's SDK name an optional package (PIL): its methods are partly unknown to pyright.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors
from google.genai import types as google
from tests.conftest import UPSTREAM_KEY, LiveGateway, serving

from dragoman.testing.server import FakeServer

CONFIG = """
[server]
port = 0
[log]
level = "error"
[providers.openai]
dialect = "openai_chat"
base_url = "{url}/v1"
api_key = "{key}"
[prices."openai/gpt-4o"]
input = 0
output = 10
[routes.model]
targets = ["openai/gpt-4o"]
[routes.other]
targets = ["openai/gpt-4o"]
[keys.often]
key = "sk-often-0123456789"
limits = [{{ requests = 1, per = "day" }}]
[keys.narrow]
key = "sk-narrow-0123456789"
limits = [{{ tokens = 10, per = "day" }}]
[keys.poor]
key = "sk-poor-0123456789"
budgets = [{{ amount = 0.000001, per = "total" }}]
[keys.reader]
key = "sk-reader-0123456789"
routes = ["other"]
"""

pytestmark = pytest.mark.usefixtures("fake")


class Seen(NamedTuple):
    """What an SDK makes of a refusal: its exception, the status in it, and how often it has asked."""

    kind: str
    status: int
    asked: int


@pytest.fixture
def strict(fake: FakeServer, tmp_path: Path) -> Iterator[LiveGateway]:
    """A gateway with keys that may do little."""
    with serving(CONFIG.format(url=fake.url, key=UPSTREAM_KEY), tmp_path) as running:
        yield running


def counting(replies: list[object]) -> dict[str, list[Callable[[object], None]]]:
    return {"response": [replies.append]}


def by_openai(gateway: LiveGateway, key: str, *, stream: bool) -> Seen:
    replies: list[object] = []
    with (
        openai.DefaultHttpxClient(event_hooks=counting(replies)) as line,
        openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, http_client=line, max_retries=2) as client,
        pytest.raises(openai.APIStatusError) as caught,
    ):
        client.chat.completions.create(
            model="model", messages=[{"role": "user", "content": "Good evening"}], stream=stream
        )
    return Seen(type(caught.value).__name__, caught.value.status_code, len(replies))


def by_openai_responses(gateway: LiveGateway, key: str, *, stream: bool) -> Seen:
    replies: list[object] = []
    with (
        openai.DefaultHttpxClient(event_hooks=counting(replies)) as line,
        openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, http_client=line, max_retries=2) as client,
        pytest.raises(openai.APIStatusError) as caught,
    ):
        client.responses.create(model="model", input="Good evening", stream=stream)
    return Seen(type(caught.value).__name__, caught.value.status_code, len(replies))


def by_anthropic(gateway: LiveGateway, key: str, *, stream: bool) -> Seen:
    replies: list[object] = []
    with (
        anthropic.DefaultHttpxClient(event_hooks=counting(replies)) as line,
        anthropic.Anthropic(base_url=gateway.url, api_key=key, http_client=line, max_retries=2) as client,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        client.messages.create(
            model="model",
            max_tokens=100,
            messages=[{"role": "user", "content": "Good evening"}],
            stream=stream,
        )
    return Seen(type(caught.value).__name__, caught.value.status_code, len(replies))


def by_google(gateway: LiveGateway, key: str, *, stream: bool) -> Seen:
    client = genai.Client(api_key=key, http_options=google.HttpOptions(base_url=gateway.url))

    def ask() -> None:
        if stream:
            list(client.models.generate_content_stream(model="model", contents="Good evening"))
        else:
            client.models.generate_content(model="model", contents="Good evening")

    with pytest.raises(errors.ClientError) as caught:
        ask()
    client.close()
    return Seen(str(caught.value.status), caught.value.code, 1)


SDKS = {
    "openai": by_openai,
    "openai_responses": by_openai_responses,
    "anthropic": by_anthropic,
    "google": by_google,
}
NAMES = {"openai": 0, "openai_responses": 0, "anthropic": 1, "google": 2}
REFUSALS = {
    "sk-unknown-0123456789": (
        ("AuthenticationError", 401),
        ("AuthenticationError", 401),
        ("UNAUTHENTICATED", 401),
    ),
    "sk-reader-0123456789": (
        ("PermissionDeniedError", 403),
        ("PermissionDeniedError", 403),
        ("PERMISSION_DENIED", 403),
    ),
    "sk-narrow-0123456789": (("RateLimitError", 429), ("RateLimitError", 429), ("RESOURCE_EXHAUSTED", 429)),
    "sk-poor-0123456789": (
        ("RateLimitError", 429),
        ("PaymentRequiredError", 402),
        ("FAILED_PRECONDITION", 400),
    ),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("sdk", list(SDKS))
def test_each_refusal_is_an_exception_of_its_own_and_is_not_tried_again_in_vain(
    strict: LiveGateway, sdk: str, stream: bool, fake: FakeServer
) -> None:
    for key, kinds in REFUSALS.items():
        assert SDKS[sdk](strict, key, stream=stream) == Seen(*kinds[NAMES[sdk]], 1), key
    assert fake.script.received == ()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_who_has_to_wait_longer_than_an_sdk_waits_reads_for_how_long(
    strict: LiveGateway, stream: bool
) -> None:
    with openai.OpenAI(base_url=f"{strict.url}/v1", api_key="sk-often-0123456789", max_retries=0) as client:

        def ask() -> None:
            client.chat.completions.create(
                model="model", messages=[{"role": "user", "content": "Good evening"}], stream=stream
            )

        ask()
        with pytest.raises(openai.RateLimitError, match="at most 1 request a day") as caught:
            ask()
    assert caught.value.code == "rate_limit_exceeded"
    assert int(caught.value.response.headers["retry-after"]) > 0
    assert caught.value.response.headers["x-ratelimit-remaining-requests"] == "0"
