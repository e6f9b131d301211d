"""What vendors answer when things go wrong, and what the client of each dialect is to see of it."""

import json
from typing import NamedTuple

from dragoman.conversation.failure import FailureKind as Kind
from dragoman.testing.json_value import JSON, Object


class Face(NamedTuple):
    """How a failure looks to a client: status, the dialect's own word, and OpenAI's code or None."""

    status: int
    word: str
    code: str | None = None


_FACES = """
invalid_request     400 invalid_request_error      400 invalid_request_error  400 INVALID_ARGUMENT
context_overflow    400 invalid_request_error/context_length_exceeded
                                                   400 invalid_request_error  400 INVALID_ARGUMENT
content_policy      400 invalid_request_error/content_policy_violation
                                                   400 invalid_request_error  400 INVALID_ARGUMENT
upstream_authentication  502 server_error/upstream_auth  502 api_error        502 INTERNAL
billing             429 insufficient_quota/insufficient_quota
                                                   402 billing_error          400 FAILED_PRECONDITION
permission          403 permission_error           403 permission_error       403 PERMISSION_DENIED
model_not_found     404 invalid_request_error/model_not_found
                                                   404 not_found_error        404 NOT_FOUND
not_found           404 invalid_request_error      404 not_found_error        404 NOT_FOUND
conflict            409 conflict                   409 conflict_error         409 ABORTED
too_large           413 invalid_request_error      413 request_too_large      400 INVALID_ARGUMENT
rate_limit          429 rate_limit_error/rate_limit_exceeded
                                                   429 rate_limit_error       429 RESOURCE_EXHAUSTED
quota               429 insufficient_quota/insufficient_quota
                                                   429 rate_limit_error       429 RESOURCE_EXHAUSTED
server              500 server_error               500 api_error              500 INTERNAL
bad_gateway         502 server_error/upstream_error  502 api_error            502 UNAVAILABLE
overloaded          503 server_error/server_is_overloaded
                                                   529 overloaded_error       503 UNAVAILABLE
timeout             504 server_error/timeout       504 timeout_error          504 DEADLINE_EXCEEDED
"""


def _faces() -> dict[Kind, dict[str, Face]]:
    words = _FACES.split()
    table: dict[Kind, dict[str, Face]] = {}
    for start in range(0, len(words), 7):
        kind, *cells = words[start : start + 7]
        pairs = zip(("openai_chat", "anthropic", "gemini"), cells[::2], cells[1::2], strict=True)
        faces: dict[str, Face] = {}
        for dialect, status, face in pairs:
            word, _, code = face.partition("/")
            faces[dialect] = Face(int(status), word, code or None)
        # both of OpenAI's formats have one kind of errors
        table[Kind(kind)] = faces | {"openai_responses": faces["openai_chat"]}
    return table


FACES = _faces()
"""How each kind of failure looks in each dialect."""


class VendorError(NamedTuple):
    """One error of a vendor: the answer, and the kind of failure that it means."""

    kind: Kind
    status: int
    body: bytes
    headers: dict[str, str]
    words: str
    """What of its message has to reach every client."""


def openai(
    kind: Kind,
    status: int,
    message: str,
    word: str,
    code: str | None = None,
    param: str | None = None,
    **headers: str,
) -> VendorError:
    body: Object = {"error": {"message": message, "type": word, "param": param, "code": code}}
    return _error(kind, status, message, body, headers)


def anthropic(
    kind: Kind, status: int, message: str, word: str, details: JSON = None, **headers: str
) -> VendorError:
    error: Object = {"type": word, "message": message}
    if details is not None:
        error["details"] = details
    body: Object = {"type": "error", "error": error, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}
    return _error(kind, status, message, body, headers)


def gemini(kind: Kind, status: int, message: str, word: str, *details: JSON) -> VendorError:
    error: Object = {"code": status, "message": message, "status": word}
    if details:
        error["details"] = list(details)
    return _error(kind, status, message, {"error": error}, {})


def _error(kind: Kind, status: int, message: str, body: Object, headers: dict[str, str]) -> VendorError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return VendorError(kind, status, json.dumps(body, indent=2).encode(), named, message)


def info(reason: str) -> JSON:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def retry(delay: str) -> JSON:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def quota(name: str) -> JSON:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": name}]}


BAD = "invalid_request_error"
LONG_CHAT = (
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130412 tokens. "
    "Please reduce the length of the messages."
)
LONG_RESPONSE = "Your input exceeds the context window of this model. Please adjust your input and try again."

