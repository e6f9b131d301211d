"""OpenAI's older Completions: a text that the model goes on with. Only passed through, never translated.

No other vendor has anything like it, and what clients use it for (filling in the middle, echoes, token
numbers as prompts) has no place in a conversation. Hosts of open models keep serving it.
"""

from typing import NoReturn

from dragoman.conversation.failure import invalid
from dragoman.dialects.dialect import Dialect, Location
from dragoman.dialects.openai_completions.errors import parse_error, render_error, stream_failure
from dragoman.dialects.openai_completions.passthrough import meter_response, passthrough, read_head
from dragoman.dialects.openai_completions.stream_decoder import CompletionsStreamDecoder
from dragoman.dialects.openai_completions.wire import NAME
from dragoman.dialects.openai_models import render_model, render_models
from dragoman.dialects.openai_rate_limits import rate_limit_headers
from dragoman.dialects.stream_usage import hide_usage


def _untranslatable(*_: object) -> NoReturn:
    """Stands for everything that translation would need."""
    raise invalid(
        "Completions are only passed through, as they are, to hosts that speak them. The host of this model "
        "does not, or not with these fields: use POST /v1/chat/completions, or a model of another host.",
        "model",
        "completions_not_supported",
    )


def _keep_alive(location: Location) -> bytes:
    del location
    return b": keep-alive\n\n"


def _stream_type(location: Location) -> str:
    del location
    return "text/event-stream; charset=utf-8"


DIALECT = Dialect(
    name=NAME,
    credential=("authorization", "Bearer "),
    forwarded=("openai-beta",),
    read_head=read_head,
    parse_request=_untranslatable,
    render_request=_untranslatable,
    passthrough=passthrough,
    parse_response=_untranslatable,
    render_response=_untranslatable,
    meter_response=meter_response,
    stream_decoder=CompletionsStreamDecoder,
    stream_encoder=_untranslatable,
    stream_failure=stream_failure,
    hide_usage=hide_usage,
    stream_type=_stream_type,
    parse_error=parse_error,
    render_error=render_error,
    rate_limit_headers=rate_limit_headers,
    render_models=render_models,
    render_model=render_model,
    keep_alive=_keep_alive,
    stream_end=lambda _: b"data: [DONE]\n\n",
)
"""The format's functions and facts."""
