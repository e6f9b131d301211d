"""The vendors that are stood in for: which paths are whose, and where each one's rules are."""

import enum
import re
import urllib.parse
from collections.abc import Callable

import msgspec

from dragoman.dialects.dialect import Location
from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import decode_object
from dragoman.testing.rules import anthropic, gemini, openai_chat
from dragoman.testing.rules.refusal import Access, RefusedError


class Vendor(msgspec.Struct, frozen=True):
    """One vendor's rules: what raises or makes its refusals."""

    check_access: Callable[[Incoming, Access], None]
    check_request: Callable[[Incoming, Access], None]
    no_such_route: Callable[[Incoming], RefusedError]
    wrong_method: Callable[[Incoming], RefusedError]
    no_such_model: Callable[[str], RefusedError]


VENDORS = {
    "openai_chat": Vendor(
        openai_chat.check_access,
        openai_chat.check_request,
        openai_chat.no_such_route,
        openai_chat.wrong_method,
        openai_chat.no_such_model,
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
    MODELS = enum.auto()
    """The models there are, or one of them."""
    NONE = enum.auto()
    """Nothing that is served here."""


class Route(msgspec.Struct, frozen=True):
    """Where a request goes: whose dialect it is in, what for, and what its path says."""

    dialect: str
    purpose: Purpose
    location: Location = Location()


_ACTION = re.compile(r"(?:/.*)?/(?:v1|v1beta)/(?:models|tunedModels)/(?P<model>.+):(?P<verb>\w+)")
_MODELS = re.compile(r"(?P<base>.*)/models(?:/(?P<model>.+))?")


def route_of(incoming: Incoming) -> Route:
    """The route of a request, whatever base path stands before the vendor's own."""
    path = incoming.path
    if path.endswith("/chat/completions"):
        return Route("openai_chat", Purpose.ANSWER)
    if path.endswith("/v1/messages"):
        return Route("anthropic", Purpose.ANSWER)
    if action := _ACTION.fullmatch(path):
        streamed = action["verb"] == "streamGenerateContent"
        purpose = Purpose.ANSWER if streamed or action["verb"] == "generateContent" else Purpose.NONE
        model = urllib.parse.unquote(action["model"])
        return Route("gemini", purpose, Location(model, streamed, incoming.query.get("alt") == "sse"))
    dialect = _dialect_of(incoming)
    if models := _MODELS.fullmatch(path):
        model = urllib.parse.unquote(models["model"]) if models["model"] else None
        return Route(dialect, Purpose.MODELS, Location(model))
    return Route(dialect, Purpose.NONE)


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
