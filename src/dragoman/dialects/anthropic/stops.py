"""Stop reasons, from the wire and back."""

from collections.abc import Iterable

from dragoman.conversation.blocks import Block, ToolCall, Unknown
from dragoman.conversation.response import Stop, StopReason
from dragoman.dialects.anthropic import wire_answer

_REASONS = {
    "end_turn": StopReason.END,
    "max_tokens": StopReason.MAX_TOKENS,
    "model_context_window_exceeded": StopReason.MAX_TOKENS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "tool_use": StopReason.TOOL_CALLS,
    "pause_turn": StopReason.PAUSE,
    "refusal": StopReason.REFUSAL,
    "compaction": StopReason.OTHER,
}

_WORDS = {
    StopReason.END: "end_turn",
    StopReason.MAX_TOKENS: "max_tokens",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.TOOL_CALLS: "tool_use",
    StopReason.PAUSE: "pause_turn",
    StopReason.REFUSAL: "refusal",
    StopReason.OTHER: "end_turn",
}

_KEPT_WITH_CALLS = frozenset({StopReason.MAX_TOKENS, StopReason.REFUSAL, StopReason.PAUSE})
"""Reasons that say more than that tools are to be run."""


def stop_reason(word: str | None) -> StopReason:
    """The reason behind a `stop_reason`; an answer that gives none has simply ended."""
    return StopReason.END if word is None else _REASONS.get(word, StopReason.OTHER)


def parse_stop(word: str | None, sequence: str | None, explanation: str | None, *, called: bool) -> Stop:
    """How an answer ended; `called` is whether it holds tool calls, which hosts' reasons do not
    always tell.
    """
    return Stop(
        _settled(stop_reason(word), called=called),
        sequence=sequence,
        explanation=explanation,
        raw=word or "",
    )


def render_stop(stop: Stop, *, called: bool, refused: bool) -> tuple[str, str | None]:
    """`stop_reason` and `stop_sequence`. `refused` is whether the answer's text declines."""
    reason = _settled(stop.reason, called=called)
    if refused and reason is StopReason.END:
        reason = StopReason.REFUSAL
    word = stop.raw if _REASONS.get(stop.raw) is reason else _WORDS[reason]
    return word, stop.sequence if reason is StopReason.STOP_SEQUENCE else None


def calls_tools(blocks: Iterable[Block]) -> bool:
    """Whether tool calls of an answer wait for the client.

    Those before a server tool's result do not: code that the vendor ran has made them, and has gone
    on since.
    """
    called = False
    for block in blocks:
        if isinstance(block, ToolCall):
            called = True
        elif isinstance(block, Unknown) and answers_calls(block):
            called = False
    return called


def answers_calls(block: Unknown) -> bool:
    """Whether the calls before this block need no answer any more."""
    return block.kind.endswith("_tool_result")


def stop_details(stop: Stop) -> wire_answer.StopDetails:
    """`stop_details` of a refusal."""
    return wire_answer.StopDetails(explanation=stop.explanation)


def _settled(reason: StopReason, *, called: bool) -> StopReason:
    if called:
        return reason if reason in _KEPT_WITH_CALLS else StopReason.TOOL_CALLS
    return StopReason.END if reason is StopReason.TOOL_CALLS else reason
