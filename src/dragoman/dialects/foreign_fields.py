"""Fields that only one wire format has: refused, or left out and reported."""

from collections.abc import Iterator

import msgspec

from dragoman.conversation.blocks import Refusal, Thinking, Unknown
from dragoman.conversation.failure import invalid
from dragoman.conversation.loss import Loss, dropped
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import FunctionTool, Request
from dragoman.dialects.openai_family import RESPONSES, belongs
from dragoman.dialects.places import Places

_MODALITIES = frozenset({"modalities", "responsemodalities"})
_STORED_STATE = frozenset({"cachedcontent", "previous_response_id", "conversation", "prompt", "container"})
NO_THREADS = "thread_unsupported_request"
"""The code by which Anthropic's SDKs know that they have to send the whole conversation themselves."""

_COPIES = frozenset(
    {
        "generationConfig.responseJsonSchema",
        "generationConfig.responseMimeType",
        "generationConfig.responseSchema",
        "toolConfig.functionCallingConfig.mode",
    }
)
"""Kept beside their neutral reading, for the way back to their own format: nothing of them is lost."""
_BOOKKEEPING = frozenset(
    {
        "apart",
        "caller",
        "id",
        "image_generation_call",
        "index",
        "instructions",
        "namespace",
        "phase",
        "places",
        "prompt_cache_breakpoint",
        "reasoning_details",
        "response",
        "start",
        "status",
    }
)
"""What turns and blocks carry for the way back to their own format, or for us, and asks for nothing."""
_BARE = (Refusal, Thinking, Unknown)
"""Blocks without fields of one format alone."""
_DONE_HERE = frozenset({(RESPONSES, "store"), (RESPONSES, "stream_options")})
"""What the gateway itself sees to: keeping answers, and streams in the client's own format."""


def check_foreign_fields(request: Request, dialect: str) -> None:
    """Look at what a request has brought along for its own format, before it is written in `dialect`.

    Raises `FailureError` (invalid request) that names the field, for wishes that change what the answer
    is (sound or pictures), for tools that the vendor reaches itself, and for references
    to content that it keeps. Everything else is a knob that may be left out.
    """
    for extra in request.extras:
        if belongs(extra, dialect):
            continue
        word = extra.field.rsplit(".", 1)[-1].lower()
        if word in _MODALITIES and any(kind in extra.json.lower() for kind in (b"audio", b"image")):
            raise invalid(
                f"'{extra.field}': this model answers in text only.", extra.field, "unsupported_parameter"
            )
        if word in _STORED_STATE and extra.json != b"null":
            raise invalid(
                f"'{extra.field}': what is stored at another vendor cannot be used with this model.",
                extra.field,
                "state_not_portable",
            )
        if word == "mcp_servers" and extra.json != b"[]":
            raise invalid(
                f"'{extra.field}': these servers are reached by {extra.dialect} itself; this model cannot "
                "use them.",
                extra.field,
                "server_tool_not_portable",
            )
        if word == "thread" and extra.json != b"null":
            raise invalid(
                f"'{extra.field}': no conversation is kept for this model; send the whole of it.",
                extra.field,
                NO_THREADS,
            )
        if word == "background" and extra.json == b"true":
            raise invalid(
                f"'{extra.field}': this model answers while the client waits; leave it out.",
                extra.field,
                "unsupported_parameter",
            )
        if word == "tool_choice":
            raise invalid(
                f"'{extra.field}': this model cannot be made to use a tool that {extra.dialect} runs itself.",
                extra.field,
                "server_tool_not_portable",
            )
    _check_tools(request, dialect)
    _check_sound(request, dialect)


def _check_tools(request: Request, dialect: str) -> None:
    """Tools that answer after the turn has ended are another kind of conversation."""
    for place, tool in enumerate(request.tools):
        if isinstance(tool, FunctionTool) and any(
            field.field == "async" and field.json == b"true" and field.dialect != dialect
            for field in tool.opaque
        ):
            path = f"tools[{place}].async"
            raise invalid(
                f"'{path}': this model waits for the results of its tools; leave it out.",
                path,
                "unsupported_parameter",
            )


def _check_sound(request: Request, dialect: str) -> None:
    """What the model said aloud is kept at OpenAI, and the history holds no more of it than an id."""
    if dialect == request.dialect:
        return
    for turn, message in enumerate(request.messages):
        if message.opaque and any(field.field == "audio" for field in message.opaque):
            path = f"{Places(request).of_message(turn)}.audio"
            raise invalid(
                f"'{path}': what is stored at another vendor cannot be used with this model.",
                path,
                "state_not_portable",
            )


def names_user(request: Request, extra: Opaque) -> bool:
    """Whether a field says who asks, which is in the neutral request too."""
    return extra.field == "safety_identifier" and msgspec.json.decode(extra.json) == request.user


def foreign_losses(request: Request, dialect: str) -> Iterator[Loss]:
    """The fields that a request written in `dialect` goes without."""
    for extra in request.extras:
        done = extra.field in _COPIES or (extra.dialect, extra.field) in _DONE_HERE
        if not (done or belongs(extra, dialect) or names_user(request, extra)):
            yield _unknown(f"$.{extra.field}", extra)
    places = Places(request)
    for turn, message in enumerate(request.messages):
        for field in message.opaque:
            if not (field.field in _BOOKKEEPING or belongs(field, dialect)):
                yield _unknown(f"$.{places.of_message(turn)}.{field.field}", field)
        for place, block in enumerate(message.blocks):
            for field in () if isinstance(block, _BARE) else block.opaque:
                if not (field.field in _BOOKKEEPING or belongs(field, dialect)):
                    yield _unknown(f"$.{places.of(turn, place)}.{field.field}", field)


def _unknown(path: str, field: Opaque) -> Loss:
    return dropped(path, "unknown_field", f"only {field.dialect} has this field")
