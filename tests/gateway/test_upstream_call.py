"""A request reaches its provider with the provider's key and none of the client's; its refusals come back."""

import asyncio

import msgspec
import pytest
from tests.gateway.ends import BROKEN, SILENCE, Road, Upstream

from dragoman.access.keys import KeyInfo
from dragoman.config.settings import Timeouts
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.dialects import anthropic, openai_chat
from dragoman.dialects.dialect import Dialect, Location, WireRequest
from dragoman.gateway import upstream_call
from dragoman.gateway.call import Call
from dragoman.gateway.time_limits import TimeLimits, Watch
from dragoman.gateway.upstream_call import address, read_answer, send, send_all, without_secret
from dragoman.providers.provider import Provider
from dragoman.upstream.transport import UpstreamRequest

pytestmark = pytest.mark.anyio

PROVIDER = Provider(
    "claude", ("anthropic",), "http://there/base", "sk-secret", headers=(("x-team", "blue-team"),)
)
WIRE = WireRequest("/v1/messages", b"{}", (("anthropic-version", "2023-06-01"),))
REQUEST = UpstreamRequest("POST", "http://there/base/v1/messages", (), b"{}")


def addressed(*headers: tuple[bytes, bytes], asked: Dialect = anthropic.DIALECT) -> dict[str, str]:
    call = Call(asked, Location(), b"{}", list(headers), KeyInfo("1a2b3c", "key 1"), "req_1")
    request = address(call, anthropic.DIALECT, WIRE, PROVIDER)
    assert (request.method, request.url, request.body) == ("POST", REQUEST.url, b"{}")
    assert len({name for name, _ in request.headers}) == len(request.headers)
    return dict(request.headers)


def test_the_provider_gets_its_own_key_and_headers() -> None:
    assert addressed() == {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-team": "blue-team",
        "x-api-key": "sk-secret",
    }


def test_the_headers_of_like_requests_are_one_and_the_same() -> None:
    def sent(provider: Provider, *headers: tuple[bytes, bytes]) -> tuple[tuple[str, str], ...]:
        call = Call(anthropic.DIALECT, Location(), b"{}", list(headers), KeyInfo("1a2b3c", "key 1"), "req_1")
        return address(call, anthropic.DIALECT, WIRE, provider).headers

    assert sent(PROVIDER, (b"cookie", b"a=b")) is sent(PROVIDER)
    assert dict(sent(PROVIDER, (b"anthropic-beta", b"new-1")))["anthropic-beta"] == "new-1"
    assert "anthropic-beta" not in dict(sent(PROVIDER))
    other = msgspec.structs.replace(PROVIDER, api_key="sk-other")
    assert dict(sent(other))["x-api-key"] == "sk-other"


def test_the_clients_credentials_and_unrelated_headers_stay_here() -> None:
    sent = addressed(
        (b"authorization", b"Bearer sk-client"),
        (b"x-api-key", b"sk-client"),
        (b"anthropic-api-key", b"sk-client"),
        (b"cookie", b"a=b"),
        (b"host", b"gateway"),
    )
    assert sent == addressed()


def test_the_clients_headers_of_the_format_go_on_in_place_of_our_own() -> None:
    sent = addressed((b"anthropic-version", b"2099-01-01"), (b"anthropic-beta", b"new-1"))
    assert (sent["anthropic-version"], sent["anthropic-beta"]) == ("2099-01-01", "new-1")


def test_a_header_that_is_given_twice_goes_on_as_a_list() -> None:
    assert addressed((b"anthropic-beta", b"a"), (b"anthropic-beta", b"b,c"))["anthropic-beta"] == "a, b,c"


def test_headers_of_another_format_mean_nothing_there() -> None:
    assert "openai-beta" not in addressed((b"openai-beta", b"x"), asked=openai_chat.DIALECT)


def test_features_that_are_named_by_several_are_all_named_once() -> None:
    wire = WireRequest("/v1/messages", b"{}", (("anthropic-beta", "ours,both"),))
    provider = Provider("claude", ("anthropic",), headers=(("Anthropic-Beta", "configured, both"),))
    sent = [(b"anthropic-beta", b"theirs, both"), (b"anthropic-beta", b"more")]
    call = Call(anthropic.DIALECT, Location(), b"{}", sent, KeyInfo("1a2b3c", "key 1"), "req_1")
    headers = dict(address(call, anthropic.DIALECT, wire, provider).headers)
    assert headers["anthropic-beta"] == "ours,both,theirs,more,configured"


def test_what_is_no_list_is_what_the_configuration_says() -> None:
    provider = Provider("claude", ("anthropic",), headers=(("Anthropic-Version", "2077-07-07"),))
    call = Call(
        anthropic.DIALECT,
        Location(),
        b"{}",
        [(b"anthropic-version", b"x")],
        KeyInfo("1a2b3c", "key 1"),
        "req_1",
    )
    assert dict(address(call, anthropic.DIALECT, WIRE, provider).headers)["anthropic-version"] == "2077-07-07"


async def test_a_refusal_is_read_and_the_connection_let_go() -> None:
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down."}}'
    upstream = Upstream(body, status=429, headers={"retry-after": "7"})
    with pytest.raises(FailureError) as caught:
        await send(Road(upstream), REQUEST, PROVIDER, anthropic.DIALECT, 1)
    failure = caught.value.failure
    assert (failure.kind, failure.message, failure.retry_after) == (FailureKind.RATE_LIMIT, "Slow down.", 7)
    assert upstream.closed


