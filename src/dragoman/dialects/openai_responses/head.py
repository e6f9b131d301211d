"""The top level of a request: checked in full, decoded only as far as that takes."""

from typing import TypeVar

import msgspec

from dragoman.conversation import envelope
from dragoman.conversation.failure import invalid
from dragoman.dialects.dialect import Head, Location
from dragoman.dialects.json_text import decode_request
from dragoman.dialects.openai_responses import identifiers
from dragoman.dialects.openai_responses.wire import HeadWire

Fields = dict[str, msgspec.Raw]

HeadT = TypeVar("HeadT", bound=HeadWire)

_FIELDS: msgspec.json.Decoder[Fields] = msgspec.json.Decoder(Fields)
_HEAD = msgspec.json.Decoder(HeadWire)
_HEAD_NAMES = frozenset(HeadWire.__struct_fields__)
_MISSING = "missing_required_parameter"
_NOTHING = frozenset({b"", b"null"})

_BEGINNINGS = ("previous_response_id", "conversation", "prompt")
"""What a request may go on from, and then be without an input of its own."""


def read_head(body: bytes, location: Location) -> Head:
    """Check the top level of a request. Raises `FailureError` that names the field at fault."""
    fields = top_level(body)
    head = settings(fields, _HEAD, _HEAD_NAMES)
    return Head(
        model=head.model,
        stream=head.stream is True,
        location=location,
        fields=fields,
        stream_usage=True,
        sealed=any(mark in body for mark in (*envelope.MARKS, *identifiers.MARKS)),
    )


def given(fields: Fields, name: str) -> bool:
    """Whether a member is there and not null."""
    return bytes(fields.get(name, b"")) not in _NOTHING


def goes_on(fields: Fields) -> bool:
    """Whether the request goes on from something that the serving side keeps."""
    return any(given(fields, name) for name in _BEGINNINGS)


def top_level(body: bytes) -> Fields:
    """The members of a request as the client wrote them, `input` known to be a string or an array.

    Raises `FailureError` for a body that is not such an object.
    """
    fields = decode_request(_FIELDS, body)
    if given(fields, "previous_response_id") and given(fields, "conversation"):
        raise invalid(
            "'previous_response_id': cannot be used together with 'conversation'.",
            "previous_response_id",
            "mutually_exclusive_parameters",
        )
    if not given(fields, "input"):
        if not goes_on(fields):
            raise invalid(
                "'input': this field is required without 'previous_response_id', 'conversation' or 'prompt'.",
                "input",
                _MISSING,
            )
        return fields
    sent = bytes(fields["input"])
    if sent[:1] not in {b'"', b"["}:
        raise invalid("'input': expected a string or an array of items.", "input", "invalid_type")
    if sent[:1] == b"[" and not sent[1:-1].strip() and not goes_on(fields):
        raise invalid("'input': expected at least one item, got an empty array.", "input", "empty_array")
    return fields


def settings(fields: Fields, decoder: msgspec.json.Decoder[HeadT], names: frozenset[str]) -> HeadT:
    """The settings among the members, checked each by itself and against each other.

    Only they are decoded: the conversation, which is nearly all of a request, is not looked at.
    Raises `FailureError` that names the field at fault.
    """
    wanted = {name: value for name, value in fields.items() if name in names}
    head = decode_request(decoder, msgspec.json.encode(wanted))
    form = None if head.text is None else head.text.format
    if form is not None and form.type == "json_schema":
        for name, present in (("name", form.name), ("schema", form.schema)):
            if not present:
                path = f"text.format.{name}"
                raise invalid(f"'{path}': required when 'text.format.type' is 'json_schema'.", path, _MISSING)
    return head
