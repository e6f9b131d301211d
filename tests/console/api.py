"""The management API as tests ask it: over ASGI, every byte under their control."""

import json
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote, urlencode

from starlette.types import ASGIApp, Message

from dragoman.testing.json_value import JSON, Object

ADMIN_KEY = "admin-0123456789abcdef"
BASE = "/dragoman/api"


class Told(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Object:
        """The object that was answered."""
        found: JSON = json.loads(self.body)
        assert isinstance(found, dict)
        return found

    @property
    def error(self) -> Object:
        """What was wrong, in the one form that there is."""
        assert self.status >= 400
        assert set(self.json) == {"error"}
        error = self.json["error"]
        assert isinstance(error, dict)
        assert set(error) == {"type", "message", "param"}
        assert isinstance(error["message"], str)
        assert error["message"].isprintable()
        return error

    def list(self, name: str) -> list[Object]:
        """A list of objects that was answered."""
        found = self.json[name]
        assert isinstance(found, list)
        return [one for one in found if isinstance(one, dict)]


class Api:
    """Whoever asks, from an address, with the admin key unless something else is said."""

    def __init__(self, app: ASGIApp, key: str | None = ADMIN_KEY, address: str = "192.0.2.1") -> None:
        self._app = app
        self._key = key
        self._address = address

    def presenting(self, key: str | None) -> "Api":
        """The same with another key, or with none."""
        return Api(self._app, key, self._address)

    def at(self, address: str) -> "Api":
        """The same from another address."""
        return Api(self._app, self._key, address)

    async def get(self, path: str, **parameters: object) -> Told:
        """Ask, with these parameters behind the question mark."""
        query = urlencode({name: _said(value) for name, value in parameters.items()})
        return await self.send("GET", path, query=query)

    async def post(self, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Told:
        """Send a body, if there is one, as JSON."""
        return await self._sent("POST", path, body, headers)

    async def patch(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Told:
        """Change something."""
        return await self._sent("PATCH", path, body, headers)

    async def delete(self, path: str, headers: Mapping[str, str] | None = None, query: str = "") -> Told:
        """Take something away."""
        return await self.send("DELETE", path, headers=headers, query=query)

    async def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        query: str = "",
    ) -> Told:
        """Send a request as it is said. `path` is behind the base, percent-encoded where it has to be."""
        given = {"host": "gateway.example", **(headers or {})}
        if self._key is not None:
            given.setdefault("authorization", f"Bearer {self._key}")
        whole = BASE + path
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(whole),
            "raw_path": whole.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
            "client": (self._address, 50_000),
            "server": ("gateway.example", 80),
        }
        sent: list[Message] = []
        pieces = [body[start : start + 65_536] for start in range(0, len(body), 65_536)] or [b""]

        async def receive() -> Message:
            if not pieces:
                return {"type": "http.disconnect"}
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        start = sent[0]
        assert start["type"] == "http.response.start"
        found = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        return Told(start["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))

    async def _sent(self, method: str, path: str, body: object, headers: Mapping[str, str] | None) -> Told:
        encoded = b"" if body is None else json.dumps(body).encode()
        given = {"content-type": "application/json", **(headers or {})}
        return await self.send(method, path, headers=given, body=encoded)


def part(text: str) -> str:
    """Text as one part of a path."""
    return quote(text, safe="")


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
