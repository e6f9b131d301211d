"""Signed and encrypted reasoning: back to its vendor byte for byte, and to nobody else."""

from collections.abc import Callable

import msgspec

from dragoman.conformance.answer_openai_chat import documented
from dragoman.conformance.exact_json import encode
from dragoman.conformance.feature import Answering, Feature, Playing, asking, respond
from dragoman.conformance.features_reasoning import SIGNING, THOUGHT, signature_of, thinking
from dragoman.conformance.features_tools import CLOCK, WEATHER, call_id
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
from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Response, StopReason
from dragoman.conversation.usage import Usage
from dragoman.testing.json_value import Object

_ARGUMENTS = '{"city":"Oslo"}'
_ASKING = Question(
    "",
    ask("What is the weather in Oslo, and what time is it?"),
    tools=(WEATHER, CLOCK),
    effort="high",
    visible=True,
    max_tokens=32_000,
)
_USAGE = Usage(input=12, output=40, reasoning=20)
_GOOGLE, _CLAUDE = frozenset({"gemini"}), frozenset({"anthropic"})

Kept = Callable[[Object], Object]
"""What a client keeps of a message of the model."""


def _signed(stage: Stage, text: str = THOUGHT) -> Signature:
    """A signature of the upstream's."""
    upstream = stage.upstream.name
    return Signature(upstream, "", signature_of(upstream, text))


def _own(stage: Stage, number: int) -> str:
    """The id of a call; Google's signing models give some, too."""
    return call_id(stage.upstream.name, number) or f"pt3pa1b{number}"


def _calling(stage: Stage, *before: Block) -> Response:
    """Blocks, then a call, which Google signs."""
    signed = _signed(stage) if stage.upstream.name == "gemini" else None
    call = ToolCall(_own(stage, 1), WEATHER.name, _ARGUMENTS, signature=signed)
    return respond(*before, call, stop=StopReason.TOOL_CALLS, usage=_USAGE)


def _one_call(stage: Stage) -> Response:
    return _calling(stage, thinking(stage))


def _no_text(stage: Stage) -> Response:
    """Reasoning that the vendor does not show, signed all the same."""
    value = signature_of("anthropic", "")
    return _calling(stage, Thinking("", Signature("anthropic", "", value)))


def _redacted(stage: Stage) -> Response:
    value = signature_of("anthropic", "")
    return _calling(stage, Thinking("", Signature("anthropic", "", value), redacted=True))


def _two_calls(stage: Stage) -> Response:
    """Google signs the first of parallel calls."""
    calls = (
        ToolCall(_own(stage, 1), WEATHER.name, _ARGUMENTS, signature=_signed(stage)),
        ToolCall(_own(stage, 2), CLOCK.name, "{}"),
    )
    return respond(thinking(stage), *calls, stop=StopReason.TOOL_CALLS, usage=_USAGE)


def _signed_text(stage: Stage) -> Response:
    return respond(thinking(stage), Text("It is cold.", signature=_signed(stage)), usage=_USAGE)


_AGAIN = "Now that I know, I call the tool."


def _interleaved(stage: Stage) -> Response:
    again = Thinking(_AGAIN, _signed(stage, _AGAIN))
    return _calling(stage, thinking(stage), Text("I look."), again)


async def _first_turn(stage: Stage, answer: Response) -> Got:
    question = msgspec.structs.replace(_ASKING, model=stage.model, stream=stage.streamed)
    return await stage.ask(question, answer)


async def _second_turn(stage: Stage, echo: list[Object], model: str = "", *, reasoning: bool = True) -> Got:
    """The next turn, with the model's turn as the client keeps it: results for its calls, if it has some."""
    calls = stage.client.read(_wrapped(stage.client.name, echo), "").calls
    results = [Result(call.id, (Words("It is cold."),), call.name) for call in calls]
    turns = (*_ASKING.turns, Turn("assistant", verbatim=tuple(echo)), user(*(results or ["Go on."])))
    question = msgspec.structs.replace(
        _ASKING, model=model or stage.model, turns=turns, stream=stage.streamed
    )
    if not reasoning:
        question = msgspec.structs.replace(question, effort=None, visible=False, max_tokens=8_000)
    return await stage.ask(question, respond(Text("Cold.")))


def _wrapped(client: str, echo: list[Object]) -> Object:
    """Messages of the wire as a body, to be read."""
    field = {"openai_responses": "input", "gemini": "contents"}.get(client, "messages")
    return {field: [*echo]}


