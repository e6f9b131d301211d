"""The ASGI application: finds the endpoint, reads the request, hands it to the gateway."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import assert_never

import msgspec
import structlog
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from dragoman.access.credentials import presented_key
from dragoman.access.keys import OPEN
from dragoman.config.settings import Settings
from dragoman.conversation.failure import Failure, FailureError, FailureKind, invalid
from dragoman.dialects.dialect import Location
from dragoman.dialects.registry import DIALECTS
from dragoman.gateway.call import Call
from dragoman.gateway.counting import count
from dragoman.gateway.embeddings import embed
from dragoman.gateway.entrance import authenticate, check_model, check_operator
from dragoman.gateway.exchange import exchange
from dragoman.gateway.explanation import explain_posted
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.kept_answers import delete_answer, show_answer, show_items
from dragoman.gateway.relay import STOPPING
from dragoman.gateway.translation import translate_posted
from dragoman.server.connection import AsgiConnection, Connection
from dragoman.server.endpoint import (
    METHODS,
    Cancellation,
    Embeddings,
    Endpoint,
    Explain,
    Generation,
    Greeting,
    KeptAnswer,
    KeptItems,
    Liveness,
    Located,
    MetricsPage,
    ModelEntry,
    ModelList,
    Nothing,
    Posted,
    Readiness,
    Served,
    TargetStates,
    TokenCount,
    Translate,
    Unguarded,
    endpoint,
)
from dragoman.server.http_request import scope_request
from dragoman.telemetry.backing_state import BackingState
from dragoman.telemetry.metrics import Metrics

LOOPBACK_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
"""Pages of this machine: the only ones that may call a gateway that asks for no key."""

_COUNTED = ("requests", "tokens")
"""What the headers of limits are about."""
_EXPOSED = [
    "x-request-id",
    "request-id",
    "retry-after",
    "x-should-retry",
    *(f"x-ratelimit-{what}-{kind}" for kind in _COUNTED for what in ("limit", "remaining", "reset")),
    *(f"anthropic-ratelimit-{kind}-{what}" for kind in _COUNTED for what in ("limit", "remaining", "reset")),
    "x-dragoman-cache",
    "x-dragoman-estimated",
    "x-dragoman-losses",
    "x-dragoman-route",
    "x-dragoman-upstream-request-id",
]

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.server")


class App:
    """Serves the API of every dialect. One instance serves one gateway."""

    def __init__(
        self,
        gateway: Gateway,
        metrics: Metrics,
        settings: Settings,
        upkeep: Sequence[Callable[[], Awaitable[None]]] = (),
        close: Callable[[], Awaitable[None]] | None = None,
        backing: Callable[[], BackingState] = BackingState,
    ) -> None:
        """`upkeep` goes on in the background from the start to the end; `close` is called when the gateway is
        closed; `backing` says how all is that the gateway stands on.
        """
        self._upkeep = upkeep
        self._close = close
        self._backing = backing
        self._gateway = gateway
        self._metrics = metrics
        self._started = False
        self.settings = settings
        """What to take from clients, and to show them."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request (ASGI)."""
        if scope["type"] == "http":
            return self._answer(scope_request(scope) or AsgiConnection(scope, receive, send))
        if scope["type"] == "lifespan":
            return self._live(receive, send)
        raise ValueError(f"this application serves HTTP, not {scope['type']}")

    async def _answer(self, connection: Connection) -> None:
        """Answer one request, whatever becomes of it."""
        found = endpoint(connection.raw_path, connection.query, connection.headers)
        # in hexadecimal digits nothing looks like a key, which logs would not show; those that come after
        # each other stand beside each other in the ledger's index; forked workers get numbers of their own
        request_id = f"req_{time.time_ns() // 1_000_000:012x}{random.getrandbits(48):012x}"
        try:
            await self._serve(found, connection, request_id)
        except FailureError as error:
            kind, words = error.failure.kind, error.failure.message
            _log.info("request refused", request_id=request_id, failure=str(kind), error=words)
            self._metrics.refused(kind)
            await _refuse(found, error.failure, connection, request_id)
        except asyncio.CancelledError:
            # who is in the middle of an answer has been told in it; the others are told here
            if connection.started or connection.left:
                raise
            await _refuse(found, STOPPING, connection, request_id)
        except Exception:
            # The last resort: a bug of ours must not reach a client as a traceback.
            _log.exception("internal error", request_id=request_id)
            if not connection.started:
                words = f"Internal error. Quote {request_id} when you report it."
                await _refuse(found, Failure(FailureKind.SERVER, words), connection, request_id)
            else:
                raise

    async def _live(self, receive: Receive, send: Send) -> None:
        """From the start on, the gateway's upkeep; at the end, close what it has opened."""
        upkeep: list[asyncio.Future[None]] = []
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                upkeep += [
                    asyncio.ensure_future(one())
                    for one in (self._gateway.upkeep, self._metrics.keep_current, *self._upkeep)
                ]
                self._started = True
            if message["type"] == "lifespan.shutdown":
                self._started = False
                try:
                    await self._gateway.close()
                    if self._close is not None:
                        await self._close()
                finally:
                    for task in upkeep:
                        task.cancel()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})

    async def _serve(self, found: Endpoint, connection: Connection, request_id: str) -> None:
        """Answer whoever may be answered. Raises `FailureError` for the others."""
        method, headers = connection.method, connection.headers
        if isinstance(found, Nothing) or method not in METHODS[type(found)]:
            found = _other_method(found, method, connection.path)
        if isinstance(found, Unguarded):
            await self._tell_anybody(found, connection, request_id)
            return
        # before the body is read: nobody without a key gets to fill memory with one
        shown = isinstance(found, MetricsPage) and self.settings.metrics.open
        presented, _ = presented_key(headers, connection.query)
        key = OPEN if shown else await authenticate(self._gateway, presented)
        body = b""
        if isinstance(found, Posted):
            _check_media_type(headers)
            server = self.settings.server
            body = await connection.read_body(server.max_body_bytes, server.body_timeout)
        location = found.location if isinstance(found, Located) else Location()
        call = Call(found.dialect, location, body, headers, key, request_id)
        with connection:
            await self._perform(found, method, call, connection)

    async def _perform(self, found: Served, method: str, call: Call, connection: Connection) -> None:
        gateway, dialect = self._gateway, found.dialect
        match found:
            case Generation():
                await exchange(gateway, call, connection)
                return
            case TokenCount():
                await count(gateway, call, connection)
                return
            case Embeddings():
                await embed(gateway, call, connection)
                return
            case ModelList():
                cards = [card for card in gateway.router.cards() if call.key.may_use(card.id)]
                body = dialect.render_models(cards)
            case ModelEntry(model=model):
                check_model(call.key, model)
                body = dialect.render_model(gateway.router.card(model))
            case KeptAnswer(id=identity):
                kept = delete_answer if method == "DELETE" else show_answer
                body = await kept(gateway, call, identity)
            case KeptItems(id=identity):
                body = await show_items(gateway, call, identity)
            case Cancellation(id=identity):
                await show_answer(gateway, call, identity)
                raise invalid(
                    f"The response '{identity}' is not made in the background: there is nothing to cancel."
                )
            case Translate():
                body = translate_posted(call.body, DIALECTS)
            case Explain():
                body = explain_posted(call.body, gateway.router, gateway.traffic, DIALECTS, call.key)
            case TargetStates():
                check_operator(call.key)
                body = _render_health(self._backing(), gateway.traffic.targets())
            case MetricsPage():
                check_operator(call.key)
                body, media_type = await self._metrics.page(_accepted(call.headers))
                await _show(connection, body, call.request_id, media_type)
                return
            case _:
                assert_never(found)
        await _show(connection, body, call.request_id)

    async def _tell_anybody(self, found: Unguarded, connection: Connection, request_id: str) -> None:
        match found:
            case Greeting():
                await _show(connection, b'{"message":"hello"}', request_id)
            case Liveness():
                await _tell_health("live", "", connection, request_id)
            case Readiness():
                reason = self._unready()
                await _tell_health("unready" if reason else "ready", reason, connection, request_id)
            case _:
                assert_never(found)

    def _unready(self) -> str:
        """Why no requests should be sent here; empty if they should."""
        if self._gateway.draining:
            return "the gateway is being stopped"
        return "" if self._started else "the gateway is starting"


