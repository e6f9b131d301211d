"""Where a Valkey or Redis server is, as a URL says it."""

import urllib.parse

import msgspec

from dragoman.config.secret import Secret

_SCHEMES = {"valkey": False, "redis": False, "valkeys": True, "rediss": True}
"""Whether each scheme means TLS."""


class ValkeyAddress(msgspec.Struct, frozen=True):
    """One server, one of its numbered databases, and the login for it."""

    host: str
    port: int
    database: int
    tls: bool
    username: str | None
    password: Secret | None

    @property
    def where(self) -> str:
        """`host:port/database`, for logs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.database}"


def parse_valkey_url(url: Secret) -> ValkeyAddress:
    """Read `valkey://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, or the same with `redis`, `valkeys` or
    `rediss`, the last two for TLS.

    Raises `ValueError` that says what is wrong and shows nothing of the URL.
    """
    try:
        parts = urllib.parse.urlsplit(url.reveal())
        host, port = parts.hostname, parts.port
    except ValueError:
        # the text of these errors quotes the URL, password and all
        raise ValueError(
            "the URL's host or port is not valid; special characters of a password are written as %XX"
        ) from None
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"the URL must begin with one of {', '.join(f'{name}://' for name in _SCHEMES)}")
    if not host:
        raise ValueError("the URL names no host")
    if parts.query or parts.fragment:
        raise ValueError("the URL must end after the database's number: no `?` and no `#`")
    database = parts.path.strip("/") or "0"
    if not (database.isascii() and database.isdecimal()):
        raise ValueError("what follows the host in the URL must be the number of a database")
    return ValkeyAddress(
        host=host,
        port=6379 if port is None else port,
        database=int(database),
        tls=_SCHEMES[parts.scheme],
        username=_unquoted(parts.username),
        password=None if not parts.password else Secret(urllib.parse.unquote(parts.password)),
    )


def _unquoted(text: str | None) -> str | None:
    return urllib.parse.unquote(text) if text else None
