"""The vendors that are stood in for: which paths are whose, and where each one's rules are."""

import enum
import re
import urllib.parse
from collections.abc import Callable

import msgspec

from dragoman.dialects.dialect import Location
from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import decode_object
from dragoman.testing.rules import anthropic, gemini, openai_body, openai_chat, openai_responses
from dragoman.testing.rules.refusal import Access, RefusedError


class Vendor(msgspec.Struct, frozen=True):
    """One vendor's rules: what raises or makes its refusals."""

    check_access: Callable[[Incoming, Access], None]
    check_request: Callable[[Incoming, Access], None]
    no_such_route: Callable[[Incoming], RefusedError]
    wrong_method: Callable[[Incoming], RefusedError]
    no_such_model: Callable[[str], RefusedError]


def _check_responses(incoming: Incoming, access: Access) -> None:
    openai_responses.read_request(incoming, access)


VENDORS = {
    "openai_chat": Vendor(
        openai_body.check_access,
        openai_chat.check_request,
        openai_body.no_such_route,
        openai_body.wrong_method,
        openai_body.no_such_model,
    ),
    "openai_responses": Vendor(
        openai_body.check_access,
        _check_responses,
        openai_body.no_such_route,
        openai_body.wrong_method,
        openai_responses.no_such_model,
    ),
    "anthropic": Vendor(
        anthropic.check_access,
        anthropic.check_request,
        anthropic.no_such_route,
        anthropic.wrong_method,
        anthropic.no_such_model,
    ),
    "gemini": Vendor(
        gemini.check_access,
        gemini.check_request,
        gemini.no_such_route,
        gemini.wrong_method,
        gemini.no_such_model,
    ),
}
"""The vendors by the name of their dialect."""


class Purpose(enum.Enum):
    """What a path is for."""

    ANSWER = enum.auto()
    """An answer of a model."""
    COMPLETE = enum.auto()
    """The older way to let a model go on with a text."""
    COUNT = enum.auto()
    """The number of a prompt's tokens."""
    EMBED = enum.auto()
    """Vectors of texts; at Google, of one text."""
    EMBED_BATCH = enum.auto()
    """Google's way to ask for several vectors at once."""
    MODELS = enum.auto()
    """The models there are, or one of them."""
    KEPT = enum.auto()
    """An answer that is kept: to be read, or to be deleted."""
    KEPT_ITEMS = enum.auto()
    """The items that a kept answer was given to."""
    CANCEL = enum.auto()
    """The end of a kept answer that is not complete."""
    NONE = enum.auto()
    """Nothing that is served here."""


_METHODS = {
    Purpose.MODELS: frozenset({"GET"}),
    Purpose.KEPT: frozenset({"GET", "DELETE"}),
    Purpose.KEPT_ITEMS: frozenset({"GET"}),
}
_POST = frozenset({"POST"})


class Route(msgspec.Struct, frozen=True):
    """Where a request goes: whose dialect it is in, what for, and what its path says; `kept` is the id
    of a kept answer.
    """

    dialect: str
    purpose: Purpose
    location: Location = Location()
    kept: str = ""

    @property
    def methods(self) -> frozenset[str]:
        """The HTTP methods that are served there."""
        return _METHODS.get(self.purpose, _POST)


_ACTION = re.compile(r"(?:/.*)?/(?:v1|v1beta)/(?:models|tunedModels)/(?P<model>.+):(?P<verb>\w+)")
_MODELS = re.compile(r"(?P<base>.*)/models(?:/(?P<model>.+))?")
_KEPT = re.compile(r".*/responses/(?P<id>[^/]+)(?P<rest>/input_items|/cancel)?")
_VERBS = {
    "generateContent": Purpose.ANSWER,
    "streamGenerateContent": Purpose.ANSWER,
    "countTokens": Purpose.COUNT,
    "embedContent": Purpose.EMBED,
    "batchEmbedContents": Purpose.EMBED_BATCH,
}
_ENDS = {
    "/chat/completions": ("openai_chat", Purpose.ANSWER),
    "/completions": ("openai_chat", Purpose.COMPLETE),
    "/embeddings": ("openai_chat", Purpose.EMBED),
    "/responses": ("openai_responses", Purpose.ANSWER),
    "/responses/input_tokens": ("openai_responses", Purpose.COUNT),
    "/v1/messages": ("anthropic", Purpose.ANSWER),
    "/v1/messages/count_tokens": ("anthropic", Purpose.COUNT),
}
"""The ends of paths; the first that fits is meant."""
_KEPT_PURPOSES = {None: Purpose.KEPT, "/input_items": Purpose.KEPT_ITEMS, "/cancel": Purpose.CANCEL}


def route_of(incoming: Incoming) -> Route:
    """The route of a request, whatever base path stands before the vendor's own."""
    path = incoming.path
    whose = _dialect_of(incoming)
    for end, (dialect, purpose) in _ENDS.items():
        if path.endswith(end) and (dialect == whose or purpose is not Purpose.EMBED):
            return Route(dialect, purpose)
    if action := _ACTION.fullmatch(path):
        streamed = action["verb"] == "streamGenerateContent"
        model = urllib.parse.unquote(action["model"])
        location = Location(model, streamed, incoming.query.get("alt") == "sse")
        return Route("gemini", _VERBS.get(action["verb"], Purpose.NONE), location)
    if kept := _KEPT.fullmatch(path):
        return Route("openai_responses", _KEPT_PURPOSES[kept["rest"]], kept=urllib.parse.unquote(kept["id"]))
    if models := _MODELS.fullmatch(path):
        model = urllib.parse.unquote(models["model"]) if models["model"] else None
        return Route(whose, Purpose.MODELS, Location(model))
    return Route(whose, Purpose.NONE)


def _dialect_of(incoming: Incoming) -> str:
    """Whose request it is, where the path alone does not tell."""
    if "anthropic-version" in incoming.headers:
        return "anthropic"
    if "/v1beta" in incoming.path or "x-goog-api-key" in incoming.headers or "key" in incoming.query:
        return "gemini"
    return "openai_chat"


def model_of(incoming: Incoming, route: Route) -> str | None:
    """The model that a request names, in its path or in its body; None where there is none to be read."""
    if route.location.model is not None:
        return route.location.model
    try:
        model = decode_object(incoming.body).get("model")
    except ValueError:
        return None
    return model if isinstance(model, str) else None
