"""What cannot be meant about the store and the ledger."""

import re
from urllib.parse import urlsplit

from dragoman.config.secret import Secret
from dragoman.config.settings import Settings
from dragoman.config.source import KeyPath, Source

_SCHEMES = {"postgresql", "postgres"}


def check_bookkeeping(settings: Settings) -> None:
    """Raise `ConfigError` for the first setting of the store and the ledger that cannot be meant so."""
    source, ledger = settings.source, settings.ledger
    if settings.store.url is not None:
        _check_url(settings.store.url, source)
    for index, pattern in enumerate(ledger.redact):
        try:
            re.compile(pattern)
        except (re.error, OverflowError) as error:
            place: KeyPath = ("ledger", "redact", index)
            remedy = "write one as Python's re takes them, between '...' so that \\ stays as it is"
            raise source.error(place, f"this is not a regular expression ({error})", remedy) from None
    if ledger.redact and ledger.bodies == "off" and ("ledger", "redact") in source.lines:
        remedy = 'write bodies = "full" as well, or remove redact'
        raise source.error(
            ("ledger", "redact"), "no bodies are kept (bodies), so nothing is taken out", remedy
        )
    if (ledger.unpriced == "assume") != (ledger.assumed_price is not None):
        if ledger.assumed_price is None:
            problem = 'unpriced = "assume" needs the price to assume'
            remedy = "write assumed_price = { input = 5.0, output = 15.0 } as well"
            raise source.error(("ledger", "unpriced"), problem, remedy)
        problem = f'unpriced = "{ledger.unpriced}" assumes no price'
        remedy = 'write unpriced = "assume", or remove assumed_price'
        raise source.error(("ledger", "assumed_price"), problem, remedy)


def _check_url(url: Secret, source: Source) -> None:
    """Check where the database is. The URL may hold a password: nothing of it is shown."""
    path: KeyPath = ("store", "url")
    remedy = 'write it as "postgresql://user:password@host:5432/name", with %40 for an @ in the password'
    try:
        parts = urlsplit(url.reveal())
        known = parts.scheme in _SCHEMES and url.reveal().startswith(f"{parts.scheme}://")
    except ValueError:
        raise source.error(path, "this is not a URL", remedy) from None
    if not known:
        raise source.error(path, "this is not the URL of a Postgres database", remedy)