OPENAI_ERRORS = [
    openai(
        Kind.INVALID_REQUEST,
        400,
        "Unsupported value: 'temperature'.",
        BAD,
        "unsupported_value",
        "temperature",
    ),
    openai(Kind.CONTEXT_OVERFLOW, 400, LONG_CHAT, BAD, "context_length_exceeded", "messages"),
    openai(Kind.CONTENT_POLICY, 400, "Your request was rejected.", BAD, "content_policy_violation"),
    openai(
        Kind.UPSTREAM_AUTHENTICATION,
        401,
        "Incorrect API key provided: sk-up****3210.",
        BAD,
        "invalid_api_key",
    ),
    openai(Kind.PERMISSION, 403, "Country, region, or territory not supported.", "request_forbidden"),
    openai(Kind.MODEL_NOT_FOUND, 404, "The model `gpt-9` does not exist.", BAD, "model_not_found"),
    openai(Kind.CONFLICT, 409, "The resource was updated by another request.", "conflict"),
    openai(Kind.TOO_LARGE, 413, "Maximum content size limit exceeded.", BAD),
    openai(
        Kind.RATE_LIMIT,
        429,
        "Rate limit reached for gpt-4o.",
        "tokens",
        "rate_limit_exceeded",
        retry_after="7",
    ),
    openai(Kind.RATE_LIMIT, 429, "Slow down.", "requests", "rate_limit_exceeded", retry_after_ms="6100"),
    openai(Kind.QUOTA, 429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota"),
    openai(Kind.SERVER, 500, "The server had an error.", "server_error"),
    openai(
        Kind.OVERLOADED,
        503,
        "The engine is overloaded.",
        "server_error",
        "server_is_overloaded",
        retry_after="7",
    ),
    openai(Kind.TIMEOUT, 504, "The request took too long.", "server_error"),
    openai(Kind.CONTEXT_OVERFLOW, 400, LONG_RESPONSE, BAD, "context_length_exceeded", "input"),
]

VENDOR_ERRORS: dict[str, list[VendorError]] = {
    "openai_chat": OPENAI_ERRORS,
    "openai_responses": OPENAI_ERRORS,
    "anthropic": [
        anthropic(Kind.INVALID_REQUEST, 400, "messages.1.content.0.thinking: cannot be modified.", BAD),
        anthropic(Kind.CONTEXT_OVERFLOW, 400, "prompt is too long: 210034 tokens > 200000 maximum", BAD),
        anthropic(Kind.UPSTREAM_AUTHENTICATION, 401, "invalid x-api-key", "authentication_error"),
        anthropic(Kind.BILLING, 402, "Your account has no funds left.", "billing_error"),
        anthropic(Kind.BILLING, 400, "Your credit balance is too low to access the API.", BAD),
        anthropic(Kind.PERMISSION, 403, "Your key may not use this resource.", "permission_error"),
        anthropic(Kind.MODEL_NOT_FOUND, 404, "model: claude-9", "not_found_error"),
        anthropic(Kind.CONFLICT, 409, "The resource is being changed.", "conflict_error"),
        anthropic(Kind.TOO_LARGE, 413, "Request exceeds the maximum size", "request_too_large"),
        anthropic(
            Kind.RATE_LIMIT, 429, "This would exceed your rate limit.", "rate_limit_error", retry_after="7"
        ),
        anthropic(
            Kind.QUOTA,
            429,
            "The spend limit is reached.",
            "rate_limit_error",
            {"error_code": "enforced_spend_limit_reached"},
        ),
        anthropic(Kind.SERVER, 500, "Internal server error", "api_error"),
        anthropic(Kind.TIMEOUT, 504, "Request timed out.", "timeout_error"),
        anthropic(Kind.OVERLOADED, 529, "Overloaded", "overloaded_error", retry_after="7"),
    ],
    "gemini": [
        gemini(
            Kind.INVALID_REQUEST,
            400,
            "* GenerateContentRequest.contents: contents is odd",
            "INVALID_ARGUMENT",
        ),
        gemini(
            Kind.CONTEXT_OVERFLOW,
            400,
            "The input token count (1100034) exceeds the maximum number of tokens allowed (1048576).",
            "INVALID_ARGUMENT",
        ),
        gemini(
            Kind.UPSTREAM_AUTHENTICATION,
            400,
            "API key not valid. Please pass a valid API key.",
            "INVALID_ARGUMENT",
            info("API_KEY_INVALID"),
        ),
        gemini(Kind.UPSTREAM_AUTHENTICATION, 401, "Expected OAuth 2 access token.", "UNAUTHENTICATED"),
        gemini(
            Kind.PERMISSION, 403, "You do not have permission to access tunedModels/x.", "PERMISSION_DENIED"
        ),
        gemini(
            Kind.MODEL_NOT_FOUND, 404, "models/gemini-9 is not found for API version v1beta.", "NOT_FOUND"
        ),
        gemini(Kind.RATE_LIMIT, 429, "You exceeded your rate.", "RESOURCE_EXHAUSTED", retry("6.2s")),
        gemini(
            Kind.QUOTA,
            429,
            "You exceeded your quota for the day.",
            "RESOURCE_EXHAUSTED",
            quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
        ),
        gemini(Kind.SERVER, 500, "An internal error has occurred.", "INTERNAL"),
        gemini(
            Kind.OVERLOADED,
            503,
            "The model is overloaded. Please try again later.",
            "UNAVAILABLE",
            retry("7s"),
        ),
        gemini(Kind.TIMEOUT, 504, "Deadline expired before operation could complete.", "DEADLINE_EXCEEDED"),
    ],
}
"""Error answers as the vendors write them."""
