"""The management API as an ASGI application: `/dragoman/api/` and what lies under it.

Every request needs the admin key, the document included. Nothing here is for pages of other origins: no
answer names an origin that may read it, and requests that say that they come from another page are refused.
"""

import os
from collections.abc import Callable, Sequence

import msgspec
import structlog
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from dragoman.config.settings import Settings
from dragoman.console.admission import Admission
from dragoman.console.opening import BASE
from dragoman.console.operation import Answer, Asked, Operation
from dragoman.console.problem import Problem, ProblemAnswer, ProblemError
from dragoman.console.reading import (
    check_media_type,
    decode_body,
    decode_parameters,
    is_visible,
    read_body,
    shown,
)
from dragoman.store.error import StoreError

SECURE = (
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
)
"""What goes along with every answer: nobody keeps it, and no browser takes it for a page."""

_LONGEST_PART = 300
_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.console")


class Management:
    """Finds the operation, lets nobody in without the key, and answers in one form."""

    def __init__(
        self,
        operations: Sequence[Operation],
        settings: Callable[[], Settings],
        admission: Admission,
    ) -> None:
        self._settings = settings
        self._admission = admission
        places: dict[str, dict[str, Operation]] = {}
        for operation in operations:
            places.setdefault(operation.path, {})[operation.method] = operation
        routes = [Route(BASE + path, _Place(found, settings)) for path, found in places.items()]
        routes.append(Route(BASE, _Place(places.get("/", {}), settings)))
        self._router = Router(routes, redirect_slashes=False, default=_nothing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http":
            raise ValueError(f"this application serves HTTP, not {scope['type']}")
        # in hexadecimal digits nothing looks like a key, which logs would not show
        request_id = scope["dragoman.request_id"] = f"req_{os.urandom(12).hex()}"
        try:
            self._admit(scope)
            await self._router(scope, receive, send)
        except ProblemError as error:
            await _refuse(error, scope, send)
        except StoreError as error:
            _log.warning("the store cannot be used", request_id=request_id, error=str(error))
            await _refuse(
                ProblemError(
                    "unavailable",
                    "The store cannot be used right now. Try again; the gateway's log says more.",
                    headers=(("retry-after", "1"),),
                ),
                scope,
                send,
            )
        except Exception:  # noqa: BLE001 - the last resort: nobody is shown a traceback
            _log.exception("internal error", request_id=request_id)
            words = f"Internal error. Quote {request_id} when you report it."
            await _refuse(ProblemError("server", words), scope, send)

    def _admit(self, scope: Scope) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        _check_origin(headers)
        self._admission.admit(self._settings().auth.admin_key, headers, _address(scope))


class _Place:
    """One path, and what can be asked there."""

    def __init__(self, operations: dict[str, Operation], settings: Callable[[], Settings]) -> None:
        self._operations = operations
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        operation = self._operations.get("GET" if method == "HEAD" else method)
        if operation is None:
            allowed = ", ".join([*self._operations, *(("HEAD",) if "GET" in self._operations else ())])
            raise ProblemError(
                "method_not_allowed", f"This path takes {allowed}.", headers=(("allow", allowed),)
            )
        headers = _headers(scope)
        parameters = decode_parameters(scope["query_string"], operation.parameters)
        path: dict[str, str] = scope["path_params"]
        if not all(is_visible(part) and len(part) <= _LONGEST_PART for part in path.values()):
            raise ProblemError("not_found", "Nothing has such a name.")
        body: msgspec.Struct | None = None
        if operation.method in {"POST", "PATCH"}:
            sent = await read_body(receive, self._settings().server)
            if operation.body is not None:
                check_media_type(headers.get("content-type"))
                body = decode_body(sent, operation.body)
            elif sent.strip():
                raise ProblemError("invalid_request", "No body is taken here.")
        request_id: str = scope["dragoman.request_id"]
        asked = Asked(path, parameters, body, headers, _address(scope), request_id)
        answer = await operation.run(asked)
        content = answer.content
        data = (
            b""
            if content is None
            else content
            if isinstance(content, bytes)
            else msgspec.json.encode(content)
        )
        await _respond(scope, send, answer, data)


async def _nothing(scope: Scope, _receive: Receive, _send: Send) -> None:
    raise ProblemError("not_found", f"Nothing is served at this path. See {BASE}/ for what is.")


async def _refuse(error: ProblemError, scope: Scope, send: Send) -> None:
    answer = Answer(status=error.status, headers=error.headers)
    problem = error.problem
    said = Problem(problem.type, shown(problem.message), problem.param and shown(problem.param))
    await _respond(scope, send, answer, msgspec.json.encode(ProblemAnswer(said)))


async def _respond(scope: Scope, send: Send, answer: Answer, data: bytes) -> None:
    headers = [("x-request-id", scope["dragoman.request_id"]), *SECURE, *answer.headers]
    if answer.status not in {204, 304}:
        headers += [("content-type", answer.media_type), ("content-length", str(len(data)))]
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    shown = b"" if scope["method"] == "HEAD" or answer.status in {204, 304} else data
    await send({"type": "http.response.body", "body": shown})


def _check_origin(headers: list[tuple[bytes, bytes]]) -> None:
    """Refuse what a browser sends for a page of another origin."""
    given = dict(headers)
    site = given.get(b"sec-fetch-site", b"none")
    origin = given.get(b"origin")
    ours = given.get(b"host", b"").decode("latin-1").lower()
    foreign = origin is not None and origin.decode("latin-1").lower().partition("://")[2] != ours
    if foreign or site not in {b"none", b"same-origin"}:
        raise ProblemError("permission", "Pages of another origin may not use the management API.")


def _address(scope: Scope) -> str:
    client: tuple[str, int] | None = scope.get("client")
    return "a local socket" if client is None else client[0]


def _headers(scope: Scope) -> dict[str, str]:
    """The headers by name; those that are given twice are lists (RFC 9110, 5.3)."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
