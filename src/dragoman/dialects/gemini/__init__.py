"""Google's generateContent, as client and as upstream."""

from dragoman.dialects.dialect import Dialect
from dragoman.dialects.gemini.counting import COUNTING
from dragoman.dialects.gemini.embeddings import EMBEDDING
from dragoman.dialects.gemini.errors import parse_error, render_error, stream_failure
from dragoman.dialects.gemini.field_paths import FIELD_PATHS
from dragoman.dialects.gemini.models import render_model, render_models
from dragoman.dialects.gemini.parse_request import parse_request
from dragoman.dialects.gemini.parse_response import parse_response
from dragoman.dialects.gemini.passthrough import (
    hide_usage,
    keep_alive,
    meter_response,
    passthrough,
    read_head,
    stream_type,
)
from dragoman.dialects.gemini.rate_limits import rate_limit_headers
from dragoman.dialects.gemini.render_request import render_request
from dragoman.dialects.gemini.render_response import render_response
from dragoman.dialects.gemini.stream_decoder import GeminiStreamDecoder
from dragoman.dialects.gemini.stream_encoder import GeminiStreamEncoder

DIALECT = Dialect(
    name="gemini",
    credential=("x-goog-api-key", ""),
    forwarded=("x-goog-api-client", "x-server-timeout"),
    read_head=read_head,
    parse_request=parse_request,
    render_request=render_request,
    passthrough=passthrough,
    parse_response=parse_response,
    render_response=render_response,
    meter_response=meter_response,
    stream_decoder=GeminiStreamDecoder,
    stream_encoder=GeminiStreamEncoder,
    stream_failure=stream_failure,
    hide_usage=hide_usage,
    stream_type=stream_type,
    parse_error=parse_error,
    render_error=render_error,
    rate_limit_headers=rate_limit_headers,
    render_models=render_models,
    render_model=render_model,
    keep_alive=keep_alive,
    stream_end=lambda location: b"" if location.sse else b"\n]",
    field_paths=FIELD_PATHS,
    counting=COUNTING,
    embedding=EMBEDDING,
)
