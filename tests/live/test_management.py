"""The management API at a running gateway: who gets in, and how soon what it changes holds."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conftest import LiveGateway, serving
from tests.live.client import Reply
from tests.live.held import ADMIN_KEY, issued, manage
from tests.live.plain import ask

CLIENT_KEY = "sk-client-0123456789"
READER_KEY = "sk-reader-0123456789"
CONFIG = f"""
[server]
port = 0
max_body_bytes = 4096
body_timeout = 1
[auth]
keys = ["{CLIENT_KEY}"]
admin_key = "{ADMIN_KEY}"
[keys.reader]
key = "{READER_KEY}"
routes = ["other"]
[providers.demo]
[routes.other]
targets = ["demo/demo"]
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[LiveGateway]:
    """A gateway with a management API, whose clients have tried no keys yet."""
    with serving(CONFIG, tmp_path) as running:
        yield running


def error(reply: Reply) -> tuple[int, str]:
    """The status and type of a refusal in the form of the management API."""
    told = reply.object["error"]
    assert isinstance(told, dict)
    return reply.status, str(told["type"])


@pytest.mark.parametrize("path", ["", "/", "/keys", "/openapi.json", "/requests", "/nothing"])
def test_only_its_own_key_opens_it(gateway: LiveGateway, path: str) -> None:
    assert manage(gateway, "GET", path).status == (404 if path == "/nothing" else 200)
    assert manage(gateway, "GET", path, authorization=None, x_api_key=ADMIN_KEY).status in {200, 404}
    virtual = issued(gateway, "ada")
    for wrong in (None, f"Bearer {CLIENT_KEY}", f"Bearer {virtual}", f"Bearer {ADMIN_KEY}x"):
        reply = manage(gateway, "GET", path, authorization=wrong)
        assert error(reply) == (401, "authentication")
        assert reply.headers["www-authenticate"] == "Bearer"
    for place in (f"?key={ADMIN_KEY}", f"?api_key={ADMIN_KEY}", f"?x-api-key={ADMIN_KEY}"):
        assert error(manage(gateway, "GET", path + place, authorization=None)) == (401, "authentication")
    for header in ({"x_goog_api_key": ADMIN_KEY}, {"api_key": ADMIN_KEY}, {"cookie": f"key={ADMIN_KEY}"}):
        assert error(manage(gateway, "GET", path, authorization=None, **header)) == (401, "authentication")


@pytest.mark.parametrize(
    "path",
    [
        "/dragoman%2fapi/keys",
        "/dragoman/api%2Fkeys",
        "/%64ragoman/api/keys",
        "/dragoman/ap%69/keys",
        "//dragoman/api/keys",
        "/dragoman//api/keys",
        "/dragoman/./api/keys",
        "/v1/../dragoman/api/keys",
        "/DRAGOMAN/API/keys",
        "/openai/dragoman/api/keys",
        "/dragoman/api;x/keys",
    ],
)
def test_there_is_one_way_to_write_its_path(gateway: LiveGateway, path: str) -> None:
    """A proxy that keeps others away from `/dragoman/api/` misses nothing."""
    reply = ask(gateway, path, None, "GET", authorization=f"Bearer {ADMIN_KEY}")
    assert reply.status == 404
    assert b'keys":' not in reply.body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/messages"),
        ("POST", "/v1beta/models/demo:generateContent"),
        ("GET", "/v1/models"),
        ("GET", "/metrics"),
        ("GET", "/dragoman/health"),
        ("POST", "/dragoman/explain"),
    ],
)
def test_its_key_opens_nothing_else(gateway: LiveGateway, method: str, path: str) -> None:
    body = None if method == "GET" else {"model": "demo"}
    assert ask(gateway, path, body, method, authorization=f"Bearer {ADMIN_KEY}").status == 401
    assert ask(gateway, f"{path}?key={ADMIN_KEY}", body, method, authorization=None).status == 401


