"""The top level of requests and answers: enough to route, check and account for what passes unread."""

import functools
import re
from urllib.parse import quote

import msgspec
from msgspec import Raw

from dragoman.conversation.envelope import holds_seals
from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.response import StopReason
from dragoman.dialects.dialect import Head, Location, Meter, Passed, Target, WireRequest
from dragoman.dialects.gemini.errors import parse_error_tree
from dragoman.dialects.gemini.spelling import GENERATION_CONFIG, camel_members, decode_member
from dragoman.dialects.gemini.stops import BROKEN, EMPTY, blocked, broken, parse_stop, reason_name
from dragoman.dialects.gemini.usage import parse_usage, searches, with_searches
from dragoman.dialects.gemini.wire import (
    GenerationConfig,
    MeteredCandidate,
    MeteredPart,
    MeteredResponse,
    UsageMetadata,
    given,
)
from dragoman.dialects.json_text import decode_request, decode_upstream
from dragoman.dialects.json_tree import ANY

_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_CONFIG = msgspec.json.Decoder(GenerationConfig, strict=False)
_METERED = msgspec.json.Decoder(MeteredResponse)

_NO_CONTENTS = re.compile(rb"\[\s*\]\Z|[^\[{]")


def read_model(location: Location) -> str:
    """The model that the URL names, without Google's prefix."""
    model = (location.model or "").removeprefix("models/")
    if not model:
        raise invalid("The URL names no model.", param="model", code="missing_required_parameter")
    return model


def read_fields(body: bytes) -> dict[str, Raw]:
    """The top-level members under their camelCase names. Raises `FailureError` where there are no
    contents.
    """
    return _checked(camel_members(decode_request(_FIELDS, body)))


def _checked(fields: dict[str, Raw]) -> dict[str, Raw]:
    contents = fields.get("contents")
    if contents is None or not given(contents):
        raise invalid(
            "'contents': this field is required.", param="contents", code="missing_required_parameter"
        )
    if _NO_CONTENTS.match(contents):
        raise invalid(
            "'contents': expected a list with at least one content.", param="contents", code="invalid_value"
        )
    return fields


def read_generation_config(fields: dict[str, Raw]) -> tuple[GenerationConfig, dict[str, Raw]]:
    """The checked `generationConfig`, and all its members under their camelCase names.

    Numbers may come as strings, as the JSON form of protocol buffers allows.
    """
    config = _read_config(fields)
    if config is None:
        return GenerationConfig(), {}
    return config, decode_member(_FIELDS, fields["generationConfig"], "generationConfig", GENERATION_CONFIG)


def _read_config(fields: dict[str, Raw]) -> GenerationConfig | None:
    raw = fields.get("generationConfig")
    if raw is None or not given(raw):
        return None
    path = "generationConfig"
    config = decode_member(_CONFIG, raw, path, GENERATION_CONFIG)
    thinking = config.thinking_config
    if thinking is not None and thinking.thinking_budget is not None and thinking.thinking_level:
        raise _both(f"{path}.thinkingConfig", "thinkingBudget", "thinkingLevel")
    if given(config.response_schema) and given(config.response_json_schema):
        raise _both(path, "responseSchema", "responseJsonSchema")
    return config


def _both(path: str, one: str, other: str) -> FailureError:
    return invalid(f"'{path}': set {one} or {other}, not both.", param=path, code="invalid_value")


def read_head(body: bytes, location: Location) -> Head:
    """Check the top level of a request. Raises `FailureError` that names the field at fault."""
    fields = decode_request(_FIELDS, body)
    config = _read_config(_checked(camel_members(fields)))
    return Head(
        model=read_model(location),
        stream=location.stream,
        location=location,
        fields=fields,
        stream_usage=location.stream,
        candidates=1 if config is None else config.candidate_count or 1,
        sealed=holds_seals(body),
    )


@functools.lru_cache(maxsize=1024)
def model_path(model: str, *, stream: bool, sse: bool = True) -> str:
    """The path of a request for a model's answer."""
    query = "?alt=sse" if stream and sse else ""
    return method_path(model, "streamGenerateContent" if stream else "generateContent") + query


def method_path(model: str, method: str) -> str:
    """The path of one of a model's methods. Tuned models have a collection of their own."""
    name = model.removeprefix("models/")
    collection = "models"
    if name.startswith("tunedModels/"):
        collection, _, name = name.partition("/")
    return f"/v1beta/{collection}/{quote(name, safe='')}:{method}"


def passthrough(head: Head, body: bytes, target: Target) -> Passed:
    """The request as it is: the model is in the URL, and the framing that the client asked for too."""
    path = model_path(target.model, stream=head.stream, sse=head.location.sse)
    return Passed(WireRequest(path, body))


def hide_usage(frames: bytes) -> bytes:
    """The frames as they are: clients of this format always see usage."""
    return frames


def stream_type(location: Location) -> str:
    """The media type of a streamed answer."""
    return "text/event-stream" if location.sse else "application/json; charset=UTF-8"


def keep_alive(location: Location) -> bytes:
    """A comment among server-sent events; white space in a JSON array, which knows no comments."""
    return b": keep-alive\n\n" if location.sse else b"\n"


# --- accounting ----------------------------------------------------------------------------------


def meter_response(body: bytes) -> Meter:
    """Read what is accounted for. Raises `FailureError` for anything that is not an answer."""
    answer = decode_upstream(_METERED, body)
    usage = parse_usage(answer.usage_metadata or UsageMetadata())
    if not answer.candidates:
        if given(answer.error):
            raise FailureError(parse_error_tree(0, {}, ANY.decode(body), body))
        feedback = answer.prompt_feedback
        if feedback is None or not feedback.block_reason:
            raise FailureError(EMPTY)
        return Meter(usage, (blocked(feedback.block_reason, None).reason,))
    usage = with_searches(usage, searches(answer.candidates))
    return Meter(usage, tuple([_stop(candidate) for candidate in answer.candidates]))


def _stop(candidate: MeteredCandidate) -> StopReason:
    found = candidate.content.parts if candidate.content is not None else None
    parts = [found] if isinstance(found, MeteredPart) else found or []
    reason = reason_name(candidate.finish_reason or "FINISH_REASON_UNSPECIFIED")
    if not any(part not in _SILENT_PARTS for part in parts):
        if reason in BROKEN:
            raise FailureError(broken(reason, None))
        if not candidate.finish_reason:
            raise FailureError(EMPTY)
    called = any(given(part.function_call) for part in parts)
    return parse_stop(reason, None, called=called).reason


_SILENT_PARTS = (MeteredPart(), MeteredPart(text=Raw(b'""')))
