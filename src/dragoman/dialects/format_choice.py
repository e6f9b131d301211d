"""Which wire format an attempt is made in, where a provider speaks several."""

from collections.abc import Sequence

from dragoman.dialects.dialect import Head, Target

CHAT, RESPONSES = "openai_chat", "openai_responses"


def spoken_format(spoken: Sequence[str], asked: str, head: Head, target: Target) -> str:
    """One of the formats that a provider speaks (the preferred one first) for a request in `asked`.

    The client's own format, so that nothing needs translating, unless the model offers what is asked
    for in OpenAI's other format only: tools with reasoning are refused on Chat Completions by newer
    models. Clients of other vendors' formats reach OpenAI's reasoning models by Responses, which keeps
    reasoning, the order of items and media in results. The choice depends on the model and on what
    stays the same through a conversation, so that its prompts keep their prefix.
    """
    if CHAT not in spoken or RESPONSES not in spoken:
        return asked if asked in spoken else spoken[0]
    if asked == CHAT:
        return RESPONSES if _needs_responses(head, target) else CHAT
    if asked in spoken:
        return asked
    return RESPONSES if target.profile.reasoning == "effort" or target.profile.chat_tools == "never" else CHAT


def _needs_responses(head: Head, target: Target) -> bool:
    rule = target.profile.chat_tools
    if rule == "always" or (_absent(head, "tools") and _absent(head, "functions")):
        return False
    effort = bytes(head.fields["reasoning_effort"]) if not _absent(head, "reasoning_effort") else None
    match rule:
        case "never":
            return True
        case "reasoning_off":
            return effort != b'"none"'
        case "without_effort":
            return effort not in {None, b'"none"'}


def _absent(head: Head, field: str) -> bool:
    value = head.fields.get(field)
    return value is None or bytes(value) in {b"null", b"[]", b""}