def test_who_guesses_is_slowed_down_and_clients_are_not(gateway: LiveGateway) -> None:
    # one try comes back every six seconds: a machine may be so slow that one did in between
    for number in range(60):
        # whoever guesses may say what they like of where they are
        elsewhere = {"x_forwarded_for": f"10.0.0.{number}", "forwarded": f"for=10.0.0.{number}"}
        reply = manage(gateway, "GET", "/keys", authorization=f"Bearer guess {number}", **elsewhere)
        assert reply.status == 401 or number >= 10
        if reply.status == 429 and (right := manage(gateway, "GET", "/keys")).status == 429:
            break
    else:
        pytest.fail("nobody was slowed down")
    assert error(reply) == error(right) == (429, "rate_limit")
    assert 1 <= int(right.headers["retry-after"]) <= 60
    assert ask(gateway, "/v1/models", None, "GET", authorization=f"Bearer {CLIENT_KEY}").status == 200


def test_guesses_at_the_same_moment_do_not_get_past_the_throttle(gateway: LiveGateway) -> None:
    ready = threading.Barrier(24)

    def guess(number: int) -> int:
        ready.wait(20)
        return manage(gateway, "GET", "/keys", authorization=f"Bearer guess {number}").status

    began = time.monotonic()
    with ThreadPoolExecutor(24) as threads:
        statuses = list(threads.map(guess, range(24)))
    assert set(statuses) <= {401, 429}
    # one comes back every six seconds
    assert 10 <= statuses.count(401) <= 11 + (time.monotonic() - began) / 6


def test_pages_of_other_origins_get_nothing(gateway: LiveGateway) -> None:
    preflight = manage(
        gateway,
        "OPTIONS",
        "/keys",
        authorization=None,
        origin="https://evil.example",
        access_control_request_method="POST",
        access_control_request_headers="authorization",
    )
    assert preflight.status == 403
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{gateway.port + 1}"):
        reply = manage(gateway, "GET", "/keys", origin=origin)
        assert error(reply) == (403, "permission")
        assert not [name for name in reply.headers if name.startswith("access-control-")]
    assert manage(gateway, "GET", "/keys", origin=gateway.url).status == 200
    # the endpoints of clients are open to pages, which get to read what they are told of limits
    clients = ask(gateway, "/v1/models", None, "GET", origin="https://page.example", authorization="Bearer x")
    exposed = clients.headers["access-control-expose-headers"].split(", ")
    for name in ("retry-after", "x-should-retry", "x-ratelimit-remaining-tokens"):
        assert name in exposed
    assert "anthropic-ratelimit-requests-reset" in exposed


def sent(gateway: LiveGateway, head: str, body: bytes = b"", patience: float = 20.0) -> bytes:
    """The beginning of what a request on a plain socket is answered."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", gateway.port), patience)) as line:
        line.sendall(head.replace("\n", "\r\n").encode())
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            line.sendall(body)
        return line.recv(65536)


HEAD = """POST /dragoman/api/keys HTTP/1.1
host: gateway
content-type: application/json
content-length: {length}
{more}
"""


def test_a_body_is_not_waited_for_before_its_sender_is_let_in(gateway: LiveGateway) -> None:
    for more in ("", "authorization: Bearer wrong\n", f"authorization: Bearer {CLIENT_KEY}\n"):
        answer = sent(gateway, HEAD.format(length=50_000_000, more=more))
        assert answer.startswith(b"HTTP/1.1 401 ")


def test_a_large_body_is_refused(gateway: LiveGateway) -> None:
    for size in (5000, 300_000):
        body = b'{"name": "ada", "owner": "' + b"x" * size + b'"}'
        assert error(manage(gateway, "POST", "/keys", body)) == (413, "too_large")
    assert manage(gateway, "GET", "/keys").object["keys"] == []


def test_a_slow_body_is_not_waited_for_longer_than_the_configuration_says(gateway: LiveGateway) -> None:
    began = time.monotonic()
    more = f"authorization: Bearer {ADMIN_KEY}\n"
    answer = sent(gateway, HEAD.format(length=100, more=more), b'{"name": ')
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < 15


def test_what_leads_to_a_model_is_explained_to_those_who_may_use_it(gateway: LiveGateway) -> None:
    request = {"model": "demo", "messages": [{"role": "user", "content": "x"}]}
    for body in ({"model": "demo/demo"}, {"model": "nothing"}, {"request": request}):
        reply = ask(gateway, "/dragoman/explain", body, authorization=f"Bearer {READER_KEY}")
        assert reply.status == 403, reply
    allowed = ask(gateway, "/dragoman/explain", {"model": "other"}, authorization=f"Bearer {READER_KEY}")
    assert allowed.status == 200
