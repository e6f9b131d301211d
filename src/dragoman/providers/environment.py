"""The providers that the gateway runs with: those of the settings, or what the environment offers."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from dragoman.config.settings import ProviderSettings, Settings
from dragoman.config.source import KeyPath, Source, dotted
from dragoman.config.validation import suggestion
from dragoman.dialects.dialect import Host
from dragoman.dialects.registry import DIALECTS, SPOKEN
from dragoman.providers.provider import Provider
from dragoman.providers.table import EMBEDDED, Place, places

_VERSIONS = {"anthropic": ("/v1",), "gemini": ("/v1beta", "/v1")}
"""What those formats' own paths begin with. SDKs disagree on whether a base URL ends with it."""

_CHAT, _COMPLETIONS = "openai_chat", "openai_completions"


def build_providers(settings: Settings, environ: Mapping[str, str]) -> dict[str, Provider]:
    """The providers by name: those of the settings; without any, those whose key the environment
    holds; without any of those, the embedded one.

    Raises `ConfigError` for a provider that lacks something, and for a route to one that is not there.
    """
    if settings.providers:
        providers = {
            name: _configured(name, provider, settings.source, environ)
            for name, provider in settings.providers.items()
        }
    else:
        providers = _discovered(environ)
    for route, description in settings.routes.items():
        for index, target in enumerate(description.targets):
            path: KeyPath = ("routes", route, "targets", index)
            if isinstance(target, str):
                _check_target(target, path, providers, settings)
            else:
                _check_target(target.target, (*path, "target"), providers, settings)
    return providers


def _discovered(environ: Mapping[str, str]) -> dict[str, Provider]:
    found = {
        name: _known(name, place, api_key=key)
        for name, place in places().items()
        if (key := place.key(environ))
    }
    return found or {EMBEDDED: _known(EMBEDDED, places()[EMBEDDED])}


def _known(name: str, place: Place, api_key: str = "") -> Provider:
    first, *others = place.urls
    return Provider(
        name,
        tuple(place.urls),
        base_url=place.urls[first],
        api_key=api_key,
        host=place.host,
        model_patterns=place.models,
        base_urls={dialect: place.urls[dialect] for dialect in others if not place.embedded},
        embedded=place.embedded,
        place=name,
    )


def _configured(
    name: str, settings: ProviderSettings, source: Source, environ: Mapping[str, str]
) -> Provider:
    path: KeyPath = ("providers", name)
    place = places().get(name)
    if place is not None and place.embedded:
        return _embedded(name, settings, place, source)
    urls = _with_completions(_urls(path, settings, place, source), place or _place_at(settings.base_url))
    first, *others = urls
    at_home = place is not None and all(place.urls.get(dialect) == url for dialect, url in urls.items())
    given = settings.api_keys or (() if settings.api_key is None else (settings.api_key,))
    api_key, *more_keys = [key.reveal() for key in given] or [""]
    if place is not None and at_home and place.key_variables and not api_key:
        api_key = place.key(environ)
        if not api_key:
            raise source.error(
                (*path, "api_key"),
                f"{name} needs a key, and {' or '.join(place.key_variables)} is not set",
                f'write api_key = "..." under [{dotted(path)}], or set the variable',
            )
    return Provider(
        name,
        tuple(urls),
        base_url=urls[first],
        api_key=api_key,
        host=_host(place, urls[first], settings),
        model_patterns=() if place is None else place.models,
        models=settings.models,
        headers=tuple((header, value.reveal()) for header, value in settings.headers.items()),
        base_urls={dialect: urls[dialect] for dialect in others},
        more_keys=tuple(more_keys),
        max_concurrent=settings.max_concurrent,
        place=name if place is not None else _name_of(_place_at(urls[first])),
    )


def _embedded(name: str, settings: ProviderSettings, place: Place, source: Source) -> Provider:
    for field in ("dialect", "dialects", "base_url", "api_key", "api_keys"):
        if getattr(settings, field):
            raise source.error(
                ("providers", name, field),
                f"{name} answers inside the gateway and has no {field}",
                "remove the line, or give the provider another name",
            )
    return msgspec.structs.replace(
        _known(name, place), models=settings.models, max_concurrent=settings.max_concurrent
    )