async def test_a_refusal_that_breaks_off_is_told_by_its_status() -> None:
    with pytest.raises(FailureError) as caught:
        await send(Road(Upstream(BROKEN, status=529)), REQUEST, PROVIDER, anthropic.DIALECT, 1)
    assert caught.value.failure.kind is FailureKind.OVERLOADED


async def test_a_refusal_whose_words_do_not_come_is_told_by_its_status_and_headers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upstream_call, "MOST_WORDS", 0.01)
    upstream = Upstream(b"{", SILENCE, status=429, headers={"retry-after": "7"})
    with pytest.raises(FailureError) as caught:
        await send(Road(upstream), REQUEST, PROVIDER, anthropic.DIALECT, 1)
    assert (caught.value.failure.kind, caught.value.failure.retry_after) == (FailureKind.RATE_LIMIT, 7)
    assert upstream.closed


async def test_a_redirect_points_at_the_configuration() -> None:
    with pytest.raises(FailureError, match="base_url"):
        await send(Road(Upstream(status=307)), REQUEST, PROVIDER, anthropic.DIALECT, 1)


async def test_copies_are_sent_at_once_and_all_kept() -> None:
    upstreams = [Upstream(), Upstream(), Upstream()]
    road = Road(*upstreams, delays=(0.02, 0.02, 0.02))
    came: list[None] = []
    all_sent = send_all(
        road, REQUEST, PROVIDER, anthropic.DIALECT, 1, copies=3, came=lambda: came.append(None)
    )
    found = await asyncio.wait_for(all_sent, 0.05)
    assert found == upstreams
    assert len(came) == 3
    assert road.sent == [REQUEST] * 3


async def test_of_copies_of_which_one_is_refused_none_is_kept() -> None:
    accepted, late = Upstream(), Upstream()
    road = Road(accepted, Upstream(status=529), late, delays=(0, 0.01, 5))
    came: list[None] = []
    with pytest.raises(FailureError) as caught:
        await send_all(
            road, REQUEST, PROVIDER, anthropic.DIALECT, 1, copies=3, came=lambda: came.append(None)
        )
    assert len(came) == 1
    assert caught.value.failure.kind is FailureKind.OVERLOADED
    await asyncio.sleep(0)
    assert accepted.closed
    assert not late.closed  # it was never there


async def test_copies_are_let_go_when_the_client_leaves() -> None:
    accepted = Upstream()
    road = Road(accepted, Upstream(), delays=(0, 5))
    task = asyncio.ensure_future(
        send_all(road, REQUEST, PROVIDER, anthropic.DIALECT, 1, copies=2, came=lambda: None)
    )
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert accepted.closed


async def test_an_answer_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream_call, "MAX_ANSWER", 10)
    loop = asyncio.get_running_loop()
    limits = TimeLimits(Timeouts(), loop.time() + 5, Watch(loop))
    with limits:
        assert await read_answer(Upstream(b"12345", b"67890"), limits) == b"1234567890"
        with pytest.raises(FailureError, match="larger than 10 bytes"):
            await read_answer(Upstream(b"12345", b"67890", b"1", SILENCE), limits)


@pytest.mark.parametrize("secret", ["sk-secret", "blue-team"])
@pytest.mark.parametrize("place", ["message", "body"])
def test_an_error_that_quotes_a_secret_keeps_only_its_kind(secret: str, place: str) -> None:
    quoted = f"no: {secret}"
    failure = Failure(
        FailureKind.UPSTREAM_AUTHENTICATION,
        quoted if place == "message" else "no",
        status=401,
        retry_after=3,
        dialect="anthropic",
        body=quoted.encode() if place == "body" else b"",
    )
    clean = without_secret(failure, PROVIDER)
    assert secret not in str(clean)
    assert (clean.kind, clean.status, clean.retry_after) == (failure.kind, 401, 3)


def test_an_error_without_a_secret_stays_as_it_is() -> None:
    failure = Failure(FailureKind.SERVER, "Oh no.", body=b"{}")
    assert without_secret(failure, PROVIDER) is failure


@pytest.mark.parametrize(
    ("url", "said", "told"),
    [
        (
            "http://10.0.0.7:9110/v1",
            "10.0.0.7:9110 closed the connection before it answered.",
            "The provider 'claude' closed the connection before it answered.",
        ),
        (
            "https://inside.example",
            "Could not connect to inside.example:443: refused.",
            "Could not connect to the provider 'claude': refused.",
        ),
        (
            "http://[::1]/v1",
            "The answer of [::1]:80 broke off.",
            "The answer of the provider 'claude' broke off.",
        ),
        (
            "https://Inside.Example",
            "Could not connect to Inside.Example:443: refused.",
            "Could not connect to the provider 'claude': refused.",
        ),
    ],
)
def test_a_client_is_told_the_providers_name_and_not_its_address(url: str, said: str, told: str) -> None:
    provider = Provider("claude", ("anthropic",), url)
    assert without_secret(Failure(FailureKind.BAD_GATEWAY, said), provider).message == told
