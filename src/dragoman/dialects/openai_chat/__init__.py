"""OpenAI Chat Completions, and the many hosts that speak it."""

from dragoman.dialects.dialect import Dialect
from dragoman.dialects.openai_chat.embeddings import EMBEDDING
from dragoman.dialects.openai_chat.errors import parse_error, render_error, stream_failure
from dragoman.dialects.openai_chat.field_paths import FIELD_PATHS
from dragoman.dialects.openai_chat.head import read_head
from dragoman.dialects.openai_chat.parse_request import parse_request
from dragoman.dialects.openai_chat.parse_response import parse_response
from dragoman.dialects.openai_chat.passthrough import meter_response, passthrough
from dragoman.dialects.openai_chat.render_request import render_request
from dragoman.dialects.openai_chat.render_response import render_response
from dragoman.dialects.openai_chat.stream_decoder import ChatStreamDecoder
from dragoman.dialects.openai_chat.stream_encoder import ChatStreamEncoder, keep_alive, stream_type
from dragoman.dialects.openai_chat.wire import NAME
from dragoman.dialects.openai_models import render_model, render_models
from dragoman.dialects.openai_rate_limits import rate_limit_headers
from dragoman.dialects.stream_usage import hide_usage

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
    stream_decoder=ChatStreamDecoder,
    stream_encoder=ChatStreamEncoder,
    stream_failure=stream_failure,
    hide_usage=hide_usage,
    stream_type=stream_type,
    parse_error=parse_error,
    render_error=render_error,
    rate_limit_headers=rate_limit_headers,
    render_models=render_models,
    render_model=render_model,
    keep_alive=keep_alive,
    stream_end=lambda _: b"data: [DONE]\n\n",
    field_paths=FIELD_PATHS,
    embedding=EMBEDDING,
)
