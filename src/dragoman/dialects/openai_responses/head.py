"""The top level of a request: checked in full, decoded only as far as that takes."""

from typing import TypeVar

import msgspec

from dragoman.conversation.envelope import holds_seals
from dragoman.conversation.failure import invalid
from dragoman.dialects.dialect import Head, Location
from dragoman.dialects.json_text import decode_request, decode_some, is_empty_array, is_given, opens_with
from dragoman.dialects.openai_responses.identifiers import holds_own_ids
from dragoman.dialects.openai_responses.wire import HeadWire

Fields = dict[str, msgspec.Raw]

HeadT = TypeVar("HeadT", bound=HeadWire)

_FIELDS: msgspec.json.Decoder[Fields] = msgspec.json.Decoder(Fields)
_HEAD = msgspec.json.Decoder(HeadWire)
_HEAD_NAMES = frozenset(HeadWire.__struct_fields__)
_MISSING = "missing_required_parameter"
_ABSENT = msgspec.Raw()
_BEGINNINGS = ("previous_response_id", "conversation", "prompt")
"""What a request may go on from, and then be without an input of its own."""


def read_head(body: bytes, location: Location) -> Head:
    """Check the top level of a request. Raises `FailureError` that names the field at fault."""
    fields = top_level(body)
    head = settings(body, fields, _HEAD, _HEAD_NAMES)
    return Head(
        model=head.model,
        stream=head.stream is True,
        location=location,
        fields=fields,
        stream_usage=True,
        sealed=holds_seals(body) or holds_own_ids(body),
    )


def given(fields: Fields, name: str) -> bool:
    """Whether a member is there and not null."""
    return is_given(fields.get(name, _ABSENT))


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
    sent = fields["input"]
    if not opens_with(sent, b'"['):
        raise invalid("'input': expected a string or an array of items.", "input", "invalid_type")
    if is_empty_array(sent) and not goes_on(fields):
        raise invalid("'input': expected at least one item, got an empty array.", "input", "empty_array")
    return fields


def settings(
    body: bytes, fields: Fields, decoder: msgspec.json.Decoder[HeadT], names: frozenset[str]
) -> HeadT:
    """The settings among the members, checked each by itself and against each other.

    Only they are decoded: the conversation, which is nearly all of a request, is not looked at.
    Raises `FailureError` that names the field at fault.
    """
    head = decode_some(decoder, body, fields, names)
    form = None if head.text is None else head.text.format
    if form is not None and form.type == "json_schema":
        for name, present in (("name", form.name), ("schema", form.schema)):
            if not present:
                path = f"text.format.{name}"
                raise invalid(f"'{path}': required when 'text.format.type' is 'json_schema'.", path, _MISSING)
    return head
