"""An upstream that says no: each client gets its own dialect's status, word and envelope for it."""

import json
from collections.abc import MutableMapping
from typing import NamedTuple

import pytest
from tests.conftest import LiveGateway
from tests.live.client import Client, Reply, Told
from tests.live.raw_upstream import RawUpstream

from dragoman.conversation.failure import FailureKind as Kind
from dragoman.testing.exchange import Answer, Chunk, json_answer
from dragoman.testing.json_value import JSON
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

Seen = tuple[int, str, str | None]
"""An HTTP status, the dialect's word for an error and, of OpenAI's, the code."""

SEEN: dict[Kind, dict[str, Seen]] = {
    kind: {
        "openai_chat": openai,
        "anthropic": (*anthropic, None),
        "gemini": (*gemini, str(gemini[0])),
    }
    for kind, openai, anthropic, gemini in (
        (
            Kind.INVALID_REQUEST,
            (400, "invalid_request_error", None),
            (400, "invalid_request_error"),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            Kind.CONTEXT_OVERFLOW,
            (400, "invalid_request_error", "context_length_exceeded"),
            (400, "invalid_request_error"),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            Kind.CONTENT_POLICY,
            (400, "invalid_request_error", "content_policy_violation"),
            (400, "invalid_request_error"),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            Kind.UPSTREAM_AUTHENTICATION,
            (502, "server_error", "upstream_auth"),
            (502, "api_error"),
            (502, "INTERNAL"),
        ),
        (
            Kind.BILLING,
            (429, "insufficient_quota", "insufficient_quota"),
            (402, "billing_error"),
            (400, "FAILED_PRECONDITION"),
        ),
        (
            Kind.PERMISSION,
            (403, "permission_error", None),
            (403, "permission_error"),
            (403, "PERMISSION_DENIED"),
        ),
        (
            Kind.MODEL_NOT_FOUND,
            (404, "invalid_request_error", "model_not_found"),
            (404, "not_found_error"),
            (404, "NOT_FOUND"),
        ),
        (Kind.NOT_FOUND, (404, "invalid_request_error", None), (404, "not_found_error"), (404, "NOT_FOUND")),
        (Kind.CONFLICT, (409, "conflict", None), (409, "conflict_error"), (409, "ABORTED")),
        (
            Kind.TOO_LARGE,
            (413, "invalid_request_error", "request_too_large"),
            (413, "request_too_large"),
            (400, "INVALID_ARGUMENT"),
        ),
        (
            Kind.RATE_LIMIT,
            (429, "rate_limit_error", "rate_limit_exceeded"),
            (429, "rate_limit_error"),
            (429, "RESOURCE_EXHAUSTED"),
        ),
        (
            Kind.QUOTA,
            (429, "insufficient_quota", "insufficient_quota"),
            (429, "rate_limit_error"),
            (429, "RESOURCE_EXHAUSTED"),
        ),
        (Kind.SERVER, (500, "server_error", "server_error"), (500, "api_error"), (500, "INTERNAL")),
        (Kind.BAD_GATEWAY, (502, "server_error", "upstream_error"), (502, "api_error"), (502, "UNAVAILABLE")),
        (
            Kind.OVERLOADED,
            (503, "server_error", "server_is_overloaded"),
            (529, "overloaded_error"),
            (503, "UNAVAILABLE"),
        ),
        (
            Kind.TIMEOUT,
            (504, "server_error", "timeout"),
            (504, "timeout_error"),
            (504, "DEADLINE_EXCEEDED"),
        ),
    )
}
