"""Reasoning, as far as the client reads it."""

from dragoman.conformance.feature import Feature, asking, respond
from dragoman.conformance.question import (
    Question,
    ask,
)
from dragoman.conformance.stage import Got, Stage
from dragoman.conformance.subject import VENDOR_MODELS
from dragoman.conversation.blocks import Text, Thinking
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Response
from dragoman.conversation.usage import Usage
from dragoman.models.profile import profile_of
from dragoman.testing.signatures import issue_signature

THOUGHT = "The user greets me. A greeting is due."
_ITEM = "rs_0f1e2d3c4b5a69788796a5b4c3d2e1f0"
SIGNING = frozenset({"openai_responses", "anthropic", "gemini"})
"""The formats whose vendors sign or encrypt reasoning."""

_PLACES = "Anthropic Messages: thinking; Responses: reasoning summary; generateContent: thought parts"
_CONTENT = "DeepSeek, vLLM and others: reasoning_content; OpenAI's own format has no field for it"
_READING = asking(Question("", ask(), effort="high", visible=True, max_tokens=32_000))


def signature_of(upstream: str, text: str) -> str:
    """What the vendor's reasoning model issues over a text."""
    family = profile_of(VENDOR_MODELS[f"{upstream}.reasoning"]).family
    return issue_signature(upstream, family, text if upstream == "anthropic" else "")


def thinking(stage: Stage) -> Thinking:
    """The reasoning, signed in the upstream's way."""
    upstream = stage.upstream.name
    value = signature_of(upstream, THOUGHT)
    match upstream:
        case "anthropic":
            return Thinking(THOUGHT, Signature(upstream, "", value))
        case "openai_responses":  # whose items have an id besides
            return Thinking(THOUGHT, Signature(upstream, "", f"{_ITEM} {value}"))
        case _:  # Google signs the call instead
            return Thinking(THOUGHT)


def _thoughtful(stage: Stage) -> Response:
    usage = Usage(input=12, output=30, reasoning=20)
    return respond(thinking(stage), Text("Good evening."), usage=usage)


def _shown(stage: Stage, got: Got) -> None:
    stage.expect(got.reply.reasoning == THOUGHT, f"the client read the reasoning {got.reply.reasoning!r}")
    stage.expect(got.reply.text == "Good evening.", f"the client read {got.reply.text!r}")


def _not_leaked(stage: Stage, got: Got) -> None:
    stage.expect(THOUGHT not in got.reply.text, "reasoning stands in the visible text")


FEATURES = (
    Feature(
        "reasoning",
        "Reasoning",
        "The text of the reasoning reaches a client that asks for it",
        _PLACES,
        _READING,
        answer=_thoughtful,
        check=_shown,
        clients=SIGNING,
        variant="reasoning",
    ),
    Feature(
        "reasoning-content",
        "Reasoning",
        "The text of reasoning that is always shown reaches a client of Chat Completions",
        _CONTENT,
        _READING,
        answer=_thoughtful,
        check=_shown,
        clients=frozenset({"openai_chat"}),
        upstreams=frozenset({"openai_chat", "anthropic"}),
        variant="reasoning",
    ),
    Feature(
        "reasoning-hidden",
        "Reasoning",
        "Reasoning never stands in the visible text",
        "statement 63: private thoughts stay out of what users read",
        asking(Question("", ask(), effort="high", max_tokens=32_000)),
        answer=_thoughtful,
        check=_not_leaked,
        variant="reasoning",
    ),
)
