"""One upstream call: the request as it goes to one provider, and the head and body of what comes back."""

import asyncio
import contextlib
import functools
import re
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from dragoman.conversation.events import MEANINGFUL, Event
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.dialects.dialect import Dialect, StreamDecoder, WireRequest
from dragoman.gateway.answer_headers import upstream_id
from dragoman.gateway.call import Call
from dragoman.gateway.time_limits import TimeLimits
from dragoman.providers.provider import Headers, Provider
from dragoman.telemetry.redaction import Redactor
from dragoman.upstream.transport import Transport, UpstreamRequest, UpstreamResponse

MAX_ANSWER = 256 * 1024 * 1024
"""Bytes that a whole answer may have; pictures and sound come inside answers."""
MAX_ERROR = 1024 * 1024

MOST_WORDS = 5.0
"""Seconds that an upstream has for the words of a refusal: its status and headers say enough."""

LINGER = 0.1
"""Seconds that an upstream has to end an answer whose own end has come."""

_SHOULD_RETRY = {"true": True, "false": False}

_EVENT = 16 * 1024
"""Bytes of a whole answer that count as an event: less is no sign of life."""

_OWN = frozenset({"anthropic-api-key", "x-goog-api-key"})
"""Headers that carry credentials and never go through, whatever their prefix."""

_LISTS = frozenset({"anthropic-beta", "openai-beta"})
"""Headers that name features: who names one does not take another's away."""


_MOST_KEPT = 64
"""Forms of a request's headers that are kept of one provider: formats have a few."""


def address(
    call: Call,
    spoken: Dialect,
    wire: WireRequest,
    provider: Provider,
    resend: Callable[[], bool] | None = None,
    *,
    fresh: bool = False,
    connected: Callable[[], None] | None = None,
) -> UpstreamRequest:
    """The HTTP request for a provider: its base URL, its key, and the client's headers that belong
    to the wire format where both sides speak it. Of a header that several of them give, the provider's
    configuration counts before the client and the client before us; lists of features are joined.
    `resend`, `fresh` and `connected` are as `UpstreamRequest` has them.

    The headers of requests that differ in nothing of that are one and the same tuple.
    """
    forwarded = _forwarded(call, spoken) if spoken.forwarded and spoken is call.dialect else ()
    kept = provider.rendered
    key = (spoken.name, wire.headers)
    headers = None if forwarded else kept.get(key)
    if headers is None:
        headers = _headers(spoken, wire, forwarded, provider)
        if not forwarded and len(kept) < _MOST_KEPT:
            kept[key] = headers
    url = provider.url_of(spoken.name) + wire.path
    return UpstreamRequest("POST", url, headers, wire.body, resend, fresh, connected)


def _headers(spoken: Dialect, wire: WireRequest, forwarded: Headers, provider: Provider) -> Headers:
    headers = {"content-type": "application/json"}
    for given in (wire.headers, forwarded, provider.headers):
        for name, value in given:
            key = name.lower()
            headers[key] = _joined(headers[key], value) if key in _LISTS and key in headers else value
    if provider.api_key:
        credential, prefix = spoken.credential
        headers[credential] = prefix + provider.api_key
    return tuple(headers.items())


