"""Reasoning: shown to the client, and signed so that it comes back to its vendor unchanged."""

import msgspec

from dragoman.conformance.answer_openai_chat import documented
from dragoman.conformance.exact_json import encode
from dragoman.conformance.feature import Feature, asking, respond
from dragoman.conformance.features_tools import WEATHER, call_id
from dragoman.conformance.question import (
    Call,
    Question,
    Result,
    Thought,
    Turn,
    Words,
    ask,
    assistant,
    user,
)
from dragoman.conformance.stage import Got, Stage
from dragoman.conformance.subject import VENDOR_MODELS
from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Response, StopReason
from dragoman.conversation.usage import Usage
from dragoman.models.profile import profile_of
from dragoman.testing.json_value import Object
from dragoman.testing.signatures import issue_signature

THOUGHT = "The user greets me. A greeting is due."
_ARGUMENTS = '{"city":"Oslo"}'
_ASKING = Question(
    "", ask("What is the weather in Oslo?"), tools=(WEATHER,), effort="high", visible=True, max_tokens=32_000
)
_ITEM = "rs_0f1e2d3c4b5a69788796a5b4c3d2e1f0"
_SIGNING = frozenset({"openai_responses", "anthropic", "gemini"})
_PLACES = "Anthropic Messages: thinking; Responses: reasoning summary; generateContent: thought parts"
_CONTENT = "DeepSeek, vLLM and others: reasoning_content; OpenAI's own format has no field for it"
_READING = asking(Question("", ask(), effort="high", visible=True, max_tokens=32_000))


def signature_of(upstream: str, text: str) -> str:
    """What the vendor's reasoning model issues over a text."""
    family = profile_of(VENDOR_MODELS[f"{upstream}.reasoning"]).family
    return issue_signature(upstream, family, text if upstream == "anthropic" else "")


def _thinking(stage: Stage) -> Thinking:
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
    return respond(_thinking(stage), Text("Good evening."), usage=usage)


def _shown(stage: Stage, got: Got) -> None:
    stage.expect(got.reply.reasoning == THOUGHT, f"the client read the reasoning {got.reply.reasoning!r}")
    stage.expect(got.reply.text == "Good evening.", f"the client read {got.reply.text!r}")


def _not_leaked(stage: Stage, got: Got) -> None:
    stage.expect(THOUGHT not in got.reply.text, "reasoning stands in the visible text")


def _signed_call(stage: Stage) -> Response:
    """Reasoning, then a call, signed in the upstream's way."""
    upstream = stage.upstream.name
    signed = Signature(upstream, "", signature_of(upstream, THOUGHT)) if upstream == "gemini" else None
    identity = call_id(upstream) or "pt3pa1b2"  # Google's signing models give ids
    blocks: list[Block] = [_thinking(stage), ToolCall(identity, WEATHER.name, _ARGUMENTS, signature=signed)]
    usage = Usage(input=12, output=40, reasoning=20)
    return respond(*blocks, stop=StopReason.TOOL_CALLS, usage=usage)


async def _second_turn(stage: Stage, echo: list[Object]) -> Got:
    """The turn after the call, with the model's turn as the client keeps it."""
    first = msgspec.structs.replace(_ASKING, model=stage.model, stream=stage.streamed)
    calls = stage.client.read(_wrapped(stage.client.name, echo), "").calls
    stage.require(len(calls) == 1, f"the client kept the calls {calls}")
    result = user(Result(calls[0].id, (Words("It is cold."),), WEATHER.name))
    question = msgspec.structs.replace(
        first, turns=(*first.turns, Turn("assistant", verbatim=tuple(echo)), result)
    )
    return await stage.ask(question, respond(Text("Cold.")))


def _wrapped(client: str, echo: list[Object]) -> Object:
    """Messages of the wire as a body, to be read."""
    field = {"openai_responses": "input", "gemini": "contents"}.get(client, "messages")
    return {field: [*echo]}


async def _comes_back(stage: Stage) -> None:
    first = msgspec.structs.replace(_ASKING, model=stage.model, stream=stage.streamed)
    got = await stage.ask(first, _signed_call(stage))
    second = await _second_turn(stage, got.reply.echo)
    wanted = signature_of(stage.upstream.name, THOUGHT)
    body = encode(stage.body_of(second.received[-1]))
    stage.expect(wanted in body, "the upstream did not get its signature back")
    thoughts = [thought.text for thought in second.question.thoughts if thought.signature == wanted]
    if stage.upstream.name == "anthropic":
        stage.expect(thoughts == [THOUGHT], f"the signed thinking came back as {thoughts}")


async def _documented_only(stage: Stage) -> None:
    first = msgspec.structs.replace(_ASKING, model=stage.model, stream=stage.streamed)
    got = await stage.ask(first, _signed_call(stage))
    second = await _second_turn(stage, [documented(message) for message in got.reply.echo])
    stage.expect(second.reply.text == "Cold.", f"the client read {second.reply.text!r}")


def _foreign(stage: Stage) -> Question:
    """A history with reasoning that the client's own vendor has signed, not the upstream."""
    client = stage.client.name
    value = signature_of(client, THOUGHT) if client in _SIGNING else ""
    if client == "gemini":
        before = (Thought(THOUGHT), Call("", WEATHER.name, _ARGUMENTS, signature=value))
    else:
        before = (Thought(THOUGHT, value), Call("call_1", WEATHER.name, _ARGUMENTS))
    result = Result("" if client == "gemini" else "call_1", (Words("It is cold."),), WEATHER.name)
    turns = (user("What is the weather in Oslo?"), assistant(*before), user(result))
    return Question(stage.model, turns, tools=(WEATHER,), stream=stage.streamed)


def _not_sent(stage: Stage, got: Got) -> None:
    value = signature_of(stage.client.name, THOUGHT)
    body = encode(stage.body_of(got.received[-1]))
    stage.expect(value not in body, "the upstream got a signature of another vendor")
    visible = "\n".join(got.question.texts("assistant"))
    stage.expect(THOUGHT not in visible, "reasoning became visible text of the assistant")


FEATURES = (
    Feature(
        "reasoning",
        "Reasoning",
        "The text of the reasoning reaches a client that asks for it",
        _PLACES,
        _READING,
        answer=_thoughtful,
        check=_shown,
        clients=_SIGNING,
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
        "statement 63: hidden reasoning never becomes visible text",
        asking(Question("", ask(), effort="high", max_tokens=32_000)),
        answer=_thoughtful,
        check=_not_leaked,
        variant="reasoning",
    ),
    Feature(
        "signature-round-trip",
        "Reasoning",
        "A signature comes back to its vendor, byte for byte, in the next turn of a tool loop",
        "statement 61: native thinking is replayed byte-exact to its origin",
        asking(_ASKING),
        play=_comes_back,
        upstreams=_SIGNING,
        variant="reasoning",
    ),
    Feature(
        "signature-documented-fields",
        "Reasoning",
        "A tool loop goes on with a client that keeps only OpenAI's documented fields",
        "statement 64: what the client lost, the gateway makes good, so that the vendor goes on",
        asking(_ASKING),
        play=_documented_only,
        clients=frozenset({"openai_chat"}),
        upstreams=_SIGNING,
        variant="reasoning",
    ),
    Feature(
        "signature-foreign",
        "Reasoning",
        "A signature of one vendor is not sent to another",
        "statement 62: signatures and encrypted reasoning go only where they came from",
        _foreign,
        check=_not_sent,
        clients=_SIGNING,
        pairs="foreign",
    ),
)
