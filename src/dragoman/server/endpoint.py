"""Which wire format and which operation a URL stands for."""

from urllib.parse import unquote

import msgspec

from dragoman.dialects import anthropic, gemini, openai_chat
from dragoman.dialects.dialect import Dialect, Location


class Generation(msgspec.Struct, frozen=True):
    """An answer of a model is asked for, in one of the wire formats."""

    dialect: Dialect
    location: Location


class ModelList(msgspec.Struct, frozen=True):
    """The list of models is asked for."""

    dialect: Dialect


class ModelEntry(msgspec.Struct, frozen=True):
    """One model is asked for."""

    dialect: Dialect
    model: str


class Nothing(msgspec.Struct, frozen=True):
    """Nothing lives at this path; `dialect` is the best guess at what the client understands."""

    dialect: Dialect


Endpoint = Generation | ModelList | ModelEntry | Nothing

METHODS: dict[type[Endpoint], str] = {Generation: "POST", ModelList: "GET", ModelEntry: "GET"}
"""The one method of each kind of endpoint."""

_CHAT = Generation(openai_chat.DIALECT, Location())
_MESSAGES = Generation(anthropic.DIALECT, Location())
_FIXED: dict[str, Endpoint] = {
    "/v1/chat/completions": _CHAT,
    "/v1/messages": _MESSAGES,
    "/v1beta/models": ModelList(gemini.DIALECT),
}
_GOOGLE_VERSIONS = ("/v1beta/", "/v1/")
_GOOGLE_COLLECTIONS = ("models/", "tunedModels/")


def endpoint(path: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> Endpoint:
    """What a path stands for. The path is as it came, still percent-encoded.

    On the paths that vendors share (`/v1/models`) and on unknown ones, the style of the client's
    credentials tells its dialect.
    """
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed
    if path == "/v1/models":
        return ModelList(asker(query, headers))
    for version in _GOOGLE_VERSIONS:
        if path.startswith(version):
            return _model_path(path[len(version) :], version, query, headers)
    return Nothing(asker(query, headers))


def _model_path(rest: str, version: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> Endpoint:
    collection = next((name for name in _GOOGLE_COLLECTIONS if rest.startswith(name)), None)
    if collection is not None and len(rest) > len(collection):
        name, colon, method = rest[len(collection) :].rpartition(":")
        if colon and method in {"generateContent", "streamGenerateContent"} and name:
            streamed = method == "streamGenerateContent"
            prefix = "" if collection == "models/" else collection
            location = Location(prefix + unquote(name), streamed, not streamed or _asks_sse(query))
            return Generation(gemini.DIALECT, location)
        dialect = gemini.DIALECT if version == "/v1beta/" else asker(query, headers)
        return ModelEntry(dialect, unquote(rest[len(collection) :]))
    if version == "/v1beta/":
        return Nothing(gemini.DIALECT)
    return Nothing(anthropic.DIALECT if rest.startswith("messages") else asker(query, headers))


def _asks_sse(query: bytes) -> bool:
    return b"alt=sse" in query.split(b"&")


def asker(query: bytes, headers: list[tuple[bytes, bytes]]) -> Dialect:
    """The dialect of a client by the way it presents itself and its key."""
    for name, _ in headers:
        if name == b"anthropic-version":
            return anthropic.DIALECT
        if name == b"x-goog-api-key":
            return gemini.DIALECT
    if any(pair.startswith(b"key=") for pair in query.split(b"&")):
        return gemini.DIALECT
    if any(name == b"x-api-key" for name, _ in headers):
        return anthropic.DIALECT
    return openai_chat.DIALECT
