"""Every secret that the gateway has been told, so that logs can be kept free of them."""

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote, urlsplit

from dragoman.config.settings import Settings
from dragoman.providers.provider import Provider


def secrets_of(
    settings: Settings,
    providers: Mapping[str, Provider],
    created: str | None = None,
    urls: Iterable[str] = (),
) -> list[str]:
    """Keys of clients, of administrators and of providers, values of providers' headers, passwords in URLs.

    `created` is the key that a first start has made, and `urls` are addresses besides those of the
    settings that may hold a password, such as those of proxies.
    """
    found = [key.reveal() for key in settings.auth.keys]
    found += [key.key.reveal() for key in settings.keys.values()]
    found += [one.reveal() for one in (settings.auth.admin_key, settings.auth.secret) if one is not None]
    for provider in providers.values():
        found += provider.secrets
    for secret in (settings.coordination.url, settings.store.url):
        found += [] if secret is None else _logins(secret.reveal())
    for url in urls:
        found += _logins(url)
    return [secret for secret in dict.fromkeys([*found, created]) if secret]


def _logins(url: str) -> Iterator[str]:
    """User and password as they stand in a URL, and the password by itself."""
    try:
        parts = urlsplit(url)
    except ValueError:
        yield url
        return
    if parts.password:
        yield parts.netloc.rpartition("@")[0]
        yield parts.password
        yield unquote(parts.password)
    for part in parts.query.split("&"):  # libpq takes it there too
        name, _, value = part.partition("=")
        if unquote(name) in {"password", "sslpassword"}:
            yield value
            yield unquote(value)
