"""What is kept of the bodies of requests and answers: nothing, their form, or all of it, without secrets."""

import re
from collections.abc import Callable

import msgspec

from dragoman.config.bookkeeping import Ledger
from dragoman.ledger.json_shape import Json, shape
from dragoman.store.entry import BodyEntry
from dragoman.telemetry.redaction import MASK, Redactor

_MOST_PARSED = 8 * 1024 * 1024
"""Of longer bodies the form is not looked for, in bytes."""
_MARGIN = 16 * 1024
"""Characters that are looked at beyond what is kept: a secret must not escape because its end was cut off."""


class BodyKeeper:
    """Makes of a body what the ledger keeps of it. Nothing of it depends on anything else than its arguments.

    `redactor` knows the secrets of this gateway.
    """

    def __init__(self, settings: Ledger, redactor: Redactor) -> None:
        self.kept = settings.bodies != "off"
        """Whether anything is kept at all."""
        self._whole = settings.bodies == "full"
        self._most = settings.max_body_bytes
        self._patterns = [re.compile(pattern) for pattern in settings.redact]
        self._redactor = redactor

    def keep(self, kind: str, media_type: str, content: bytes) -> BodyEntry | None:
        """What is kept of a body; None for nothing. It takes its time for large ones: a few milliseconds for
        each megabyte, and what the configured patterns take.
        """
        if not self.kept or not content:
            return None
        if self._whole:
            text, truncated = self._redacted(media_type, content)
            return self._entry(kind, media_type, text, truncated=truncated)
        form = _form(media_type, content)
        return self._entry(kind, "application/json", msgspec.json.encode(form), truncated=False)

    def _entry(self, kind: str, media_type: str, content: bytes, *, truncated: bool) -> BodyEntry:
        if len(content) > self._most:
            # no character is cut in two
            content = content[: self._most].decode(errors="ignore").encode()
            truncated = True
        return BodyEntry(kind, media_type, content, truncated)

    def _redacted(self, media_type: str, content: bytes) -> tuple[bytes, bool]:
        """The body without secrets, and whether some of its end is missing."""
        if len(content) <= self._most and _is_json(media_type):
            try:
                parsed: Json = msgspec.json.decode(content)
                redacted = _mapped(parsed, self._text)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                pass
            else:
                # as it was, where there is nothing to take out
                return (content if redacted == parsed else msgspec.json.encode(redacted)), False
        cut = len(content) > self._most + _MARGIN
        text = content[: self._most + _MARGIN].decode(errors="replace")
        text = self._text(text)
        return (text[:-_MARGIN] if cut else text).encode(), cut

    def _text(self, text: str) -> str:
        for pattern in self._patterns:
            text = pattern.sub(MASK, text)
        return self._redactor.text(text)


def _is_json(media_type: str) -> bool:
    return media_type.partition(";")[0].strip().lower().endswith("json")


def _form(media_type: str, content: bytes) -> Json:
    """What is told of a body without its content."""
    if _is_json(media_type) and len(content) <= _MOST_PARSED:
        try:
            return shape(msgspec.json.decode(content))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return {"bytes": len(content), "valid": False}
    if media_type.startswith("text/event-stream"):
        return {"bytes": len(content), "events": len(re.findall(rb"(?m)^data:", content))}
    return {"bytes": len(content)}


def _mapped(value: Json, change: Callable[[str], str]) -> Json:
    """The same with every text changed, names of fields included."""
    match value:
        case str():
            return change(value)
        case list():
            return [_mapped(one, change) for one in value]
        case dict():
            return {change(key): _mapped(inner, change) for key, inner in value.items()}
        case _:
            return value
