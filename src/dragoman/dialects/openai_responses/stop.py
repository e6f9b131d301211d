"""How answers end: `status` and `incomplete_details`. There is no finish reason in this format."""

from dragoman.conversation.response import Stop, StopReason

COMPLETED = "completed"
INCOMPLETE = "incomplete"
FAILED = "failed"
IN_PROGRESS = "in_progress"

_CUT = {
    "max_output_tokens": StopReason.MAX_TOKENS,
    "max_tokens": StopReason.MAX_TOKENS,
    "length": StopReason.MAX_TOKENS,
    "content_filter": StopReason.REFUSAL,
}

UNFINISHED = frozenset({FAILED, "cancelled", "queued", IN_PROGRESS})
"""The statuses of a response that is no answer: not yet, or never."""


def stop_of(status: str | None, reason: str | None, *, called: bool, refused: bool) -> Stop:
    """How an answer ended.

    `reason` is why it is incomplete. `called` is whether it holds calls of the client's tools, `refused`
    whether it holds a refusal: both leave the answer `completed`.
    """
    if status == INCOMPLETE:
        raw = reason or INCOMPLETE
        return Stop(_CUT.get(raw, StopReason.OTHER), raw=raw)
    raw = status or COMPLETED
    if called:
        return Stop(StopReason.TOOL_CALLS, raw=raw)
    return Stop(StopReason.REFUSAL if refused else StopReason.END, raw=raw)


def status_of(stop: Stop) -> tuple[str, str | None]:
    """The status of an answer for our client, and why it is incomplete.

    A refusal that the model wrote itself leaves an answer of this format complete.
    """
    match stop.reason:
        case StopReason.MAX_TOKENS:
            return INCOMPLETE, "max_output_tokens"
        case StopReason.REFUSAL:
            return (COMPLETED, None) if stop.raw in {COMPLETED, "stop"} else (INCOMPLETE, "content_filter")
        case (
            StopReason.END
            | StopReason.STOP_SEQUENCE
            | StopReason.TOOL_CALLS
            | StopReason.PAUSE
            | StopReason.OTHER
        ):
            return COMPLETED, None