def _coming_back(answer: Answering, wanted: Callable[[Stage], str]) -> Playing:
    async def play(stage: Stage) -> None:
        got = await _first_turn(stage, answer(stage))
        second = await _second_turn(stage, got.reply.echo)
        body = encode(stage.body_of(second.received[-1]))
        stage.expect(wanted(stage) in body, "the upstream did not get its signature back")

    return play


def _over_thought(stage: Stage) -> str:
    return signature_of(stage.upstream.name, THOUGHT)


def _over_nothing(stage: Stage) -> str:
    return signature_of(stage.upstream.name, "")


async def _in_order(stage: Stage) -> None:
    got = await _first_turn(stage, _interleaved(stage))
    second = await _second_turn(stage, got.reply.echo)
    parts = second.question.parts("assistant")
    seen = [type(part).__name__ for part in parts]
    stage.expect(seen == ["Thought", "Words", "Thought", "Call"], f"the upstream read {seen}")
    signatures = [thought.signature for thought in second.question.thoughts]
    wanted = [signature_of("anthropic", THOUGHT), signature_of("anthropic", _AGAIN)]
    stage.expect(signatures == wanted, "the signatures are not those of the thoughts they stand on")


def _without(kept: Kept) -> Playing:
    async def play(stage: Stage) -> None:
        got = await _first_turn(stage, _one_call(stage))
        second = await _second_turn(stage, [kept(message) for message in got.reply.echo])
        stage.expect(second.reply.text == "Cold.", f"the client read {second.reply.text!r}")

    return play


async def _other_model(stage: Stage) -> None:
    got = await _first_turn(stage, _one_call(stage))
    other = stage.subject.model(stage.upstream.name)
    second = await _second_turn(stage, got.reply.echo, other, reasoning=False)
    body = encode(stage.body_of(second.received[-1]))
    stage.expect(_over_thought(stage) not in body, "a model got the signature of another one")


def _foreign(stage: Stage) -> Question:
    """A history with reasoning that the client's own vendor has signed, not the upstream."""
    client = stage.client.name
    value = signature_of(client, THOUGHT) if client in SIGNING else ""
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


def _back(
    name: str, title: str, answer: Answering, upstreams: frozenset[str], wanted: Callable[[Stage], str]
) -> Feature:
    rule = "statement 61: thinking returns to its vendor unchanged, or its signature fails"
    play = _coming_back(answer, wanted)
    return Feature(
        name,
        "Signatures",
        title,
        rule,
        asking(_ASKING),
        play=play,
        upstreams=upstreams,
        variant="reasoning",
    )


FEATURES = (
    _back(
        "signature-round-trip",
        "A signature comes back to its vendor, byte for byte, in the next turn of a tool loop",
        _one_call,
        SIGNING,
        _over_thought,
    ),
    _back(
        "signature-parallel",
        "Of parallel calls Google signs the first: its signature comes back",
        _two_calls,
        _GOOGLE,
        _over_thought,
    ),
    _back(
        "signature-text",
        "A signature that Google puts on text comes back",
        _signed_text,
        _GOOGLE,
        _over_thought,
    ),
    _back(
        "signature-hidden",
        "A signature over reasoning that is not shown comes back",
        _no_text,
        _CLAUDE,
        _over_nothing,
    ),
    _back(
        "signature-redacted",
        "Redacted thinking comes back",
        _redacted,
        _CLAUDE,
        _over_nothing,
    ),
    Feature(
        "signature-order",
        "Signatures",
        "Thinking, text, thinking, call: each comes back in its place",
        "statement 26: the order of text, thinking and tools is kept between Anthropic and Responses",
        asking(_ASKING),
        play=_in_order,
        clients=frozenset({"openai_responses", "anthropic"}),
        upstreams=_CLAUDE,
        variant="reasoning",
    ),
    Feature(
        "signature-documented-fields",
        "Signatures",
        "A tool loop goes on with a client that keeps only OpenAI's documented fields",
        "statement 64: what the client lost, the gateway makes good, so that the vendor goes on",
        asking(_ASKING),
        play=_without(documented),
        clients=frozenset({"openai_chat"}),
        upstreams=SIGNING,
        variant="reasoning",
    ),
    Feature(
        "signature-other-model",
        "Signatures",
        "The client goes on with another model of the vendor: the signature is not sent there",
        "statement 62: signatures are sent only to the model family that issued them",
        asking(_ASKING),
        play=_other_model,
        pairs="foreign",
        upstreams=frozenset({"openai_responses", "gemini"}),
        variant="reasoning",
    ),
    Feature(
        "signature-foreign",
        "Signatures",
        "A signature of one vendor is not sent to another",
        "statement 62: signatures and encrypted reasoning go only where they came from",
        _foreign,
        check=_not_sent,
        clients=SIGNING,
        pairs="foreign",
    ),
)
