"""OpenAI Responses, and the hosts that speak it."""

from dragoman.dialects.dialect import Dialect
from dragoman.dialects.openai_models import render_model, render_models
from dragoman.dialects.openai_rate_limits import rate_limit_headers
from dragoman.dialects.openai_responses.counting import COUNTING
from dragoman.dialects.openai_responses.errors import parse_error, render_error, stream_failure
from dragoman.dialects.openai_responses.field_paths import FIELD_PATHS
from dragoman.dialects.openai_responses.head import read_head
from dragoman.dialects.openai_responses.parse_request import parse_request
from dragoman.dialects.openai_responses.parse_response import meter_response, parse_response
from dragoman.dialects.openai_responses.passthrough import hide_usage, passthrough
from dragoman.dialects.openai_responses.render_request import render_request
from dragoman.dialects.openai_responses.render_response import render_response
from dragoman.dialects.openai_responses.state import STATE
from dragoman.dialects.openai_responses.stream_decoder import ResponsesStreamDecoder
from dragoman.dialects.openai_responses.stream_encoder import (
    ResponsesStreamEncoder,
    keep_alive,
    stream_type,
)
from dragoman.dialects.openai_responses.wire import NAME

DIALECT = Dialect(
    name=NAME,
    credential=("authorization", "Bearer "),
    forwarded=("openai-beta",),
    read_head=read_head,
    parse_request=parse_request,
    render_request=render_request,
    passthrough=passthrough,
    parse_response=parse_response,
    render_response=render_response,
    meter_response=meter_response,
    stream_decoder=ResponsesStreamDecoder,
    stream_encoder=ResponsesStreamEncoder,
    stream_failure=stream_failure,
    hide_usage=hide_usage,
    stream_type=stream_type,
    parse_error=parse_error,
    render_error=render_error,
    rate_limit_headers=rate_limit_headers,
    render_models=render_models,
    render_model=render_model,
    keep_alive=keep_alive,
    field_paths=FIELD_PATHS,
    counting=COUNTING,
    state=STATE,
)
