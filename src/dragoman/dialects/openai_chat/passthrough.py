"""Requests and answers of this dialect on their way unread."""

import re

import msgspec

from dragoman.conversation.failure import FailureError
from dragoman.dialects.dialect import Head, Meter, Passed, Target, WireRequest
from dragoman.dialects.json_text import decode_upstream, splice_model
from dragoman.dialects.openai_chat.answer_wire import MeteredWire
from dragoman.dialects.openai_chat.errors import unanswered
from dragoman.dialects.openai_chat.stop import stop_of
from dragoman.dialects.openai_chat.usage import usage_of

PATH = "/chat/completions"

_METERED = msgspec.json.Decoder(MeteredWire)
_OPTIONS: msgspec.json.Decoder[dict[str, msgspec.Raw] | None] = msgspec.json.Decoder(
    dict[str, msgspec.Raw] | None
)
_STREAM_OPTIONS = re.compile(rb'"stream_options"\s*:\s*')
_INCLUDE_USAGE = b'{"include_usage":true}'

_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_FRAME_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


def passthrough(head: Head, body: bytes, target: Target) -> Passed:
    """The request with its model swapped. A stream is made to tell its usage, which we account for."""
    body = splice_model(body, head.fields, target.model)
    if not head.stream or head.stream_usage or not target.host.stream_options:
        return Passed(WireRequest(PATH, body))
    return Passed(WireRequest(PATH, _with_usage(body, head)), hide_usage=True)


def _with_usage(body: bytes, head: Head) -> bytes:
    """The body with `stream_options.include_usage`; every other member's bytes as they were."""
    old = bytes(head.fields.get("stream_options", b""))
    if not old:
        body = body.rstrip()
        return body[:-1] + b',"stream_options":' + _INCLUDE_USAGE + b"}"
    options = _OPTIONS.decode(old) or {}
    wanted = msgspec.json.encode({**options, "include_usage": True})
    found = list(_STREAM_OPTIONS.finditer(body))
    if len(found) == 1 and body.startswith(old, at := found[0].end()):
        return body[:at] + wanted + body[at + len(old) :]
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({**fields, "stream_options": msgspec.Raw(wanted)})


def meter_response(body: bytes) -> Meter:
    """What is accounted for of a whole answer. Raises `FailureError` for anything that is not one."""
    answer = decode_upstream(_METERED, body)
    if not answer.choices:
        raise FailureError(unanswered(body))
    stops = tuple(
        stop_of(
            choice.finish_reason,
            called=choice.message is not None
            and bool(choice.message.tool_calls or _given(choice.message.function_call)),
            refused=choice.message is not None and bool(choice.message.refusal),
        ).reason
        for choice in answer.choices
    )
    return Meter(usage_of(answer), stops)


def _given(raw: msgspec.Raw) -> bool:
    return bool(raw) and bytes(raw) != b"null"


class _UsageFrame(msgspec.Struct, gc=False):
    choices: list[msgspec.Raw]
    usage: dict[str, msgspec.Raw] | None = None


_USAGE_FRAME = msgspec.json.Decoder(_UsageFrame)


def hide_usage(frames: bytes) -> bytes:
    """Whole frames without those that hold nothing but usage.

    Those have an empty `choices` and a `usage` that is not null; Azure's leading frame with the
    results of its prompt filter has the one and not the other, and stays.
    """
    if _NO_CHOICES.search(frames) is None:
        return frames
    kept: list[bytes] = []
    start = 0
    for end in (*(found.end() for found in _FRAME_END.finditer(frames)), len(frames)):
        frame = frames[start:end]
        start = end
        if not (_NO_CHOICES.search(frame) and _only_usage(frame)):
            kept.append(frame)
    return b"".join(kept)


def _only_usage(frame: bytes) -> bool:
    data = frame[frame.find(b"data:") + 5 :]
    try:
        told = _USAGE_FRAME.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return not told.choices and bool(told.usage)
