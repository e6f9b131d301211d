"""Errors, in Google's words and in ours.

Google answers with a `google.rpc.Status`: a message, a status word, and details of several types.
Proxies and other servers in between answer with almost anything, so nothing is taken for granted.
"""

import math
import re
from collections.abc import Mapping

import msgspec

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.dialects.dialect import ErrorBody, Location
from dragoman.dialects.gemini.tree import ANY, elements, members, text

DIALECT = "gemini"

_MAX_MESSAGE = 2048
_TYPE = "type.googleapis.com/google.rpc."

# --- what an upstream says -------------------------------------------------------------------------


class _Said(msgspec.Struct):
    """What an error body tells, wherever in it."""

    message: str = ""
    word: str = ""
    code: int = 0
    reasons: set[str] = set()
    quotas: list[str] = []
    retry_after: float | None = None


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an upstream's error answer means. Never raises."""
    try:
        tree = ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _failure(status, headers, _Said(message=_plain(body)), body)
    return parse_error_tree(status, headers, tree, body)


def parse_error_tree(status: int, headers: Mapping[str, str], tree: object, body: bytes) -> Failure:
    """What an error object means, in an answer of its own or inside a stream that began well.

    `status` is 0 or 200 where there is no HTTP status to go by.
    """
    return _failure(status, headers, _said(tree), body)


def _said(tree: object) -> _Said:
    said = _Said()
    listed = elements(tree)
    outer = members(listed[0] if listed else tree) or {}
    error = outer.get("error", outer)
    said.message = _message(error) or _message(outer) or (text(tree) or "")
    inner = members(error) or {}
    for key in ("code", "status"):
        value = inner.get(key)
        if isinstance(value, int):
            said.code = said.code or value
        elif isinstance(value, str) and value.isdecimal():
            said.code = said.code or int(value[:4])
        elif isinstance(value, str):
            said.word = said.word or value.upper()
    for detail in elements(inner.get("details")) or ():
        _read_detail(said, members(detail) or {})
    return said


def _read_detail(said: _Said, detail: dict[str, object]) -> None:
    kind = str(detail.get("@type", "")).rpartition(".")[2]
    if kind == "ErrorInfo":
        said.reasons.add(str(detail.get("reason", "")))
        metadata = members(detail.get("metadata")) or {}
        if metadata.get("quota_limit_value") == "0":
            said.quotas.append("limit: 0")
        said.quotas.append(str(metadata.get("quota_limit", "")))
    elif kind == "RetryInfo":
        said.retry_after = _delay(detail.get("retryDelay"))
    elif kind == "QuotaFailure":
        for violation in elements(detail.get("violations")) or ():
            fields = members(violation) or {}
            said.quotas.append(str(fields.get("quotaId", "")) + " " + str(fields.get("description", "")))


def _message(error: object) -> str:
    """The best message in an error of any make: Google's, RFC 7807, FastAPI, a plain string."""
    if isinstance(error, str):
        return error
    fields = members(error) or {}
    for key in ("message", "error_description", "detail", "title", "error", "msg"):
        value = fields.get(key)
        if found := text(value):
            return found
        listed = elements(value)
        if listed and (found := _message(listed[0])):
            return found
    return ""


_TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")


def _plain(body: bytes) -> str:
    """The message of a body that is not JSON: of a page its title, else the text."""
    page = body[: 4 * _MAX_MESSAGE].decode("utf-8", "replace").strip()
    if page.startswith("<"):
        title = _TITLE.search(page)
        page = title[2] if title else _TAG.sub(" ", page)
    return " ".join(page.split())


_SECRETS = (
    (re.compile(r"\bAIza[0-9A-Za-z_-]{8,}"), "[key]"),
    (re.compile(r"([?&](?:key|access_token)=)[^&\s\"']+"), r"\1[key]"),
    (re.compile(r"\b(Bearer\s+|ya29\.)[0-9A-Za-z._~+/-]{8,}=*"), "[key]"),
    (re.compile(r"(projects/)[^/\s\"'`]+"), r"\1[project]"),
    (re.compile(r"(project(?:_number)?[:= ]+)[0-9]{5,}"), r"\1[project]"),
)


