"""What the types of the settings cannot say: values that contradict each other or lead nowhere."""

import ipaddress
import re
from urllib.parse import urlsplit

from dragoman.config.bookkeeping_checks import check_bookkeeping
from dragoman.config.key_checks import check_access, check_key, check_keys
from dragoman.config.route_checks import check_route
from dragoman.config.settings import ProviderSettings, Settings
from dragoman.config.source import KeyPath, Source, dotted, quoted
from dragoman.config.time_checks import check_times

_PROVIDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VISIBLE = re.compile(r"[\x21-\x7e]+")


def check(settings: Settings) -> None:
    """Raise `ConfigError` for the first setting that cannot be meant so."""
    _check_server(settings)
    _check_open(settings)
    check_access(settings)
    check_bookkeeping(settings)
    for name, provider in settings.providers.items():
        _check_provider(name, provider, settings.source)
    for name in settings.routes:
        check_route(name, settings)
    for pattern in settings.prices:
        _check_price_pattern(pattern, settings.source)
    check_times(settings)


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only. Names other than `localhost` count
    as reachable from elsewhere: they may resolve to anything.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_server(settings: Settings) -> None:
    for index, origin in enumerate(settings.server.cors_origins):
        parts = urlsplit(origin)
        if origin != "*" and (
            not parts.scheme or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}"
        ):
            raise settings.source.error(
                ("server", "cors_origins", index),
                "this is not an origin",
                'write a scheme and a host without a path, such as "https://chat.example.com", or "*"',
            )


def _check_open(settings: Settings) -> None:
    auth, source = settings.auth, settings.source
    if auth.open and (auth.keys or settings.keys):
        listed = "keys are listed" if auth.keys else f"there is {dotted(('keys', next(iter(settings.keys))))}"
        raise source.error(
            ("auth", "open"), f"open = true asks for no keys, but {listed}", "remove one of the two"
        )
    if auth.open and not is_loopback(settings.server.host):
        raise source.error(
            ("auth", "open"),
            f"open = true would let everybody who reaches {settings.server.host} use your upstream keys",
            'write keys = ["sk-..."] instead, or listen on host = "127.0.0.1"',
        )


def _check_provider(name: str, provider: ProviderSettings, source: Source) -> None:
    path: KeyPath = ("providers", name)
    if not _PROVIDER_NAME.fullmatch(name):
        raise source.error(
            path,
            "this cannot be the name of a provider",
            "use letters, digits, dots, underscores and hyphens",
        )
    if provider.dialects is not None:
        for field in ("dialect", "base_url"):
            if getattr(provider, field) is not None:
                raise source.error(
                    (*path, field), f"{field} and dialects say the same thing twice", "remove one of the two"
                )
        if not provider.dialects:
            raise source.error(
                (*path, "dialects"),
                "no dialect is listed",
                'write dialects = { openai_chat = "https://..." }',
            )
        for dialect, url in provider.dialects.items():
            _check_url((*path, "dialects", dialect), url, source)
    if provider.base_url is not None:
        _check_url((*path, "base_url"), provider.base_url, source)
    if provider.api_key is not None:
        check_key((*path, "api_key"), provider.api_key, source)
        if provider.api_keys:
            raise source.error(
                (*path, "api_keys"), "api_key and api_keys are both given", "list all keys in api_keys"
            )
    check_keys([((*path, "api_keys", index), key) for index, key in enumerate(provider.api_keys)], source)
    for header, value in provider.headers.items():
        if not _HEADER_NAME.fullmatch(header):
            raise source.error(
                (*path, "headers", header),
                "this cannot be the name of a header",
                "write a name such as X-Title",
            )
        if any(character in value.reveal() for character in "\r\n\0"):
            raise source.error(
                (*path, "headers", header), "the value has a line break in it", "write it on one line"
            )


def _check_url(path: KeyPath, url: str, source: Source) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
        parts = urlsplit("")
    if not valid or not _VISIBLE.fullmatch(url):
        raise source.error(
            path,
            "this is not the address of a web service",
            'write it as "https://host/path" or "http://host/path"',
        )
    if "@" in parts.netloc:
        raise source.error(path, "the address holds a user or a password", "write the key as api_key instead")
    if "?" in url or "#" in url:
        raise source.error(path, "the address holds a query or a fragment", "write it only up to the path")


def _check_price_pattern(pattern: str, source: Source) -> None:
    provider, slash, model = pattern.partition("/")
    if not (provider and slash and model):
        raise source.error(
            ("prices", pattern),
            "the pattern does not say provider and model",
            f"write it as [prices.{quoted('provider/' + (pattern.strip('/') or 'model'))}], "
            "with * for what may be anything",
        )
