"""What a browser does for a page of another origin: it asks first (CORS), then sends."""

from typing import NamedTuple

import pytest
import requests
from tests.conftest import LiveGateway

ORIGIN = "https://chat.example.com"


class Page(NamedTuple):
    """A call as a page makes it: where to, how its key goes, what it says."""

    path: str
    credential: str
    body: dict[str, object]
    headers: dict[str, str] = {}  # noqa: RUF012 - not changed by anyone

    def with_key(self, key: str) -> dict[str, str]:
        """The headers of the call."""
        name, _, form = self.credential.partition(": ")
        return {"Content-Type": "application/json", name: form.format(key), **self.headers}


CALLS = {
    "chat": Page(
        "/v1/chat/completions",
        "Authorization: Bearer {}",
        {"model": "sonnet", "messages": [{"role": "user", "content": "Hello!"}]},
    ),
    "messages": Page(
        "/v1/messages",
        "x-api-key: {}",
        {"model": "flash", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello!"}]},
        {"anthropic-version": "2023-06-01", "anthropic-dangerous-direct-browser-access": "true"},
    ),
    "generateContent": Page(
        "/v1beta/models/gpt-4o:generateContent",
        "x-goog-api-key: {}",
        {"contents": [{"parts": [{"text": "Hello!"}]}]},
        {"x-goog-api-client": "google-genai-sdk/1.0 gl-node/web"},
    ),
}
ALL_PAGES = pytest.mark.parametrize("page", CALLS.values(), ids=CALLS.keys())


def allowed(response: requests.Response, name: str) -> set[str]:
    """The items of one of the answer's lists, in lower case."""
    return {item.strip().lower() for item in response.headers.get(name, "").split(",")}


@ALL_PAGES
def test_a_page_of_another_origin_may_call(gateway: LiveGateway, page: Page) -> None:
    headers = page.with_key(gateway.key)
    preflight = requests.options(
        gateway.url + page.path,
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": ",".join(sorted(name.lower() for name in headers)),
        },
        timeout=20,
    )
    assert preflight.status_code in {200, 204}
    assert preflight.headers["access-control-allow-origin"] in {"*", ORIGIN}
    assert "post" in allowed(preflight, "access-control-allow-methods")
    assert {name.lower() for name in headers} <= allowed(preflight, "access-control-allow-headers")
    assert "access-control-allow-credentials" not in preflight.headers

    answer = requests.post(
        gateway.url + page.path, headers={**headers, "Origin": ORIGIN}, json=page.body, timeout=20
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] in {"*", ORIGIN}
    assert {"x-request-id", "retry-after", "x-dragoman-losses"} <= allowed(
        answer, "access-control-expose-headers"
    )


def test_a_page_can_read_a_stream(gateway: LiveGateway) -> None:
    page = CALLS["chat"]
    with requests.post(
        gateway.url + page.path,
        headers={**page.with_key(gateway.key), "Origin": ORIGIN},
        json={**page.body, "stream": True},
        stream=True,
        timeout=20,
    ) as answer:
        assert answer.headers["access-control-allow-origin"] in {"*", ORIGIN}
        assert answer.text.endswith("data: [DONE]\n\n")


@ALL_PAGES
def test_a_page_can_read_an_error(gateway: LiveGateway, page: Page) -> None:
    headers = {**page.with_key("sk-wrong"), "Origin": ORIGIN}
    answer = requests.post(gateway.url + page.path, headers=headers, json=page.body, timeout=20)
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] in {"*", ORIGIN}


def test_what_a_page_may_send_without_asking_is_refused(gateway: LiveGateway) -> None:
    """Browsers send `text/plain` without a preflight: no page may get a request through that way."""
    page = CALLS["chat"]
    headers = {**page.with_key(gateway.key), "Content-Type": "text/plain", "Origin": ORIGIN}
    answer = requests.post(gateway.url + page.path, headers=headers, json=page.body, timeout=20)
    assert answer.status_code == 400
    assert "Content-Type" in answer.json()["error"]["message"]
