"""Why an answer ended, in Google's words and in ours."""

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Stop, StopReason

_REASONS = {
    "STOP": StopReason.END,
    "MAX_TOKENS": StopReason.MAX_TOKENS,
    "CONTINUATION": StopReason.MAX_TOKENS,
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "MODEL_ARMOR",
            "LANGUAGE",
            "ESCALATION",
            "PUP_LIMITED_DISABLED",
        ),
        StopReason.REFUSAL,
    ),
}

BROKEN = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    }
)
"""Reasons that mean that the model's output made no sense. Without any content there is no answer."""

_NUMBERS = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION", 5: "OTHER"}
"""Numbers of the enumeration, as far as the Developer API and Vertex AI agree on them."""


def reason_name(reason: str | int) -> str:
    """A finish reason by its name."""
    return _NUMBERS.get(reason, "OTHER") if isinstance(reason, int) else reason


def parse_stop(reason: str | int, message: str | None, *, called: bool) -> Stop:
    """How a candidate ended; `called` says whether it called functions, for Google says STOP then."""
    raw = reason_name(reason)
    meaning = _REASONS.get(raw, StopReason.OTHER)
    if called and meaning in {StopReason.END, StopReason.OTHER}:
        meaning = StopReason.TOOL_CALLS
    explanation = message if meaning in {StopReason.REFUSAL, StopReason.OTHER} else None
    return Stop(meaning, explanation=explanation, raw=raw)


def blocked(reason: str | int, message: str | None) -> Stop:
    """How a prompt was refused: there is no candidate at all then."""
    return Stop(StopReason.REFUSAL, explanation=message, raw=reason if isinstance(reason, str) else "SAFETY")


def broken(reason: str, message: str | None) -> Failure:
    """An answer without content whose finish reason says that the model failed."""
    detail = f" ({message})" if message else ""
    return Failure(
        FailureKind.BAD_GATEWAY,
        f"The model gave no usable answer: {reason}{detail}.",
        code=reason.lower(),
    )


EMPTY = Failure(FailureKind.BAD_GATEWAY, "The model answered nothing.", code="empty_answer")
"""Gemini sometimes ends with STOP and without a single token; asking again helps."""


def render_reason(stop: Stop) -> str:
    """The finish reason for a client of this format; Google's own word where it was Google's."""
    match stop.reason:
        case StopReason.MAX_TOKENS:
            return "MAX_TOKENS"
        case StopReason.REFUSAL:
            return stop.raw if _REASONS.get(stop.raw) is StopReason.REFUSAL else "SAFETY"
        case StopReason.OTHER:
            return stop.raw if stop.raw in BROKEN else "OTHER"
        case StopReason.END | StopReason.STOP_SEQUENCE | StopReason.TOOL_CALLS | StopReason.PAUSE:
            return "STOP"
