"""What is written for a client is read back the same at an upstream: both hands hold the same pen."""

import msgspec
import pytest

from dragoman.conformance.exact_json import decode_object, encode
from dragoman.conformance.question import (
    Call,
    Media,
    Question,
    Result,
    Thought,
    Tool,
    Turn,
    UnsayableError,
    Words,
    ask,
    assistant,
    user,
)
from dragoman.conformance.wire import WIRES

SCHEMA = '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}'
TOOL = Tool("get_weather", "Tells the weather.", SCHEMA)
ARGUMENTS = '{"city":"Oslo","factor":1.0}'
PICTURE = Media("image", "image/png", "iVBORw0KGgo=")

EVERYWHERE = {
    "text": Question("m", ask("Hello")),
    "instructions": Question("m", ask(), system=("Be brief.",)),
    "several instructions": Question("m", ask(), system=("Be brief.", "Be kind.")),
    "turns": Question("m", (user("One"), assistant("Two"), user("Three"))),
    "a picture": Question("m", (user("What is it?", PICTURE, "Say."),)),
    "a picture by URL": Question("m", (user("See", Media("image", "image/png", url="https://a.b/c.png")),)),
    "a document": Question("m", (user("Read", Media("document", "application/pdf", "JVBERi0=")),)),
    "tools": Question("m", ask(), tools=(TOOL,), choice="required"),
    "a named tool": Question("m", ask(), tools=(TOOL,), choice="name:get_weather"),
    "no tools": Question("m", ask(), tools=(TOOL,), choice="none"),
    "a limit": Question("m", ask(), max_tokens=77),
    "sampling": Question("m", ask(), temperature=0.25, top_p=0.5),
    "a schema": Question("m", ask(), schema=SCHEMA),
    "web search": Question("m", ask(), web_search=True),
}


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("what", EVERYWHERE)
def test_every_format_says_and_reads(name: str, what: str) -> None:
    wire, question = WIRES[name], EVERYWHERE[what]
    body = decode_object(encode(wire.write(question)))
    read = wire.read(body, wire.path("m", False))
    assert _bare(read) == _bare(question)


def _bare(question: Question) -> Question:
    """Without what one of the formats has no word for: types of media behind a URL, the wish for usage."""
    turns = tuple(
        msgspec.structs.replace(
            turn,
            parts=tuple(
                msgspec.structs.replace(part, media_type="") if isinstance(part, Media) and part.url else part
                for part in turn.parts
            ),
        )
        for turn in question.turns
    )
    return msgspec.structs.replace(question, turns=turns, stream_usage=True)


@pytest.mark.parametrize("name", WIRES)
def test_tool_traffic_keeps_calls_results_and_number_text(name: str) -> None:
    wire = WIRES[name]
    own = "" if name == "gemini" else "call_1"
    result = Result(own, (Words("cold"),), "get_weather")
    turns = (user("Weather?"), assistant("I look.", Call(own, "get_weather", ARGUMENTS)), user(result))
    read = wire.read(decode_object(encode(wire.write(Question("m", turns)))), "")
    assert read.calls == [Call(own, "get_weather", ARGUMENTS)]
    assert [(found.call_id, found.parts) for found in read.results] == [(own, (Words("cold"),))]
    assert read.texts("assistant") == ["I look."]


@pytest.mark.parametrize("name", ["openai_responses", "anthropic", "gemini"])
def test_reasoning_keeps_its_signature(name: str) -> None:
    wire = WIRES[name]
    turns = (user("Hello"), assistant(Thought("Well.", "c2ln"), "Hello."), user("Bye"))
    assert wire.read(wire.write(Question("m", turns)), "").thoughts == [Thought("Well.", "c2ln")]


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("openai_chat", Question("m", (user(Media("video", "video/mp4", "AAAA")),))),
        ("openai_chat", Question("m", (user(Result("c", (PICTURE,))),))),
        ("openai_chat", Question("m", (assistant(Thought("x")),))),
        ("openai_responses", Question("m", ask(), stop=("x",))),
        ("openai_responses", Question("m", ask(), candidates=2)),
        ("openai_responses", Question("m", (user(Result("c", (Words("x"),), is_error=True)),))),
        ("anthropic", Question("m", ask(), candidates=2)),
        ("anthropic", Question("m", ask(), logprobs=2)),
        ("anthropic", Question("m", ask(), temperature=1.5)),
        ("anthropic", Question("m", (Turn("system", (Words("x"),)),))),
        ("anthropic", Question("m", ask(), tools=(Tool("t", custom=True),))),
        ("gemini", Question("m", ask(), parallel=False)),
        ("gemini", Question("m", ask(), tools=(Tool("t", custom=True),))),
        ("gemini", Question("m", (user(Words("x", cached=True)),))),
    ],
)
def test_what_a_format_has_no_field_for_is_said(name: str, question: Question) -> None:
    with pytest.raises(UnsayableError):
        WIRES[name].write(question)


def test_a_gateway_may_write_google_in_snake_case() -> None:
    body = decode_object(
        '{"contents":[{"parts":[{"function_response":{"name":"t","response":{"snake_key":1}}}]}],'
        '"system_instruction":{"parts":[{"text":"Be brief."}]},"generation_config":{"max_output_tokens":5}}'
    )
    read = WIRES["gemini"].read(body, "")
    assert (read.system, read.max_tokens) == (("Be brief.",), 5)
    assert read.results[0].parts == (Words('{"snake_key":1}'),)
