"""The top level of a request: checked in full, decoded only as far as that takes."""

from typing import TypeVar

import msgspec

from dragoman.conversation.envelope import holds_seals
from dragoman.conversation.failure import invalid
from dragoman.dialects.dialect import Head, Location
from dragoman.dialects.json_text import decode_request, decode_some, is_empty_array, opens_with
from dragoman.dialects.openai_chat.wire import HeadWire

Fields = dict[str, msgspec.Raw]

HeadT = TypeVar("HeadT", bound=HeadWire)

_FIELDS: msgspec.json.Decoder[Fields] = msgspec.json.Decoder(Fields)
_HEAD = msgspec.json.Decoder(HeadWire)
_HEAD_NAMES = frozenset(HeadWire.__struct_fields__)
_MISSING = "missing_required_parameter"


def read_head(body: bytes, location: Location) -> Head:
    """Check the top level of a request. Raises `FailureError` that names the field at fault."""
    fields = top_level(body)
    head = settings(body, fields, _HEAD, _HEAD_NAMES)
    return Head(
        model=head.model,
        stream=head.stream is True,
        location=location,
        fields=fields,
        stream_usage=head.stream_options is not None and head.stream_options.include_usage is True,
        candidates=head.n or 1,
        sealed=holds_seals(body),
    )


def top_level(body: bytes) -> Fields:
    """The members of a request as the client wrote them, `messages` known to be a filled array.

    Raises `FailureError` for a body that is not such an object.
    """
    fields = decode_request(_FIELDS, body)
    messages = fields.get("messages")
    if messages is None:
        raise invalid("'messages': this field is required.", "messages", _MISSING)
    if not opens_with(messages, b"["):
        raise invalid("'messages': expected an array of messages.", "messages", "invalid_type")
    if is_empty_array(messages):
        raise invalid(
            "'messages': expected at least one message, got an empty array.", "messages", "empty_array"
        )
    return fields


def settings(
    body: bytes, fields: Fields, decoder: msgspec.json.Decoder[HeadT], names: frozenset[str]
) -> HeadT:
    """The settings among the members, checked each by itself and against each other.

    Only they are decoded: the conversation, which is nearly all of a request, is not looked at.
    Raises `FailureError` that names the field at fault.
    """
    head = decode_some(decoder, body, fields, names)
    if head.stream_options is not None and not head.stream:
        raise invalid(
            "'stream_options': only allowed when 'stream' is true.", "stream_options", "invalid_value"
        )
    if head.top_logprobs is not None and not head.logprobs:
        raise invalid(
            "'top_logprobs': only allowed when 'logprobs' is true.", "top_logprobs", "invalid_value"
        )
    form = head.response_format
    if (
        form is not None
        and form.type == "json_schema"
        and (form.json_schema is None or not form.json_schema.schema)
    ):
        path = "response_format.json_schema"
        if form.json_schema is not None:
            path += ".schema"
        raise invalid(f"'{path}': required when 'response_format.type' is 'json_schema'.", path, _MISSING)
    return head
