"""What the types of the settings cannot say: values that contradict each other or lead nowhere."""

import ipaddress
import re
from urllib.parse import urlsplit

from dragoman.config.secret import Secret
from dragoman.config.settings import ProviderSettings, Settings
from dragoman.config.source import KeyPath, Source

_PROVIDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_TARGET = re.compile(r"(?P<provider>[^/\s]+)/(?P<model>\S+)")


def check(settings: Settings) -> None:
    """Raise `ConfigError` for the first setting that cannot be meant so."""
    _check_server(settings)
    _check_auth(settings)
    for name, provider in settings.providers.items():
        _check_provider(name, provider, settings.source)
    for name, route in settings.routes.items():
        targets = tuple(one if isinstance(one, str) else one.target for one in route.targets)
        _check_targets(name, targets, settings.source)


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


def _check_auth(settings: Settings) -> None:
    auth, source = settings.auth, settings.source
    if auth.open and auth.keys:
        raise source.error(
            ("auth", "open"), "open = true asks for no keys, but keys are listed", "remove one of the two"
        )
    if auth.open and not is_loopback(settings.server.host):
        raise source.error(
            ("auth", "open"),
            f"open = true would let everybody who reaches {settings.server.host} use your upstream keys",
            'write keys = ["sk-..."] instead, or listen on host = "127.0.0.1"',
        )
    seen: set[str] = set()
    for index, key in enumerate(auth.keys):
        path: KeyPath = ("auth", "keys", index)
        _check_key(path, key, source)
        if key.reveal() in seen:
            raise source.error(path, "this key is listed twice", "remove one of the two")
        seen.add(key.reveal())


def _check_key(path: KeyPath, key: Secret, source: Source) -> None:
    text = key.reveal()
    if not text:
        raise source.error(path, "the key is empty", 'write a key, or "$NAME" for an environment variable')
    if not _VISIBLE.fullmatch(text):
        raise source.error(
            path,
            "the key has a space or a character that HTTP cannot carry",
            "write only letters, digits and punctuation of ASCII",
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
        _check_key((*path, "api_key"), provider.api_key, source)
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


def _check_targets(name: str, targets: tuple[str, ...], source: Source) -> None:
    if not name:
        raise source.error(("routes", name), "a route needs a name", 'write it as [routes."name"]')
    for index, target in enumerate(targets):
        path: KeyPath = ("routes", name, "targets", index)
        if not _TARGET.fullmatch(target):
            raise source.error(
                path,
                f"'{target}' does not say provider and model",
                'write it as "provider/model", such as "openai/gpt-4o"',
            )
        if target in targets[:index]:
            raise source.error(path, f"'{target}' is listed twice", "remove one of the two")