def _urls(path: KeyPath, settings: ProviderSettings, place: Place | None, source: Source) -> dict[str, str]:
    """Where each of the provider's dialects is spoken; never empty."""
    if settings.dialects is not None:
        for dialect in settings.dialects:
            _check_dialect((*path, "dialects", dialect), dialect, source)
        return {dialect: _tidied(dialect, url) for dialect, url in settings.dialects.items()}
    if settings.dialect is not None:
        _check_dialect((*path, "dialect"), settings.dialect, source)
    place = place or _place_at(settings.base_url)
    dialect = settings.dialect or (next(iter(place.urls)) if place is not None else None)
    if dialect is None:
        raise source.error(
            (*path, "dialect"),
            f"{path[-1]} is not a known provider, so its wire format must be said",
            f'write dialect = "openai_chat" for an OpenAI-compatible host; known are {", ".join(DIALECTS)}',
        )
    if settings.base_url is not None:
        spoken = [dialect]
        if settings.dialect is None and place is not None:
            # formats that a known place speaks at one address are expected at any address in its name
            spoken = [name for name, url in place.urls.items() if url == place.urls[dialect]]
        return {name: _tidied(name, settings.base_url) for name in spoken}
    if place is None:
        raise source.error(
            (*path, "base_url"),
            f"{path[-1]} is not a known provider, so its address must be said",
            'write base_url = "https://..." or use a known name: ' + ", ".join(places()),
        )
    if dialect not in place.urls:
        raise source.error(
            (*path, "dialect"),
            f"{path[-1]} is not known to speak {dialect}",
            f'write base_url = "https://..." as well, or one of: {", ".join(place.urls)}',
        )
    return place.urls if settings.dialect is None else {dialect: place.urls[dialect]}


def _with_completions(urls: dict[str, str], place: Place | None) -> dict[str, str]:
    """The same with OpenAI's older Completions beside Chat Completions, where the place is known for them
    or not known at all: hosts of open models have them at the same address.
    """
    if _CHAT not in urls or (place is not None and _COMPLETIONS not in place.urls):
        return urls
    return urls if _COMPLETIONS in urls else {**urls, _COMPLETIONS: urls[_CHAT]}


def _check_dialect(path: KeyPath, dialect: str, source: Source) -> None:
    if dialect not in SPOKEN:
        raise source.error(path, f"'{dialect}' is not a dialect", suggestion(dialect, SPOKEN))


def _tidied(dialect: str, url: str) -> str:
    """A base URL without a slash at the end, and without what the dialect's paths begin with."""
    url = url.rstrip("/")
    for version in _VERSIONS.get(dialect, ()):
        url = url.removesuffix(version)
    return url.rstrip("/")


def _host(place: Place | None, url: str, settings: ProviderSettings) -> Host:
    """The quirks of a known name or, under any other name, of a known address, and what is said of it."""
    found = place or _place_at(url)
    host = Host() if found is None else found.host
    if settings.remote_media is None:
        return host
    return msgspec.structs.replace(host, remote_media=settings.remote_media)


def _name_of(place: Place | None) -> str:
    return next((name for name, known in places().items() if known is place), "")


def _place_at(url: str | None) -> Place | None:
    """The known place with this address, whatever it is called in the settings."""
    host = urlsplit(url or "").netloc
    return next(
        (
            place
            for place in places().values()
            if host and any(urlsplit(known).netloc == host for known in place.urls.values())
        ),
        None,
    )


def _check_target(target: str, path: KeyPath, providers: dict[str, Provider], settings: Settings) -> None:
    name = target.partition("/")[0]
    if name in providers:
        return
    place = places().get(name)
    if place is None or place.embedded:
        remedy = suggestion(name, providers)
    elif settings.providers:
        remedy = f"add a [providers.{name}] table, or use one of: {', '.join(providers)}"
    else:
        remedy = f"set {' or '.join(place.key_variables) or 'it up'}, or add a [providers.{name}] table"
    raise settings.source.error(path, f"there is no provider '{name}'", remedy)
