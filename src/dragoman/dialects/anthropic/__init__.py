"""Anthropic's Messages format."""

from dragoman.dialects.anthropic.counting import COUNTING
from dragoman.dialects.anthropic.errors import parse_error, render_error, stream_failure
from dragoman.dialects.anthropic.field_paths import FIELD_PATHS
from dragoman.dialects.anthropic.models import render_model, render_models
from dragoman.dialects.anthropic.parse_request import parse_request
from dragoman.dialects.anthropic.parse_response import parse_response
from dragoman.dialects.anthropic.passthrough import hide_usage, meter_response, passthrough, read_head
from dragoman.dialects.anthropic.rate_limits import rate_limit_headers
from dragoman.dialects.anthropic.render_request import render_request
from dragoman.dialects.anthropic.render_response import render_response
from dragoman.dialects.anthropic.stream_decoder import AnthropicStreamDecoder
from dragoman.dialects.anthropic.stream_encoder import AnthropicStreamEncoder
from dragoman.dialects.anthropic.wire import DIALECT as NAME
from dragoman.dialects.dialect import Dialect, Location


def _keep_alive(location: Location) -> bytes:
    """The format's own sign of life; clients expect it anywhere."""
    del location
    return b'event: ping\ndata: {"type": "ping"}\n\n'


def _stream_type(location: Location) -> str:
    del location
    return "text/event-stream; charset=utf-8"


DIALECT = Dialect(
    name=NAME,
    credential=("x-api-key", ""),
    forwarded=("anthropic-",),
    read_head=read_head,
    parse_request=parse_request,
    render_request=render_request,
    passthrough=passthrough,
    parse_response=parse_response,
    render_response=render_response,
    meter_response=meter_response,
    stream_decoder=AnthropicStreamDecoder,
    stream_encoder=AnthropicStreamEncoder,
    stream_failure=stream_failure,
    hide_usage=hide_usage,
    stream_type=_stream_type,
    parse_error=parse_error,
    render_error=render_error,
    rate_limit_headers=rate_limit_headers,
    render_models=render_models,
    render_model=render_model,
    keep_alive=_keep_alive,
    stream_end=lambda _: b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    field_paths=FIELD_PATHS,
    counting=COUNTING,
)
"""The format's functions and facts."""
