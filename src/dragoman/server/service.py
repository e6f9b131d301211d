"""The gateway as a running service: its parts put together, and the HTTP server around them."""

import socket
import time
from collections.abc import Mapping
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp

from dragoman.access.keys import KeyRing
from dragoman.config.settings import Media, Settings
from dragoman.conversation.failure import STATUS
from dragoman.coordination.opening import open_recollection
from dragoman.dialects.registry import SPOKEN
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.record import Record
from dragoman.models.overrides import build_profiles
from dragoman.providers.provider import Provider
from dragoman.routing.router import Router
from dragoman.routing.traffic import Traffic
from dragoman.server.app import App, browser_ready
from dragoman.server.http_protocol import LimitedHttpProtocol
from dragoman.store.opening import open_responses
from dragoman.testing.provider import FakeProvider
from dragoman.upstream.aiohttp_transport import AiohttpTransport
from dragoman.upstream.embedded import EmbeddedTransport
from dragoman.upstream.remote_media import RemoteMedia

KEEP_ALIVE = 75
"""Seconds that an idle client connection is kept; longer than the pools of the usual clients."""
DRAIN = 30
"""Seconds that running answers get to end when the service is told to stop."""


def build(
    settings: Settings, providers: Mapping[str, Provider], keys: KeyRing, folder: Path | None = None
) -> ASGIApp:
    """The whole gateway as an ASGI application that closes what it opened when its lifespan ends.

    `folder` is where it may keep files; without one, what it keeps is gone with it.
    """
    gateway = Gateway(
        keys=keys,
        router=build_router(settings, providers),
        providers=providers,
        dialects=SPOKEN,
        http=AiohttpTransport(),
        embedded=EmbeddedTransport(FakeProvider(kept=0)),
        timeouts=settings.timeouts,
        journal=_log_entry,
        now=time.time,
        kept_responses=open_responses(folder),
        signatures=open_recollection(settings.coordination.url, settings.memory.max_signatures),
        remote_media=_media(settings.media),
        memory=settings.memory,
        retries=settings.retries,
        traffic=Traffic(settings.health, settings.queue),
    )
    app = App(gateway, settings.server.max_body_bytes)
    return browser_ready(app, settings.server.cors_origins, open_to_all=settings.auth.open)


def build_router(settings: Settings, providers: Mapping[str, Provider]) -> Router:
    """Where the model names of a configuration lead."""
    return Router(
        providers,
        settings.routes,
        build_profiles(settings),
        timeouts=settings.timeouts,
        retries=settings.retries,
    )


def _media(settings: Media) -> RemoteMedia | None:
    if not settings.fetch:
        return None
    return RemoteMedia(settings.max_bytes, settings.timeout, allow_private=settings.allow_private)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `OSError` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def http_server(app: ASGIApp) -> uvicorn.Server:
    """The HTTP server for an application: `run(sockets=[...])` serves until told to stop."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=LimitedHttpProtocol,
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=DRAIN,
        )
    )


def _log_entry(record: Record) -> None:
    log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman")
    entry = record.entry()
    if record.failure is not None and STATUS[record.failure.kind] >= 500:
        log.warning("exchange failed", **entry)
    else:
        log.info("exchange", **entry)
