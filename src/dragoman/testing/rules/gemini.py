"""What Google refuses on `:generateContent`, `:streamGenerateContent` and `:countTokens`.

Written from Google's documentation and recorded error answers, without a look at how our own
dialect reads requests: what one gets wrong, the other shows.
"""

import re
import urllib.parse

from dragoman.models.profile import profile_of
from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import Object, decode_json
from dragoman.testing.rules.gemini_config import check_generation, check_tools, members, objects
from dragoman.testing.rules.gemini_contents import check_contents, check_part, contents_of
from dragoman.testing.rules.gemini_errors import Violation, field_error, invalid_key, malformed, refused
from dragoman.testing.rules.gemini_messages import read_message
from dragoman.testing.rules.refusal import Access, RefusedError

_PLACE = re.compile(r"(?:/.*)?/(?P<version>v1|v1beta)/(?:models|tunedModels)/(?P<model>.+):\w+")
_NAMED = re.compile(r"(?:models|tunedModels)/.")


def check_access(incoming: Incoming, access: Access) -> None:
    """Raise `RefusedError` for a request without a key that Google knows."""
    if access.open:
        return
    key = incoming.headers.get("x-goog-api-key") or incoming.query.get("key")
    if key:
        if not access.knows_key(key):
            raise invalid_key()
        return
    if incoming.headers.get("authorization"):
        raise refused(
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
            "other valid authentication credential.",
            401,
            "UNAUTHENTICATED",
        )
    raise refused(
        "Method doesn't allow unregistered callers (callers without established identity). Please use API "
        "Key or other form of API consumer identity to call this API.",
        403,
        "PERMISSION_DENIED",
    )


def no_such_route(incoming: Incoming) -> RefusedError:
    """What Google answers where it serves nothing."""
    return refused(f"The requested URL {incoming.path} was not found on this server.", 404, "NOT_FOUND")


def wrong_method(incoming: Incoming) -> RefusedError:
    """What Google answers to a known path with another method."""
    return refused(
        f"The request method {incoming.method} is inappropriate for the URL.", 405, "UNIMPLEMENTED"
    )


def no_such_model(model: str, version: str = "v1beta", method: str = "generateContent") -> RefusedError:
    """What Google answers for a model that it does not have."""
    return refused(
        f"models/{model} is not found for API version {version}, or is not supported for {method}. "
        "Call ListModels to see the list of available models and their supported methods.",
        404,
        "NOT_FOUND",
    )


def read_body(incoming: Incoming, access: Access, kind: str, method: str) -> Object:
    """The request as a message of `kind`, every name in snake case. Raises `RefusedError` for a model
    that is not served, and for what Google's JSON reader refuses.
    """
    place = _PLACE.fullmatch(incoming.path)
    if place is None:
        raise no_such_route(incoming)
    model = urllib.parse.unquote(place["model"])
    if not access.knows_model(model):
        raise no_such_model(model, place["version"], method)
    try:
        value = decode_json(incoming.body)
    except ValueError as error:
        description = f"Invalid JSON payload received. {error}"
        raise malformed([Violation("", description)]) from None
    if not isinstance(value, dict):
        description = 'Invalid JSON payload received. Unknown name "": Root element must be a message.'
        raise malformed([Violation("", description)])
    _check_options(incoming)
    return read_message(value, kind)


def check_request(incoming: Incoming, access: Access) -> None:
    """Raise `RefusedError` for a request that Google refuses."""
    message = read_body(incoming, access, "GenerateContentRequest", "generateContent")
    _check_message(message, _model(incoming))


def check_count(incoming: Incoming, access: Access) -> None:
    """Raise `RefusedError` for a request for a count that Google refuses: of contents, or of a whole
    request to generate content.
    """
    message = read_body(incoming, access, "CountTokensRequest", "countTokens")
    inner = message.get("generate_content_request")
    if inner is None:
        _check_message(message, _model(incoming))
        return
    if "contents" in message:
        raise refused("Only one of contents and generate_content_request can be set.")
    if not _NAMED.match(str(members(inner).get("model"))):
        raise field_error("model", "unexpected model name format")
    _check_message(members(inner), _model(incoming))


def _model(incoming: Incoming) -> str:
    place = _PLACE.fullmatch(incoming.path)
    return "" if place is None else urllib.parse.unquote(place["model"])


def _check_message(message: Object, model: str) -> None:
    profile = profile_of(model)
    contents = contents_of(message)
    _check_instruction(message)
    check_tools(message)
    check_generation(message, profile)
    _check_cached(message)
    check_contents(contents, profile, model)


def _check_options(incoming: Incoming) -> None:
    if (form := incoming.query.get("alt", "json")) not in {"json", "sse", "proto", "media"}:
        description = f"Invalid value \"{form}\" for query parameter 'alt'."
        raise malformed([Violation("alt", description)])


def _check_instruction(message: Object) -> None:
    instruction = members(message.get("system_instruction"))
    if "system_instruction" not in message:
        return
    parts = objects(instruction.get("parts"))
    if not parts:
        raise field_error("system_instruction.parts", "contents.parts must not be empty.")
    for place, part in enumerate(parts):
        check_part(part, f"system_instruction.parts[{place}]")


def _check_cached(message: Object) -> None:
    if "cached_content" not in message:
        return
    if {"system_instruction", "tools", "tool_config"} & message.keys():
        raise refused(
            "CachedContent can not be used with GenerateContent request setting system_instruction, tools or "
            "tool_config."
        )
