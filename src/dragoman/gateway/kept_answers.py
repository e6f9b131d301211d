"""Answers that the serving side keeps, so that a next request can go on from them by id.

The gateway keeps what it has translated: the conversation so far, in the client's format. An answer that
was passed through is kept by the upstream that gave it; of those, the gateway knows where they are.
"""

from typing import NamedTuple
from urllib.parse import quote

import msgspec
import structlog

from dragoman.conversation.failure import Failure, FailureError, FailureKind, invalid
from dragoman.dialects.dialect import Head, State
from dragoman.gateway.call import Call
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.time_limits import TimeLimits
from dragoman.gateway.upstream_call import read_answer, send, without_secret
from dragoman.providers.provider import Provider
from dragoman.routing.route import Route
from dragoman.store.error import StoreError
from dragoman.store.responses import KeptResponse
from dragoman.upstream.transport import UpstreamRequest

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.gateway")


class Resumed(NamedTuple):
    """A request that is complete by itself, and the only place that can serve it, if there is one."""

    call: Call
    head: Head
    held_by: str | None = None
    """The credential (`RouteTarget.credential`) of the account that holds the conversation so far."""


async def resumed(gateway: Gateway, call: Call, head: Head) -> Resumed:
    """The request with the conversation that it goes on from in front.

    Raises `FailureError` (invalid request) where that is not kept, or not any more.
    """
    state = call.dialect.state
    previous = None if state is None else state.previous(head)
    if state is None or previous is None or gateway.memory.responses == 0:
        return Resumed(call, head)
    kept = await _found(gateway, call, previous)
    if kept is None:
        # OpenAI's own status here is 400, where it is 404 for an answer that is asked for by itself
        raise invalid(_gone(previous), "previous_response_id", "previous_response_not_found")
    if kept.provider:
        return Resumed(call, head, kept.provider)
    body = state.continued(call.body, state.history(kept.request, kept.answer))
    complete = msgspec.structs.replace(call, body=body, previous=previous)
    return Resumed(complete, call.dialect.read_head(body, call.location))


def within(route: Route, held_by: str | None) -> Route:
    """The route with only those targets that reach the account that holds the conversation.

    Raises `FailureError` where it leads to none of them.
    """
    if held_by is None:
        return route
    account = _account(held_by)
    targets = tuple(target for target in route.targets if _account(target.credential) == account)
    if not targets:
        raise FailureError(
            Failure(
                FailureKind.INVALID_REQUEST,
                f"The conversation so far is kept by the provider '{held_by}', and the model '{route.name}' "
                "does not lead there. Ask for a model there, or send the whole conversation.",
                param="previous_response_id",
            )
        )
    return msgspec.structs.replace(route, targets=targets)


def _account(credential: str) -> tuple[str, str]:
    """The provider's name and the key's number. A key stays the first when the provider gets more."""
    name, _, number = credential.partition("#")
    return name, number or "1"


def keeps(gateway: Gateway, call: Call, head: Head) -> State | None:
    """The way in which the answer to a request has to be kept; None where it has not."""
    state = call.dialect.state
    return state if state is not None and gateway.memory.responses > 0 and state.kept(head) else None


async def keep(gateway: Gateway, call: Call, state: State, answer: bytes) -> None:
    """Keep an answer that was made here."""
    now = gateway.now()
    await _put(
        gateway,
        KeptResponse(
            id=state.identified(answer),
            key=call.key.id,
            created=now,
            expires=now + gateway.memory.responses,
            provider=None,
            request=call.body,
            answer=answer,
        ),
    )


async def keep_place(gateway: Gateway, call: Call, identity: str, credential: str) -> None:
    """Note where an answer is that the upstream keeps itself: with the account behind a credential."""
    now = gateway.now()
    expires = now + gateway.memory.responses
    await _put(gateway, KeptResponse(identity, call.key.id, now, expires, credential, b"", b""))


async def show_answer(gateway: Gateway, call: Call, identity: str) -> bytes:
    """A kept answer. Raises `FailureError` (not found) for one that is not kept, or not any more."""
    kept = await _kept(gateway, call, identity)
    if kept.provider:
        return await _asked(gateway, call, kept, "GET", "")
    return kept.answer


