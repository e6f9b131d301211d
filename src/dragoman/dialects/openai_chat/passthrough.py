"""Requests and answers of this dialect on their way unread."""

import msgspec

from dragoman.conversation.failure import FailureError
from dragoman.conversation.response import StopReason
from dragoman.dialects.dialect import Head, Meter, Passed, Target, WireRequest
from dragoman.dialects.json_text import decode_upstream, opens_with, splice_member, splice_model
from dragoman.dialects.openai_chat.answer_wire import MeteredChoiceWire, MeteredWire
from dragoman.dialects.openai_chat.errors import unanswered
from dragoman.dialects.openai_chat.fitting_ids import with_fitting_ids
from dragoman.dialects.openai_chat.replayed_reasoning import with_replayed_reasoning
from dragoman.dialects.openai_chat.stop import stop_of
from dragoman.dialects.openai_chat.usage import usage_of
from dragoman.dialects.stream_usage import with_usage

PATH = "/chat/completions"

_METERED = msgspec.json.Decoder(MeteredWire)


def passthrough(head: Head, body: bytes, target: Target) -> Passed:
    """The request with its model swapped. A stream is made to tell its usage, which we account for; a host
    that wants reasoning back with every call gets an empty one where the client has dropped it, and a model
    that takes one form of ids only gets that.
    """
    fields = head.fields
    form = target.profile.call_id_form
    if target.host.replays_reasoning or form != "free":
        messages = bytes(fields["messages"])
        if target.host.replays_reasoning:
            messages = with_replayed_reasoning(messages)
        if form != "free":
            messages = with_fitting_ids(messages, form)
        body = splice_member(body, fields, "messages", messages)
        fields = {**fields, "messages": msgspec.Raw(messages)}
    body = splice_model(body, fields, target.model)
    if not head.stream or head.stream_usage or not target.host.stream_options:
        return Passed(WireRequest(PATH, body))
    return Passed(WireRequest(PATH, with_usage(body, head)), hide_usage=True)


def meter_response(body: bytes) -> Meter:
    """What is accounted for of a whole answer. Raises `FailureError` for anything that is not one."""
    answer = decode_upstream(_METERED, body)
    if not answer.choices:
        raise FailureError(unanswered(body))
    return Meter(usage_of(answer), tuple([_reason(choice) for choice in answer.choices]))


def _reason(choice: MeteredChoiceWire) -> StopReason:
    message = choice.message
    if message is None:
        return stop_of(choice.finish_reason, called=False, refused=False).reason
    called = bool(
        message.tool_calls or (message.function_call and not opens_with(message.function_call, b"n"))
    )
    return stop_of(choice.finish_reason, called=called, refused=bool(message.refusal)).reason
