"""Where a request carries its key: every vendor's way, on every endpoint."""

from typing import Literal
from urllib.parse import unquote_to_bytes

Style = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "query"]
"""How a key was presented."""

_STYLES: dict[bytes, Style] = {
    b"authorization": "bearer",
    b"x-api-key": "x-api-key",
    b"x-goog-api-key": "x-goog-api-key",
    b"api-key": "api-key",
}


def presented_key(headers: list[tuple[bytes, bytes]], query: bytes) -> tuple[str | None, Style | None]:
    """The key that a request presents, and how; `(None, None)` for a request without one.

    Header names must be in lower case, as ASGI has them. `Authorization: Bearer` goes before the
    other headers, the first of those before the rest, and any header before `?key=`: clients that
    talk to a gateway set the first and may still carry a vendor's own key in another. Empty values
    count as absent.
    """
    found: tuple[str, Style] | None = None
    for name, value in headers:
        if name not in _STYLES:
            continue
        style = _STYLES[name]
        if style == "bearer":
            if value[:7].lower() == b"bearer " and (key := value[7:].strip()):
                return key.decode("latin-1"), style
        elif found is None and (key := value.strip()):
            found = key.decode("latin-1"), style
    if found is not None:
        return found
    if b"key=" in query:
        for pair in query.split(b"&"):
            if pair.startswith(b"key=") and len(pair) > 4:
                return unquote_to_bytes(pair[4:]).decode("latin-1"), "query"
    return None, None