def _redacted(message: str) -> str:
    for pattern, replacement in _SECRETS:
        message = pattern.sub(replacement, message)
    return message[:_MAX_MESSAGE]


_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PLEASE_RETRY = re.compile(r"retry (?:in|after) ((?:\d+(?:\.\d+)?(?:ms|h|m|s))+)", re.IGNORECASE)


def _delay(value: object) -> float | None:
    """A duration in seconds, from `34.4s`, `10h17m5.7s` or `{"seconds": 34, "nanos": 0}`."""
    if isinstance(value, str):
        found = _DURATION.findall(value)
        total = sum(float(number) * _UNITS[unit] for number, unit in found)
        return total if found and math.isfinite(total) else None
    fields = members(value) or {}
    seconds, nanos = fields.get("seconds", 0), fields.get("nanos", 0)
    try:
        total = float(str(seconds)) + float(str(nanos)) / 1e9
    except ValueError:
        return None
    return total if fields and math.isfinite(total) else None


def _retry_after(headers: Mapping[str, str], said: _Said) -> float | None:
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
            return float(value) * unit
    if said.retry_after is not None:
        return said.retry_after
    asked = _PLEASE_RETRY.search(said.message)
    return _delay(asked[1]) if asked else None


def _failure(status: int, headers: Mapping[str, str], said: _Said, body: bytes) -> Failure:
    answered = status if status >= 400 else said.code or _WORDS.get(said.word, 502)
    kind = _kind(answered, said)
    waits = kind in {FailureKind.RATE_LIMIT, FailureKind.OVERLOADED, FailureKind.SERVER}
    code = next((reason for reason in sorted(said.reasons) if reason), said.word) or None
    if kind is FailureKind.UPSTREAM_AUTHENTICATION:
        # what is said of a key may quote it, or the project that it belongs to: nothing of it goes on
        message = f"The upstream refused the gateway's credentials (HTTP {answered})."
        return Failure(kind, message, code=code if code in _KEY_REASONS else None, status=answered)
    return Failure(
        kind,
        _redacted(said.message) or f"The upstream answered with status {answered}.",
        code=code,
        status=answered,
        retry_after=_retry_after(headers, said) if waits else None,
        dialect=DIALECT,
        body=body,
    )