async def show_items(gateway: Gateway, call: Call, identity: str) -> bytes:
    """The input items of the request behind a kept answer. Raises as `show_answer`."""
    kept = await _kept(gateway, call, identity)
    if kept.provider:
        return await _asked(gateway, call, kept, "GET", "/input_items")
    return _state(call).render_items(kept.request)


async def delete_answer(gateway: Gateway, call: Call, identity: str) -> bytes:
    """Keep an answer no longer; what to tell the client of it. Raises as `show_answer`."""
    kept = await _kept(gateway, call, identity)
    body = await _asked(gateway, call, kept, "DELETE", "") if kept.provider else None
    try:
        await gateway.kept_responses.delete(identity, call.key.id)
    except StoreError as error:
        raise _unusable(identity, error) from None
    return _state(call).render_deleted(identity) if body is None else body


async def _put(gateway: Gateway, response: KeptResponse) -> None:
    """Keep an answer. Where that fails, the client gets its answer all the same: only going on from it
    will be refused.
    """
    try:
        await gateway.kept_responses.put(response)
    except StoreError as error:
        _log.warning("answer not kept", response=response.id, error=str(error))


async def _found(gateway: Gateway, call: Call, identity: str) -> KeptResponse | None:
    try:
        return await gateway.kept_responses.get(identity, call.key.id, gateway.now())
    except StoreError as error:
        raise _unusable(identity, error) from None


def _unusable(identity: str, error: StoreError) -> FailureError:
    _log.warning("kept answers cannot be used", response=identity, error=str(error))
    words = "Kept answers cannot be used at the moment. Try again, or send the whole conversation."
    return FailureError(Failure(FailureKind.OVERLOADED, words))


async def _kept(gateway: Gateway, call: Call, identity: str) -> KeptResponse:
    kept = await _found(gateway, call, identity)
    if kept is None:
        raise FailureError(Failure(FailureKind.NOT_FOUND, _gone(identity)))
    return kept


async def _asked(gateway: Gateway, call: Call, kept: KeptResponse, method: str, rest: str) -> bytes:
    """What the upstream says that keeps an answer."""
    provider = _behind(gateway, kept.provider or "")
    if provider is None or call.dialect.name not in provider.dialects:
        raise FailureError(Failure(FailureKind.NOT_FOUND, _gone(kept.id)))
    end = gateway.watch.loop.time() + gateway.timeouts.total
    try:
        with TimeLimits(gateway.timeouts, end, gateway.watch) as limits:
            limits.sent()
            upstream = await send(
                gateway.transport(provider),
                _request(call, provider, method, f"/responses/{quote(kept.id, safe='')}{rest}"),
                provider,
                call.dialect,
                gateway.timeouts.connect,
            )
            try:
                limits.alive()
                return await read_answer(upstream, limits)
            finally:
                upstream.close()
    except FailureError as error:
        raise FailureError(without_secret(error.failure, provider)) from None


def _behind(gateway: Gateway, credential: str) -> Provider | None:
    """The provider with the key that a credential stands for; None where it is not here any more."""
    name, number = _account(credential)
    provider = gateway.providers.get(name)
    if provider is None:
        return None
    keyed = provider.keyed()
    at = int(number) - 1
    return keyed[at] if at < len(keyed) else None


def _request(call: Call, provider: Provider, method: str, path: str) -> UpstreamRequest:
    headers = list(provider.headers)
    if provider.api_key:
        credential, prefix = call.dialect.credential
        headers.append((credential, prefix + provider.api_key))
    return UpstreamRequest(method, provider.url_of(call.dialect.name) + path, tuple(headers), b"")


def _state(call: Call) -> State:
    if call.dialect.state is None:
        raise FailureError(Failure(FailureKind.NOT_FOUND, "Nothing is kept in this format."))
    return call.dialect.state


def _gone(identity: str) -> str:
    return f"Response with id '{identity[:100]}' not found: not kept here for this key, or not any more."
