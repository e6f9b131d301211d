"""The gateway as a running service: its parts put together, and what it can be told while it runs."""

import functools
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from dragoman.access.holder import Holder, build_budgets, build_limits
from dragoman.access.keys import KeyRing
from dragoman.config.settings import Media, Settings
from dragoman.console.opening import DeferredManagement, is_management
from dragoman.coordination.opening import open_recollection
from dragoman.dialects.registry import SPOKEN
from dragoman.gateway.admission import Allowances
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.response_cache import MOST_KEPT, ResponseCache
from dragoman.ledger.bodies import BodyKeeper
from dragoman.ledger.pricing import Pricing
from dragoman.models.overrides import build_profiles
from dragoman.models.prices import Prices
from dragoman.providers.price_list import build_prices
from dragoman.providers.provider import Provider
from dragoman.routing.router import Router
from dragoman.routing.traffic import Traffic
from dragoman.server.app import App, browser_ready
from dragoman.server.backing import Backing, SharedFiles
from dragoman.server.configuration import Configuration
from dragoman.server.http_server import HttpServer
from dragoman.server.journal import Journal, configured_targets
from dragoman.store.opening import open_responses
from dragoman.telemetry.metrics import Metrics
from dragoman.telemetry.redaction import Redactor
from dragoman.telemetry.secrets import secrets_of
from dragoman.testing.provider import FakeProvider
from dragoman.upstream.embedded import EmbeddedTransport
from dragoman.upstream.opening import open_transport
from dragoman.upstream.remote_media import RemoteMedia


class Service:
    """The whole gateway as an ASGI application, which closes what it opened when its lifespan ends."""

    def __init__(
        self, configuration: Configuration, folder: Path | None, shared: SharedFiles | None = None
    ) -> None:
        """Take what to run with, and the folder for files; without one, what is kept is gone with it.
        `shared` are the files in which the workers of a node count together.
        """
        settings, providers = configuration.settings, configuration.providers
        prices = build_prices(settings, providers)
        self.backing = backing = Backing(settings, folder, shared)
        self.metrics = Metrics()
        self.metrics.configure(configured_targets(settings))
        traffic = Traffic(settings.health, settings.queue)
        self.gateway = Gateway(
            keys=configuration.keys.with_directory(backing.directory),
            router=build_router(settings, providers, prices),
            providers=providers,
            dialects=SPOKEN,
            http=open_transport(),
            embedded=EmbeddedTransport(FakeProvider(kept=0)),
            timeouts=settings.timeouts,
            journal=Journal(self.metrics),
            ledger=backing.journal,
            allowances=_allowances(settings, backing, traffic),
            pricing=Pricing(prices, settings.ledger),
            now=time.time,
            kept_responses=open_responses(None if folder is None else backing.database),
            signatures=open_recollection(settings.coordination.url, settings.memory.max_signatures),
            answers=ResponseCache(open_recollection(settings.coordination.url, MOST_KEPT)),
            remote_media=_media(settings.media),
            memory=settings.memory,
            retries=settings.retries,
            node=backing.node,
            bodies=_bodies(settings, providers),
        )
        self.metrics.watch(traffic)
        self.metrics.watch_backing(backing.state)
        self.settings = settings
        upkeep = backing.follow()
        if backing.hints is not None:
            upkeep.append(functools.partial(traffic.share, backing.hints))
        self._app = App(self.gateway, self.metrics, settings, upkeep, backing.close, backing.state)
        self._management = DeferredManagement(self._build_management)
        self._front = browser_ready(self._app, settings)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request (ASGI)."""
        if scope["type"] == "http" and is_management(scope["raw_path"].decode("ascii", "replace")):
            return self._management(scope, receive, send)
        return self._front(scope, receive, send)

    def _build_management(self) -> ASGIApp:
        from dragoman.console.management import management_app  # noqa: PLC0415 - slow to import

        return management_app(
            settings=lambda: self.settings,
            configured=lambda: self.gateway.keys.configured,
            issuing=self.backing.issuing,
            leases=self.backing.leases,
            search=self.backing.search,
        )

    def renewal(self, configuration: Configuration) -> Callable[[], None]:
        """Prepare to go on with another configuration; what is given back does so, in one step. Requests on
        their way keep what they have begun with.
        """
        settings, providers = configuration.settings, configuration.providers
        prices = build_prices(settings, providers)
        router, pricing = build_router(settings, providers, prices), Pricing(prices, settings.ledger)
        front, bodies = browser_ready(self._app, settings), _bodies(settings, providers)

        def renew() -> None:
            self.gateway.renew(
                keys=configuration.keys.with_directory(self.backing.directory),
                router=router,
                providers=providers,
                timeouts=settings.timeouts,
                retries=settings.retries,
                allowances=_allowances(settings, self.backing, self.gateway.traffic),
                pricing=pricing,
                bodies=bodies,
            )
            self.backing.journal.settings = settings.ledger
            self.gateway.traffic.configure(settings.health, settings.queue)
            self.metrics.configure(configured_targets(settings))
            self.settings = self._app.settings = settings
            self._front = front

        return renew

    def drain(self) -> None:
        """Nothing new is to come: the service is being stopped."""
        self.gateway.draining = True


def build(
    settings: Settings, providers: dict[str, Provider], keys: KeyRing, folder: Path | None = None
) -> Service:
    """The service for these settings."""
    return Service(Configuration(settings, providers, keys), folder)


def http_server(service: Service) -> HttpServer:
    """The HTTP server for a service: `run([listener])` serves until told to stop."""
    return HttpServer(service, lambda: service.settings.server.shutdown_timeout, service.drain)


def build_router(
    settings: Settings, providers: Mapping[str, Provider], prices: Prices | None = None
) -> Router:
    """Where the model names of a configuration lead."""
    return Router(
        providers,
        settings.routes,
        build_profiles(settings),
        timeouts=settings.timeouts,
        retries=settings.retries,
        price=(prices or build_prices(settings, providers)).blended,
    )


def _allowances(settings: Settings, backing: Backing, traffic: Traffic) -> Allowances:
    routes = {
        name: Holder(
            "route",
            name,
            name,
            build_limits(route.limits),
            build_budgets(route.budgets),
            route.max_concurrent,
        )
        for name, route in settings.routes.items()
        if route.limits or route.budgets or route.max_concurrent
    }
    return Allowances(backing.meters, backing.purse, routes, traffic, settings.queue.timeout)


def _bodies(settings: Settings, providers: Mapping[str, Provider]) -> BodyKeeper:
    return BodyKeeper(settings.ledger, Redactor(secrets_of(settings, providers)))


def _media(settings: Media) -> RemoteMedia | None:
    if not settings.fetch:
        return None
    return RemoteMedia(settings.max_bytes, settings.timeout, allow_private=settings.allow_private)