@functools.lru_cache(maxsize=64)
def _prefixes(forwarded: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(prefix.encode("latin-1") for prefix in forwarded)


def _forwarded(call: Call, spoken: Dialect) -> Headers:
    """The client's headers that belong to the wire format, where both sides speak it."""
    prefixes = _prefixes(spoken.forwarded)
    found = [header for header in call.headers if header[0].startswith(prefixes)]
    if not found:
        return ()
    theirs: dict[str, str] = {}
    for raw_name, raw_value in found:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name not in _OWN:
            # a header that is given twice is a list (RFC 9110, 5.3), such as of betas
            theirs[name] = f"{theirs[name]}, {value}" if name in theirs else value
    return tuple(theirs.items())


def _joined(first: str, second: str) -> str:
    """Two lists of features as one, every feature once."""
    known = {feature.strip() for feature in first.split(",")}
    new = dict.fromkeys(feature.strip() for feature in second.split(","))
    return ",".join([first, *(feature for feature in new if feature and feature not in known)])


async def send(
    transport: Transport,
    request: UpstreamRequest,
    provider: Provider,
    spoken: Dialect,
    connect_timeout: float,
) -> UpstreamResponse:
    """The answer of an upstream that has accepted the request.

    Raises `FailureError` for an upstream that cannot be reached or that refuses, with what it said.
    """
    upstream = await transport.send(request, connect_timeout)
    if 200 <= upstream.status < 300:
        return upstream
    raise await _refusal(upstream, provider, spoken)


async def _refusal(upstream: UpstreamResponse, provider: Provider, spoken: Dialect) -> FailureError:
    """What an upstream says that has not accepted the request."""
    try:
        try:
            async with asyncio.timeout(MOST_WORDS):
                body = await upstream.read(MAX_ERROR)
        except (FailureError, TimeoutError):
            body = b""
    finally:
        upstream.close()
    if upstream.status < 400:
        return FailureError(
            Failure(
                FailureKind.BAD_GATEWAY,
                f"The provider '{provider.name}' redirects (HTTP {upstream.status}): check its base_url.",
                status=upstream.status,
            )
        )
    failure = spoken.parse_error(upstream.status, upstream.headers, body)
    return FailureError(
        msgspec.structs.replace(
            failure,
            request_id=upstream_id(upstream.headers),
            should_retry=_SHOULD_RETRY.get(upstream.headers.get("x-should-retry", "").strip().lower()),
        )
    )


async def send_all(
    transport: Transport,
    request: UpstreamRequest,
    provider: Provider,
    spoken: Dialect,
    connect_timeout: float,
    copies: int,
    came: Callable[[], None],
) -> list[UpstreamResponse]:
    """The answers to several copies of one request, all accepted; if one is refused, none is kept. `came` is
    called for each that is accepted.
    """

    async def one() -> UpstreamResponse:
        upstream = await send(transport, request, provider, spoken, connect_timeout)
        came()
        return upstream

    tasks = [asyncio.ensure_future(one()) for _ in range(copies)]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        # waits for nothing: a cancellation that came meanwhile would get lost
        for task in tasks:
            task.cancel()
            task.add_done_callback(_close_answer)
        raise


async def read_answer(
    upstream: UpstreamResponse, limits: TimeLimits, begun: Callable[[], None] | None = None
) -> bytes:
    """The body of a whole answer. `begun` is called when it begins.

    White space ahead of it, which upstreams send that are busy for long, is no answer yet; after that, some
    kilobytes count as an event, and the end. Raises `FailureError` (bad gateway) for one that breaks off,
    or has more than `MAX_ANSWER` bytes.
    """
    if upstream.ended:
        body = await upstream.read(MAX_ANSWER)
        if begun is not None and body and not body.isspace():
            begun()
        return body
    pieces: list[bytes] = []
    size = due = 0
    while piece := await upstream.next():
        size += len(piece)
        if size > MAX_ANSWER:
            raise _too_large()
        pieces.append(piece)
        if size > due and (due or not piece.isspace()):
            if due == 0 and begun is not None:
                begun()
            limits.alive()
            due = size + _EVENT
    return b"".join(pieces)


async def read_events(
    upstream: UpstreamResponse,
    decoder: StreamDecoder,
    limits: TimeLimits,
    begun: Callable[[], None] | None = None,
) -> list[Event]:
    """All events of a streamed answer, for a client that wants it whole. `begun` is called when it begins.

    Raises `FailureError` (bad gateway) for one that breaks off before its end, or has more than
    `MAX_ANSWER` bytes.
    """
    events: list[Event] = []
    meaningful = False
    size = 0
    while not decoder.complete and (piece := await upstream.next()):
        size += len(piece)
        if size > MAX_ANSWER:
            raise _too_large()
        whole = decoder.pending + len(piece)
        found = decoder.feed(piece)
        whole -= decoder.pending
        events += found
        if not meaningful and any(isinstance(event, MEANINGFUL) for event in found):
            meaningful = True
            if begun is not None:
                begun()
        if meaningful and whole:
            limits.alive()
    return [*events, *decoder.close()]


async def settle(upstreams: Sequence[UpstreamResponse]) -> None:
    """Give answers whose own end has come, and whose bodies have not ended, a moment to end, so that their
    connections serve the next request.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            for upstream in upstreams:
                with contextlib.suppress(FailureError):
                    await upstream.next()


def _too_large() -> FailureError:
    return FailureError(
        Failure(FailureKind.BAD_GATEWAY, f"The upstream's answer is larger than {MAX_ANSWER} bytes.")
    )


def _close_answer(task: asyncio.Task[UpstreamResponse]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def without_secret(failure: Failure, provider: Provider) -> Failure:
    """The failure without our key and without the provider's address, which are not the client's business.

    Where the upstream quotes the key, only what kind of failure it is remains.
    """
    known = Redactor(provider.secrets)
    if known.finds(failure.request_id):
        failure = msgspec.structs.replace(failure, request_id="")
    if not (known.finds(failure.message) or known.finds(failure.body.decode("utf-8", "replace"))):
        message = _without_address(failure.message, provider)
        return failure if message == failure.message else msgspec.structs.replace(failure, message=message)
    status = f" (HTTP {failure.status})" if failure.status else ""
    return Failure(
        failure.kind,
        f"The provider '{provider.name}' reported an error{status} in words that hold its key.",
        status=failure.status,
        retry_after=failure.retry_after,
        request_id=failure.request_id,
    )


def _without_address(message: str, provider: Provider) -> str:
    for url in (provider.base_url, *provider.base_urls.values()):
        parts = urlsplit(url)
        if parts.hostname is None:
            continue
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        address = re.compile(re.escape(f"{host}:{port}"), re.IGNORECASE)
        message = address.sub(lambda _: f"the provider '{provider.name}'", message)
    return message[:1].upper() + message[1:] if message.startswith("the provider '") else message
