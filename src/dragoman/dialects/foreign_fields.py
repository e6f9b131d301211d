"""Fields that only one wire format has, and that no other may leave out without a word."""

from dragoman.conversation.failure import invalid
from dragoman.conversation.request import Request

_MODALITIES = frozenset({"modalities", "responsemodalities"})
_STORED_STATE = frozenset({"cachedcontent", "previous_response_id", "conversation"})


def check_foreign_fields(request: Request, dialect: str) -> None:
    """Look at what a request has brought along for its own format, before it is written in `dialect`.

    Raises `FailureError` (invalid request) that names the field, for wishes that change what the answer
    is (sound or pictures) and for references to content that another vendor keeps. Everything else is a
    knob that may be dropped.
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
