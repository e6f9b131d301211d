"""Which wire format and which operation a URL stands for."""

from urllib.parse import unquote

import msgspec

from dragoman.dialects import anthropic, gemini, openai_chat, openai_completions, openai_responses
from dragoman.dialects.dialect import Dialect, Location


class Generation(msgspec.Struct, frozen=True):
    """An answer of a model is asked for, in one of the wire formats."""

    dialect: Dialect
    location: Location


class TokenCount(msgspec.Struct, frozen=True):
    """The number of a prompt's tokens is asked for."""

    dialect: Dialect
    location: Location


class Embeddings(msgspec.Struct, frozen=True):
    """Embeddings are asked for."""

    dialect: Dialect
    location: Location


class ModelList(msgspec.Struct, frozen=True):
    """The list of models is asked for."""

    dialect: Dialect


class ModelEntry(msgspec.Struct, frozen=True):
    """One model is asked for."""

    dialect: Dialect
    model: str


class KeptAnswer(msgspec.Struct, frozen=True):
    """An answer that was kept is asked for, or to be kept no longer."""

    dialect: Dialect
    id: str


class KeptItems(msgspec.Struct, frozen=True):
    """The input of a kept answer is asked for."""

    dialect: Dialect
    id: str


class Cancellation(msgspec.Struct, frozen=True):
    """An answer that is made in the background is to be given up."""

    dialect: Dialect
    id: str


class Translate(msgspec.Struct, frozen=True):
    """A request or an answer is to be written in another wire format, and sent nowhere."""

    dialect: Dialect


class TargetStates(msgspec.Struct, frozen=True):
    """Somebody wants to know how the targets are."""

    dialect: Dialect


class MetricsPage(msgspec.Struct, frozen=True):
    """Prometheus asks for what was measured."""

    dialect: Dialect


class Explain(msgspec.Struct, frozen=True):
    """What would become of a request is to be explained, and nothing sent."""

    dialect: Dialect


class Greeting(msgspec.Struct, frozen=True):
    """A client wants to know whether anybody is there."""

    dialect: Dialect


class Liveness(msgspec.Struct, frozen=True):
    """Whoever runs the process wants to know whether it works."""

    dialect: Dialect


class Readiness(msgspec.Struct, frozen=True):
    """Whoever sends requests here wants to know whether to go on with that."""

    dialect: Dialect


class Nothing(msgspec.Struct, frozen=True):
    """Nothing lives at this path; `dialect` is the best guess at what the client understands, `advice`
    what to use instead.
    """

    dialect: Dialect
    advice: str = ""


Located = Generation | TokenCount | Embeddings
"""What may say in the URL what is asked for."""
Posted = Located | Translate | Explain
"""What takes a body."""
Served = Posted | ModelList | ModelEntry | KeptAnswer | KeptItems | Cancellation | TargetStates | MetricsPage
"""What a client with a key is answered."""
Unguarded = Greeting | Liveness | Readiness
"""What anybody is answered."""
Endpoint = Served | Unguarded | Nothing

METHODS: dict[type[Endpoint], tuple[str, ...]] = {
    Generation: ("POST",),
    TokenCount: ("POST",),
    Embeddings: ("POST",),
    ModelList: ("GET",),
    ModelEntry: ("GET",),
    KeptAnswer: ("GET", "DELETE"),
    KeptItems: ("GET",),
    Cancellation: ("POST",),
    Translate: ("POST",),
    Explain: ("POST",),
    TargetStates: ("GET",),
    MetricsPage: ("GET",),
    Greeting: ("GET",),
    Liveness: ("GET",),
    Readiness: ("GET",),
}
"""The methods of each kind of endpoint. HEAD goes wherever GET goes."""