_WORDS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "DATA_LOSS": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""HTTP statuses of `google.rpc` words, for errors that come without one."""

_KINDS = {
    401: FailureKind.UPSTREAM_AUTHENTICATION,
    402: FailureKind.BILLING,
    403: FailureKind.PERMISSION,
    404: FailureKind.NOT_FOUND,
    405: FailureKind.BAD_GATEWAY,
    408: FailureKind.TIMEOUT,
    409: FailureKind.CONFLICT,
    413: FailureKind.TOO_LARGE,
    415: FailureKind.BAD_GATEWAY,
    421: FailureKind.BAD_GATEWAY,
    429: FailureKind.RATE_LIMIT,
    499: FailureKind.BAD_GATEWAY,
    500: FailureKind.SERVER,
    501: FailureKind.BAD_GATEWAY,
    502: FailureKind.BAD_GATEWAY,
    503: FailureKind.OVERLOADED,
    504: FailureKind.TIMEOUT,
    524: FailureKind.TIMEOUT,
    529: FailureKind.OVERLOADED,
}

_OVERFLOW = re.compile(
    r"input token count.*exceeds the maximum"
    r"|context_length_exceeded|maximum context length|prompt is too long"
    r"|exceeds? the (?:model'?s )?(?:maximum )?context|context window.*exceed|exceed.*context window"
    r"|too many tokens|input is too long|exceeds the maximum allowed input length|max_prompt_tokens",
    re.IGNORECASE | re.DOTALL,
)
_KEY = re.compile(
    r"api[ _]key (?:not valid|expired|not found|invalid|was reported)|invalid api[ _]key"
    r"|unregistered callers|reported as leaked",
    re.IGNORECASE,
)
_KEY_REASONS = frozenset(
    {
        "API_KEY_INVALID",
        "API_KEY_EXPIRED",
        "API_KEY_SERVICE_BLOCKED",
        "API_KEY_HTTP_REFERRER_BLOCKED",
        "API_KEY_IP_ADDRESS_BLOCKED",
        "ACCESS_TOKEN_EXPIRED",
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "CREDENTIALS_MISSING",
        "CONSUMER_INVALID",
        "CONSUMER_SUSPENDED",
        "SERVICE_DISABLED",
        "IAM_PERMISSION_DENIED",
    }
)
_BILLING = re.compile(
    r"prepa(?:y|id)|billing (?:account|is|not)|enable billing|credits? (?:are|is)", re.IGNORECASE
)
_HARD_QUOTA = re.compile(r"per_?day|limit:\s*0\b|daily limit", re.IGNORECASE)
_LOCATION = re.compile(r"user location is not supported", re.IGNORECASE)
_POLICY = re.compile(
    r"prohibited[_ ]content|content polic|safety (?:settings|filter|polic)|model armor", re.IGNORECASE
)
_MODEL = re.compile(r"\bmodels?[/ ]|publisher model", re.IGNORECASE)


def _kind(status: int, said: _Said) -> FailureKind:
    message = said.message
    if said.reasons & _KEY_REASONS or (status in {400, 401, 403} and _KEY.search(message)):
        return FailureKind.UPSTREAM_AUTHENTICATION
    if status == 429:
        hard = any(_HARD_QUOTA.search(quota) for quota in (*said.quotas, message))
        return FailureKind.QUOTA if hard else FailureKind.RATE_LIMIT
    if status in {400, 403, 413, 422, 500} and _OVERFLOW.search(message):
        return FailureKind.CONTEXT_OVERFLOW
    if status == 400:
        return _refused(message)
    if status == 404 and _MODEL.search(message):
        return FailureKind.MODEL_NOT_FOUND
    if status in _KINDS:
        return _KINDS[status]
    if status >= 500:
        return FailureKind.BAD_GATEWAY if 520 <= status < 530 else FailureKind.SERVER
    return FailureKind.INVALID_REQUEST if status >= 400 else FailureKind.BAD_GATEWAY


def _refused(message: str) -> FailureKind:
    if _BILLING.search(message):
        return FailureKind.BILLING
    if _LOCATION.search(message):
        return FailureKind.PERMISSION
    return FailureKind.CONTENT_POLICY if _POLICY.search(message) else FailureKind.INVALID_REQUEST


# --- what a client is told -------------------------------------------------------------------------

_ANSWERS = {
    FailureKind.INVALID_REQUEST: (400, "INVALID_ARGUMENT"),
    FailureKind.CONTEXT_OVERFLOW: (400, "INVALID_ARGUMENT"),
    FailureKind.CONTENT_POLICY: (400, "INVALID_ARGUMENT"),
    FailureKind.AUTHENTICATION: (401, "UNAUTHENTICATED"),
    FailureKind.UPSTREAM_AUTHENTICATION: (502, "INTERNAL"),
    FailureKind.BILLING: (400, "FAILED_PRECONDITION"),
    FailureKind.PERMISSION: (403, "PERMISSION_DENIED"),
    FailureKind.NOT_FOUND: (404, "NOT_FOUND"),
    FailureKind.MODEL_NOT_FOUND: (404, "NOT_FOUND"),
    FailureKind.METHOD_NOT_ALLOWED: (405, "UNIMPLEMENTED"),
    FailureKind.CONFLICT: (409, "ABORTED"),
    FailureKind.TOO_LARGE: (400, "INVALID_ARGUMENT"),
    FailureKind.RATE_LIMIT: (429, "RESOURCE_EXHAUSTED"),
    FailureKind.QUOTA: (429, "RESOURCE_EXHAUSTED"),
    FailureKind.SERVER: (500, "INTERNAL"),
    FailureKind.BAD_GATEWAY: (502, "UNAVAILABLE"),
    FailureKind.OVERLOADED: (503, "UNAVAILABLE"),
    FailureKind.TIMEOUT: (504, "DEADLINE_EXCEEDED"),
    FailureKind.CLIENT_CLOSED: (499, "CANCELLED"),
}
"""HTTP status and status word of each kind. The gateway's own refused key is never the client's 401."""


def render_error(failure: Failure, request_id: str) -> ErrorBody:
    """A failure as an HTTP answer; `request_id` goes into a header, for the body has no place for it."""
    headers = [("content-type", "application/json; charset=UTF-8"), ("x-request-id", request_id)]
    if failure.retry_after is not None:
        headers.append(("retry-after", str(math.ceil(failure.retry_after))))
    return ErrorBody(_ANSWERS[failure.kind][0], tuple(headers), render_failure(failure))


def render_failure(failure: Failure) -> bytes:
    """A failure as Google's error object, for an answer of its own or inside a stream."""
    code, word = _ANSWERS[failure.kind]
    error: dict[str, object] = {"code": code, "message": _told(failure), "status": word}
    if details := _details(failure):
        error["details"] = details
    return msgspec.json.encode({"error": error})


