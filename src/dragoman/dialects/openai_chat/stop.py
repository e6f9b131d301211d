"""Stop reasons: OpenAI's `finish_reason` and what compatible hosts put in its place."""

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Stop, StopReason

_REASONS = {
    "stop": StopReason.END,
    "eos": StopReason.END,
    "eos_token": StopReason.END,
    "end_turn": StopReason.END,
    "length": StopReason.MAX_TOKENS,
    "max_tokens": StopReason.MAX_TOKENS,
    "model_length": StopReason.MAX_TOKENS,
    "max_output_tokens": StopReason.MAX_TOKENS,
    "model_context_window_exceeded": StopReason.MAX_TOKENS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "tool_calls": StopReason.TOOL_CALLS,
    "function_call": StopReason.TOOL_CALLS,
    "tool_call": StopReason.TOOL_CALLS,
    "tool_use": StopReason.TOOL_CALLS,
    "content_filter": StopReason.REFUSAL,
    "sensitive": StopReason.REFUSAL,
    "safety": StopReason.REFUSAL,
    "refusal": StopReason.REFUSAL,
}

_BROKEN = {
    "error": FailureKind.SERVER,
    "network_error": FailureKind.SERVER,
    "abort": FailureKind.SERVER,
    "insufficient_system_resource": FailureKind.OVERLOADED,
}
"""Finish reasons by which hosts say that they gave up in the middle."""


def stop_of(finish: str | None, *, called: bool, refused: bool, sequence: object = None) -> Stop:
    """How a choice ended.

    `called` is whether it holds tool calls: then they are why it stopped, whatever a host says
    (several write `stop`), unless it was cut off or filtered; a host that says `tool_calls`
    without any is taken to mean `stop`. `refused` is whether it holds a refusal, which OpenAI ends
    with `stop`. `sequence` is the stop sequence that vLLM and SGLang name; they put token numbers there
    too.
    """
    raw = finish or ""
    reason = _REASONS.get(raw.lower(), StopReason.OTHER)
    hit = sequence if isinstance(sequence, str) and reason is StopReason.END else None
    if called and reason not in {StopReason.MAX_TOKENS, StopReason.REFUSAL}:
        reason = StopReason.TOOL_CALLS
    elif reason is StopReason.TOOL_CALLS:
        reason = StopReason.TOOL_CALLS if called else StopReason.END
    elif refused and reason is StopReason.END:
        reason = StopReason.REFUSAL
    elif hit is not None:
        reason = StopReason.STOP_SEQUENCE
    return Stop(reason, sequence=hit if reason is StopReason.STOP_SEQUENCE else None, raw=raw)


def broken_off(finish: str | None) -> Failure | None:
    """What went wrong, where the finish reason says that something did."""
    kind = _BROKEN.get(finish or "")
    if kind is None:
        return None
    return Failure(kind, f"The upstream broke the answer off (finish_reason '{finish}').", code=finish)


def finish_of(stop: Stop, *, called: bool, legacy: bool) -> str:
    """The `finish_reason` of a choice for our client; `called` is whether it got tool calls."""
    match stop.reason:
        case StopReason.MAX_TOKENS:
            return "length"
        case StopReason.REFUSAL:
            # OpenAI's own way with a refusal in `message.refusal`
            return "stop" if stop.raw == "stop" else "content_filter"
        case (
            StopReason.END
            | StopReason.STOP_SEQUENCE
            | StopReason.TOOL_CALLS
            | StopReason.PAUSE
            | StopReason.OTHER
        ):
            if called:
                return "function_call" if legacy else "tool_calls"
            return "stop"
