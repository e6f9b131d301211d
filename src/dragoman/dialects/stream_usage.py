"""Usage in the streams of OpenAI's older formats: told in a frame of its own, and only to those who ask."""

import re

import msgspec

from dragoman.dialects.dialect import Head

_OPTIONS: msgspec.json.Decoder[dict[str, msgspec.Raw] | None] = msgspec.json.Decoder(
    dict[str, msgspec.Raw] | None
)
_STREAM_OPTIONS = re.compile(rb'"stream_options"\s*:\s*')
_INCLUDE_USAGE = b'{"include_usage":true}'

_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_FRAME_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


def with_usage(body: bytes, head: Head) -> bytes:
    """The body with `stream_options.include_usage`; every other member's bytes as they were."""
    old = bytes(head.fields.get("stream_options", b""))
    if not old:
        return b"".join((memoryview(body.rstrip())[:-1], b',"stream_options":', _INCLUDE_USAGE, b"}"))
    options = _OPTIONS.decode(old) or {}
    wanted = msgspec.json.encode({**options, "include_usage": True})
    found = list(_STREAM_OPTIONS.finditer(body))
    if len(found) == 1 and body.startswith(old, at := found[0].end()):
        return body[:at] + wanted + body[at + len(old) :]
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({**fields, "stream_options": msgspec.Raw(wanted)})


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