def browser_ready(app: App, settings: Settings) -> ASGIApp:
    """The application with CORS, preflight included, for pages of the origins in the settings.

    A gateway that asks for no key answers only pages of this machine, unless origins were named:
    otherwise every page that its user visits could spend the user's tokens.
    """
    origins = settings.server.cors_origins
    if not origins:
        return app
    guarded = origins == ("*",) and settings.auth.open
    shared = CORSMiddleware(
        app,
        allow_origins=() if guarded else origins,
        allow_origin_regex=LOOPBACK_ORIGIN if guarded else None,
        allow_methods=("GET", "POST", "DELETE"),
        allow_headers=("*",),
        expose_headers=_EXPOSED,
        max_age=86400,
    )

    def serve(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            for name, _ in scope["headers"]:
                if name == b"origin":
                    # what is added to the answer is added to ASGI's messages: the shorter way is closed
                    return shared({**scope, "extensions": {}}, receive, send)
        return app(scope, receive, send)

    return serve


def _other_method(found: Endpoint, method: str, path: str) -> Served | Unguarded:
    """The same endpoint, if HEAD asks for what GET would get. Raises `FailureError` for any other method that
    it does not have, and where nothing is served.
    """
    # Google's other methods of a model, such as `:predict`, are asked for with POST
    foreign = isinstance(found, ModelEntry) and ":" in found.model and method == "POST"
    if isinstance(found, Nothing) or foreign:
        advice = f" {found.advice}" if isinstance(found, Nothing) and found.advice else ""
        raise FailureError(Failure(FailureKind.NOT_FOUND, f"Nothing is served at {method} {path}.{advice}"))
    allowed = METHODS[type(found)]
    if method == "HEAD" and "GET" in allowed:
        return found
    words = f"{method} is not served here; use {' or '.join(allowed)}."
    raise FailureError(Failure(FailureKind.METHOD_NOT_ALLOWED, words))


def _check_media_type(headers: list[tuple[bytes, bytes]]) -> None:
    """Only JSON is taken. A page could send anything else here without asking first (CORS)."""
    for name, value in headers:
        if name == b"content-type":
            media_type = value.partition(b";")[0].strip().lower()
            if media_type == b"application/json" or media_type.endswith(b"+json"):
                return
            sent = media_type.decode("latin-1")
            raise invalid(f"The body was sent as '{sent}'; send it with 'Content-Type: application/json'.")
    raise invalid("The Content-Type is missing; send the body with 'Content-Type: application/json'.")


def _accepted(headers: list[tuple[bytes, bytes]]) -> str:
    return ", ".join(value.decode("latin-1") for name, value in headers if name == b"accept")


async def _show(
    connection: Connection, body: bytes, request_id: str, media_type: str = "application/json"
) -> None:
    headers = [("content-type", media_type), ("x-request-id", request_id), ("request-id", request_id)]
    await connection.respond(200, headers, body)


async def _tell_health(status: str, reason: str, connection: Connection, request_id: str) -> None:
    said = {"status": status, "reason": reason} if reason else {"status": status}
    headers = [("content-type", "application/json"), ("x-request-id", request_id)]
    headers.append(("cache-control", "no-store"))
    await connection.respond(503 if reason else 200, headers, msgspec.json.encode(said))


def _render_health(backing: BackingState, targets: object) -> bytes:
    shown = {
        "store_usable": backing.store_usable,
        "coordination_degraded": backing.coordination_degraded,
        "journal_unread_bytes": backing.journal_unread_bytes,
        "targets": targets,
    }
    return msgspec.json.encode(shown)


async def _refuse(found: Endpoint, failure: Failure, connection: Connection, request_id: str) -> None:
    error = found.dialect.render_error(failure, request_id)
    headers = list(error.headers)
    if failure.kind is FailureKind.METHOD_NOT_ALLOWED:
        headers.append(("allow", ", ".join(METHODS[type(found)])))  # HTTP demands it (RFC 9110, 15.5.6)
    if failure.kind is FailureKind.REQUEST_TIMEOUT:
        headers.append(("connection", "close"))  # what may still come of the request is no other request
    await connection.respond(error.status, headers, error.body)
