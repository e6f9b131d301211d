"""What a request or an answer becomes in another wire format. Pure: nothing is sent.

The same functions that serve exchanges do the work, so that what is shown is what would happen.
"""

from collections.abc import Mapping

import msgspec

from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.loss import Loss
from dragoman.conversation.request import Request
from dragoman.dialects.dialect import Dialect, Emulation, Location, Reply, Target
from dragoman.gateway.pipeline import TranslationPipeline
from dragoman.gateway.plan import Translation, plan
from dragoman.models.profile import profile_of
from dragoman.routing.router import LONGEST_NAME

_NO_MODEL = "MODEL"
"""Stands for the model where neither the request nor its reader names one."""
_ID = "translated"
_PIECE = 65_536
_NOTHING = Emulation()


class TranslatedRequest(msgspec.Struct, frozen=True):
    """A request as it would go upstream; `path` begins at the provider's base URL. `emulated` names what
    the gateway would do to the answer.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: msgspec.Raw
    losses: tuple[Loss, ...]
    emulated: tuple[str, ...]


def translate_request(
    client: Dialect, upstream: Dialect, body: bytes, model: str | None, *, stream: bool = False
) -> TranslatedRequest:
    """A client's request in the upstream's format, for `model` (else the model that it names itself).

    `stream` counts only where the format says it in the URL. Raises `FailureError` for a request that
    cannot be read, or that the upstream cannot serve.
    """
    head = client.read_head(body, Location(model or _NO_MODEL, stream))
    planned = plan(client, head, body, upstream, _target(upstream, model or head.model))
    losses, emulation = (
        (planned.losses, planned.emulation) if isinstance(planned, Translation) else ((), _NOTHING)
    )
    return TranslatedRequest(
        "POST",
        planned.wire.path,
        {"content-type": "application/json", **dict(planned.wire.headers)},
        msgspec.Raw(planned.wire.body),
        losses,
        emulation.named,
    )


def translate_response(upstream: Dialect, client: Dialect, body: bytes, model: str | None) -> bytes:
    """An upstream's whole answer in the client's format. Raises `FailureError` for what is no answer."""
    origin = _target(upstream, model or _NO_MODEL).origin
    response = upstream.parse_response(body, origin)
    return client.render_response(response, _reply(client, model or response.model, origin, stream=False))


def translate_stream(upstream: Dialect, client: Dialect, data: bytes, model: str | None) -> bytes:
    """An upstream's streamed answer as the client would get it, frame for frame.

    Raises `FailureError` for a stream that fails or breaks off.
    """
    origin = _target(upstream, model or _NO_MODEL).origin
    reply = _reply(client, model or _NO_MODEL, origin, stream=True)
    pipeline = TranslationPipeline(client, upstream, reply, _NOTHING, lambda failure: failure)
    out = [pipeline.feed(data[at : at + _PIECE]) for at in range(0, len(data), _PIECE)]
    out.append(pipeline.close())
    if pipeline.reading.failure is not None:
        raise FailureError(pipeline.reading.failure)
    return b"".join(out)


class _Posted(msgspec.Struct, forbid_unknown_fields=True):
    """What `POST /dragoman/translate` takes: two formats, and one of three things to translate."""

    source: str = msgspec.field(name="from")
    destination: str = msgspec.field(name="to")
    model: str | None = None
    request: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    response: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    stream: str | msgspec.UnsetType = msgspec.UNSET


_POSTED = msgspec.json.Decoder(_Posted)


def translate_posted(body: bytes, dialects: Mapping[str, Dialect]) -> bytes:
    """The same over HTTP: `{"from": ..., "to": ..., "model"?: ..., "request" | "response" | "stream": ...}`.

    A request gives the upstream request and its losses, an answer `{"response": ...}`, and a stream, as
    text, `{"stream": ...}`. Raises `FailureError` that names the field at fault.
    """
    try:
        posted = _POSTED.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(f"The body is not what is translated here: {error}.") from None
    for field, name in (("from", posted.source), ("to", posted.destination)):
        if name not in dialects:
            raise invalid(f"'{field}' is '{name[:50]}'; expected one of: {', '.join(dialects)}.", field)
    theirs, ours = dialects[posted.source], dialects[posted.destination]
    given = [one for one in (posted.request, posted.response, posted.stream) if one is not msgspec.UNSET]
    if len(given) != 1:
        raise invalid("Give exactly one of 'request', 'response' and 'stream'.")
    if isinstance(posted.request, msgspec.Raw):
        return msgspec.json.encode(translate_request(theirs, ours, bytes(posted.request), posted.model))
    if isinstance(posted.response, msgspec.Raw):
        answer = translate_response(theirs, ours, bytes(posted.response), posted.model)
        return msgspec.json.encode({"response": msgspec.Raw(answer)})
    data = posted.stream.encode() if isinstance(posted.stream, str) else b""
    return msgspec.json.encode(
        {"stream": translate_stream(theirs, ours, data, posted.model).decode("utf-8", "replace")}
    )


def _target(upstream: Dialect, model: str) -> Target:
    if len(model) > LONGEST_NAME:
        # what is known of a model is kept for the next time
        raise invalid(f"'model': expected at most {LONGEST_NAME} characters.", "model")
    profile = profile_of(model)
    return Target(upstream.name, model, f"{upstream.name}/{profile.family}", profile)


def _reply(client: Dialect, model: str, origin: str, *, stream: bool) -> Reply:
    request = Request(client.name, model, (), stream=stream, stream_usage=True)
    return Reply(request, Location(model, stream), 0, _ID, "fp_translated", origin)