_FIXED: dict[str, Endpoint] = {
    "/v1/chat/completions": Generation(openai_chat.DIALECT, Location()),
    "/v1/completions": Generation(openai_completions.DIALECT, Location()),
    "/v1/embeddings": Embeddings(openai_chat.DIALECT, Location()),
    "/v1/responses": Generation(openai_responses.DIALECT, Location()),
    "/v1/responses/input_tokens": TokenCount(openai_responses.DIALECT, Location()),
    "/v1/responses/compact": Nothing(
        openai_responses.DIALECT, "Conversations are not compacted here: send the items that still matter."
    ),
    "/v1/messages": Generation(anthropic.DIALECT, Location()),
    "/v1/messages/count_tokens": TokenCount(anthropic.DIALECT, Location()),
    "/v1beta/models": ModelList(gemini.DIALECT),
    "/api/hello": Greeting(anthropic.DIALECT),
    "/health/live": Liveness(openai_chat.DIALECT),
    "/health/ready": Readiness(openai_chat.DIALECT),
    "/metrics": MetricsPage(openai_chat.DIALECT),
}
_RESPONSES = "/v1/responses/"
_GOOGLE_VERSIONS = ("/v1beta/", "/v1/")
_GOOGLE_COLLECTIONS = ("models/", "tunedModels/")

_HOMES = {
    "/openai": (openai_chat.DIALECT, openai_responses.DIALECT, openai_completions.DIALECT),
    "/anthropic": (anthropic.DIALECT,),
    "/genai": (gemini.DIALECT,),
}
"""Under these, each vendor's clients find what they know and nothing else."""


def endpoint(path: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> Endpoint:
    """What a path stands for. The path is as it came, still percent-encoded.

    On the paths that vendors share (`/v1/models`) and on unknown ones, the vendor that the path begins
    with tells the client's dialect, else the style of its credentials.
    """
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed
    for home, dialects in _HOMES.items():
        if path.startswith(home + "/"):
            found = _found(_versioned(path[len(home) :], dialects[0]), query, dialects[0])
            return found if found.dialect in dialects else Nothing(dialects[0])
    return _found(path, query, asker(query, headers))


def _versioned(path: str, dialect: Dialect) -> str:
    """A path with its version: OpenAI's clients have it in the base URL, and so it may be missing there."""
    return "/v1" + path if dialect is openai_chat.DIALECT and not path.startswith("/v1/") else path


def _found(path: str, query: bytes, asked: Dialect) -> Endpoint:
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed
    if path == "/v1/models":
        return ModelList(asked)
    if path == "/dragoman/translate":
        return Translate(asked)
    if path == "/dragoman/explain":
        return Explain(asked)
    if path == "/dragoman/health":
        return TargetStates(asked)
    if path.startswith(_RESPONSES):
        return _kept(path[len(_RESPONSES) :])
    for version in _GOOGLE_VERSIONS:
        if path.startswith(version):
            return _model_path(path[len(version) :], version, query, asked)
    return Nothing(asked)


def _kept(rest: str) -> Endpoint:
    name, _, part = rest.partition("/")
    identity = unquote(name)
    match part:
        case "" if identity and rest == name:
            return KeptAnswer(openai_responses.DIALECT, identity)
        case "input_items" if identity:
            return KeptItems(openai_responses.DIALECT, identity)
        case "cancel" if identity:
            return Cancellation(openai_responses.DIALECT, identity)
        case _:
            return Nothing(openai_responses.DIALECT)


def _model_path(rest: str, version: str, query: bytes, asked: Dialect) -> Endpoint:
    collection = next((name for name in _GOOGLE_COLLECTIONS if rest.startswith(name)), None)
    if collection is not None and len(rest) > len(collection):
        name, colon, method = rest[len(collection) :].rpartition(":")
        if colon and name:
            prefix = "" if collection == "models/" else collection
            called = _method(method, prefix + unquote(name), query)
            if called is not None:
                return called
        dialect = gemini.DIALECT if version == "/v1beta/" else asked
        return ModelEntry(dialect, unquote(rest[len(collection) :]))
    if version == "/v1beta/":
        return Nothing(gemini.DIALECT)
    return Nothing(anthropic.DIALECT if rest.startswith("messages") else asked)


def _method(method: str, model: str, query: bytes) -> Endpoint | None:
    """What one of Google's methods of a model stands for."""
    match method:
        case "generateContent":
            return Generation(gemini.DIALECT, Location(model))
        case "streamGenerateContent":
            return Generation(gemini.DIALECT, Location(model, stream=True, sse=_asks_sse(query)))
        case "countTokens":
            return TokenCount(gemini.DIALECT, Location(model))
        case "embedContent":
            return Embeddings(gemini.DIALECT, Location(model))
        case "batchEmbedContents":
            return Embeddings(gemini.DIALECT, Location(model, batch=True))
        case _:
            return None


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
