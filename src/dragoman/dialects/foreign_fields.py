"""Fields that only one wire format has: refused, or left out and reported."""

from collections.abc import Iterator

from dragoman.conversation.failure import invalid
from dragoman.conversation.loss import Loss, dropped
from dragoman.conversation.request import Request

_MODALITIES = frozenset({"modalities", "responsemodalities"})
_STORED_STATE = frozenset({"cachedcontent", "previous_response_id", "conversation"})
_COPIES = frozenset({"generationConfig.responseSchema"})
"""Kept beside their neutral reading, for the way back to their own format: nothing of them is lost."""


def check_foreign_fields(request: Request, dialect: str) -> None:
    """Look at what a request has brought along for its own format, before it is written in `dialect`.

    Raises `FailureError` (invalid request) that names the field, for wishes that change what the answer
    is (sound or pictures, one bare word), for tools that the vendor reaches itself, and for references
    to content that it keeps. Everything else is a knob that may be left out.
    """
    for extra in request.extras:
        if extra.dialect == dialect:
            continue
        word = extra.field.rsplit(".", 1)[-1].lower()
        if word in _MODALITIES and any(kind in extra.json.lower() for kind in (b"audio", b"image")):
            raise invalid(
                f"'{extra.field}': this model answers in text only.", extra.field, "unsupported_parameter"
            )
        if word in _STORED_STATE:
            raise invalid(
                f"'{extra.field}': what is stored at another vendor cannot be used with this model.",
                extra.field,
                "state_not_portable",
            )
        if extra.json == b'"text/x.enum"':
            raise invalid(
                f"'{extra.field}': one bare word cannot be asked of this model; ask for 'application/json'.",
                extra.field,
                "unsupported_parameter",
            )
        if word == "mcp_servers" and extra.json != b"[]":
            raise invalid(
                f"'{extra.field}': these servers are reached by {extra.dialect} itself; this model cannot "
                "use them.",
                extra.field,
                "server_tool_not_portable",
            )


def foreign_losses(request: Request, dialect: str) -> Iterator[Loss]:
    """The fields that a request written in `dialect` goes without."""
    for extra in request.extras:
        if extra.dialect != dialect and extra.field not in _COPIES:
            yield dropped(f"$.{extra.field}", "unknown_field", f"only {extra.dialect} has this field")
