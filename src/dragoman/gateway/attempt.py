"""One attempt: the request as it goes to one target, and the head of what comes back."""

import asyncio
from collections.abc import Iterable

from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.dialects.dialect import Dialect, WireRequest
from dragoman.gateway.call import Call
from dragoman.gateway.time_limits import TimeLimits
from dragoman.providers.provider import Provider
from dragoman.upstream.transport import Transport, UpstreamRequest, UpstreamResponse

MAX_ANSWER = 256 * 1024 * 1024
"""Bytes that a whole answer may have; pictures and sound come inside answers."""
MAX_ERROR = 1024 * 1024

_OWN = frozenset({"anthropic-api-key", "x-goog-api-key"})
"""Headers that carry credentials and never go through, whatever their prefix."""


def address(call: Call, spoken: Dialect, wire: WireRequest, provider: Provider) -> UpstreamRequest:
    """The HTTP request for a provider: its base URL, its key, and the client's headers that belong
    to the wire format where both sides speak it.
    """
    headers = {"content-type": "application/json", **dict(wire.headers)}
    if spoken is call.dialect and spoken.forwarded:
        for name, value in call.headers:
            text = name.decode("latin-1")
            if text.startswith(spoken.forwarded) and text not in _OWN:
                headers[text] = value.decode("latin-1")
    headers.update(provider.headers)
    if provider.api_key:
        credential, prefix = spoken.credential
        headers[credential] = prefix + provider.api_key
    url = provider.url_of(spoken.name) + wire.path
    return UpstreamRequest("POST", url, tuple(headers.items()), wire.body)


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
    try:
        try:
            body = await upstream.read(MAX_ERROR)
        except FailureError:
            body = b""
    finally:
        upstream.close()
    if upstream.status < 400:
        raise FailureError(
            Failure(
                FailureKind.BAD_GATEWAY,
                f"The provider '{provider.name}' redirects (HTTP {upstream.status}): check its base_url.",
                status=upstream.status,
            )
        )
    raise FailureError(_without_secret(spoken.parse_error(upstream.status, upstream.headers, body), provider))


async def send_all(
    transport: Transport,
    request: UpstreamRequest,
    provider: Provider,
    spoken: Dialect,
    connect_timeout: float,
    copies: int,
) -> list[UpstreamResponse]:
    """The answers to several copies of one request, all accepted; if one is refused, none is kept."""
    if copies == 1:
        return [await send(transport, request, provider, spoken, connect_timeout)]
    tasks = [
        asyncio.ensure_future(send(transport, request, provider, spoken, connect_timeout))
        for _ in range(copies)
    ]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        await _let_go(tasks)
        raise


async def read_answer(upstream: UpstreamResponse, limits: TimeLimits) -> bytes:
    """The body of a whole answer. Every piece of it is a sign of life: upstreams that are busy for long
    send white space ahead of the answer.

    Raises `FailureError` (bad gateway) for one that breaks off, or has more than `MAX_ANSWER` bytes.
    """
    pieces: list[bytes] = []
    size = 0
    while piece := await upstream.next():
        limits.alive()
        size += len(piece)
        if size > MAX_ANSWER:
            raise FailureError(
                Failure(FailureKind.BAD_GATEWAY, f"The upstream's answer is larger than {MAX_ANSWER} bytes.")
            )
        pieces.append(piece)
    return b"".join(pieces)


async def _let_go(tasks: Iterable[asyncio.Task[UpstreamResponse]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        try:
            (await task).close()
        except (asyncio.CancelledError, FailureError):
            continue


def _without_secret(failure: Failure, provider: Provider) -> Failure:
    """The failure, unless the upstream quotes our key in it: then only what kind it is."""
    key = provider.api_key
    if key and (key in failure.message or key.encode() in failure.body):
        return Failure(
            failure.kind,
            f"The provider '{provider.name}' refused the request (HTTP {failure.status}).",
            status=failure.status,
            retry_after=failure.retry_after,
        )
    return failure