def stream_failure(failure: Failure, location: Location, whole_frames: bool) -> bytes:
    """The bytes that end a passed-through stream with an error.

    `whole_frames` says whether whole frames went to the client before: an array is open then.
    """
    error = render_failure(failure)
    if location.sse:
        return b"data: " + error + b"\r\n\r\n"
    return (b",\r\n" if whole_frames else b"[") + error + b"\n]"


_OVERFLOW_NUMBERS = (
    re.compile(r"(?P<had>\d+) tokens > (?P<limit>\d+)"),
    re.compile(r"maximum context length is (?P<limit>\d+).*?(?P<had>\d+) tokens", re.DOTALL),
    re.compile(r"\((?P<had>\d+)\).*?\((?P<limit>\d+)\)", re.DOTALL),
)


def _told(failure: Failure) -> str:
    """The message; for an overflow in the words that clients of this format look for."""
    message = failure.message
    if failure.kind is not FailureKind.CONTEXT_OVERFLOW or re.search(r"input token count", message):
        return message
    for pattern in _OVERFLOW_NUMBERS:
        if found := pattern.search(message):
            return (
                f"The input token count ({found['had']}) exceeds the maximum number of tokens allowed "
                f"({found['limit']})."
            )
    return f"The input token count exceeds the maximum number of tokens allowed. {message}"


_KEPT = frozenset({"BadRequest", "QuotaFailure"})


def _details(failure: Failure) -> list[object]:
    """Google's own details where they are the client's business, else ours in the same types.

    The others (ErrorInfo, DebugInfo, Help) name the key and project of the gateway.
    """
    details: list[object] = []
    if failure.dialect == DIALECT:
        details.extend(_kept_details(failure.body))
    elif failure.param is not None:
        violation = {"field": failure.param, "description": failure.message}
        details.append({"@type": _TYPE + "BadRequest", "fieldViolations": [violation]})
    if failure.retry_after is not None:
        delay = f"{failure.retry_after:.3f}".rstrip("0").rstrip(".")
        details.append({"@type": _TYPE + "RetryInfo", "retryDelay": delay + "s"})
    return details


def _kept_details(body: bytes) -> list[object]:
    try:
        tree = ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    listed = elements(tree)
    error = members((members(listed[0] if listed else tree) or {}).get("error")) or {}
    return [
        detail
        for detail in elements(error.get("details")) or ()
        if str((members(detail) or {}).get("@type", "")).rpartition(".")[2] in _KEPT
    ]
