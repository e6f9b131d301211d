"""What an answer holds besides text and calls, and the grammar of its stream."""

import dataclasses

from dragoman.conformance.feature import Feature, asking, respond, say
from dragoman.conformance.features_reasoning import THOUGHT
from dragoman.conformance.features_tools import CLOCK, WEATHER, calling
from dragoman.conformance.question import Question, ask
from dragoman.conformance.reply import Cited
from dragoman.conformance.stage import Got, Stage
from dragoman.conversation.blocks import Citation, Refusal, Text, Thinking
from dragoman.conversation.response import Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.testing.script import Scripted

_COUNTS = "statement 89: vendors count differently, and sums are right in each one's format"
_PLAIN = asking(Question("", ask()))


def _counting(name: str, title: str, usage: Usage) -> Feature:
    """A feature whose answer has this usage."""

    def check(stage: Stage, got: Got) -> None:
        seen = got.reply.usage
        if seen is None:
            stage.expect(False, "the client got no usage")
            return
        pairs = [
            ("tokens in the whole prompt", usage.prompt, seen.prompt),
            ("tokens of output", usage.output or 0, seen.output),
            ("tokens read from the cache", usage.cache_read or 0, seen.cached),
        ]
        if usage.reasoning is not None:
            pairs.append(("tokens of reasoning", usage.reasoning, seen.reasoning))
        for what, wanted, read in pairs:
            stage.expect(read == wanted, f"{what}: {wanted}, the client read {read}")

    return Feature(
        name, "Answers", title, _COUNTS, _PLAIN, lambda stage: respond(Text("Hi."), usage=usage), check
    )


_SOURCE = Cited("https://example.com/weather", "Weather of the world")


def _cited(stage: Stage) -> Response:
    text = "It is cold in Oslo today."
    citation = Citation(_SOURCE.url, _SOURCE.title, "cold in Oslo", 0, len(text))
    return respond(Text(text, (citation,)))


def _has_source(stage: Stage, got: Got) -> None:
    stage.expect(_SOURCE in got.reply.citations, f"the client read the sources {got.reply.citations}")


def _searching(stage: Stage, got: Got) -> None:
    stage.expect(got.question.web_search, "the upstream was not told to search")


def _refusal(stage: Stage) -> Response:
    return respond(stop=Stop(StopReason.REFUSAL, explanation="This is against the rules."))


_DECLINED = "I cannot help with that."


def _declined(stage: Stage, got: Got) -> None:
    said = got.reply.text + got.reply.refusal
    stage.expect(_DECLINED in said, f"the client read {got.reply.text!r} and {got.reply.refusal!r}")


def _is_refused(stage: Stage, got: Got) -> None:
    stage.expect(got.reply.finish == "content_filter", f"the answer ends with {got.reply.finish!r}")


def _well_formed(stage: Stage, got: Got) -> None:
    body = got.answered.body
    found = stage.client.check_stream(body) if stage.streamed else stage.client.check_answer(body)
    for problem in found[:4]:
        stage.expect(False, problem)
    if stage.streamed:
        kind = got.answered.headers.get("content-type", "")
        stage.expect(kind.startswith("text/event-stream"), f"the content type is {kind!r}")


_CALLING = Question("", ask(), tools=(WEATHER, CLOCK))
_RULE = "the vendor's stream grammar and response schema, as in its API reference (statements 74 to 81)"


def _calls(stage: Stage) -> Response:
    return calling(stage, (WEATHER.name, '{"city":"Oslo"}'), (CLOCK.name, "{}"), text="I look.")


def _thinks(stage: Stage) -> Response:
    return respond(Thinking(THOUGHT), Text("Good evening."), usage=Usage(input=12, output=30, reasoning=20))


def _no_usage(stage: Stage, got: Got) -> None:
    stage.expect(got.reply.usage is None, f"usage came unasked: {got.reply.usage}")


async def _at_once(stage: Stage) -> None:
    question = Question(stage.model, ask(), stream=True)
    text = " ".join(f"word{number}" for number in range(24))
    stage.lay_out(Scripted(say(text), pace=0.1))
    got = stage.read(await stage.send(question), question)
    times = got.answered.times
    stage.require(bool(times), "nothing came")
    spread = times[-1] - times[0]
    stage.expect(len(times) > 3 and spread > 0.4, f"{len(times)} pieces came within {spread:.2f} s")


_WEB_SEARCH = "statement 28 and web search: the switch has a counterpart in every format"

FEATURES = (
    _counting("usage", "Token counts", Usage(input=100, output=50)),
    _counting(
        "usage-cached",
        "Token counts with a prompt read from the cache in part",
        Usage(input=100, cache_read=20, output=50),
    ),
    _counting(
        "usage-reasoning",
        "Token counts with reasoning among the output",
        Usage(input=100, cache_read=20, output=50, reasoning=30),
    ),
    dataclasses.replace(
        _counting(
            "usage-cache-written",
            "Token counts with a prompt written to the cache in part",
            Usage(input=100, cache_read=20, cache_write=10, output=50),
        ),
        upstreams=frozenset({"anthropic"}),
    ),
    Feature(
        "usage-unasked",
        "Answers",
        "A stream without usage where none was asked for",
        "Chat Completions: stream_options.include_usage (statement 81)",
        asking(Question("", ask(), stream_usage=False)),
        check=_no_usage,
        modes=("streamed",),
        clients=frozenset({"openai_chat"}),
    ),
    Feature(
        "refusal",
        "Answers",
        "The model refuses",
        "statement 97: content_filter, refusal, incomplete and SAFETY say the same",
        _PLAIN,
        answer=_refusal,
        check=_is_refused,
    ),
    Feature(
        "refusal-words",
        "Answers",
        "The words of a refusal that OpenAI keeps apart from the text",
        "Chat Completions: message.refusal; Responses: refusal parts; others: text or its explanation",
        _PLAIN,
        answer=lambda stage: respond(Refusal(_DECLINED)),
        check=_declined,
        upstreams=frozenset({"openai_chat", "openai_responses"}),
    ),
    Feature(
        "citations",
        "Answers",
        "Sources of the answer",
        "Chat Completions, Responses: url_citation; Anthropic: citations; Google: groundingMetadata",
        _PLAIN,
        answer=_cited,
        check=_has_source,
    ),
    Feature(
        "web-search",
        "Answers",
        "The vendor is to search the web",
        _WEB_SEARCH,
        asking(Question("", ask("Any news?"), web_search=True)),
        check=_searching,
        emulated={"openai_chat": "Chat Completions: only the search models search the web"},
        words=("search",),
    ),
    Feature(
        "grammar-text",
        "Grammar",
        "Every frame and field of an answer in text",
        _RULE,
        _PLAIN,
        answer=lambda stage: say("Good evening, and welcome to the lighthouse."),
        check=_well_formed,
    ),
    Feature(
        "grammar-calls",
        "Grammar",
        "Every frame and field of an answer with text and two calls",
        _RULE,
        asking(_CALLING),
        answer=_calls,
        check=_well_formed,
    ),
    Feature(
        "grammar-reasoning",
        "Grammar",
        "Every frame and field of an answer with reasoning",
        _RULE,
        asking(Question("", ask(), effort="high", visible=True, max_tokens=32_000)),
        answer=_thinks,
        check=_well_formed,
        variant="reasoning",
    ),
    Feature(
        "grammar-length",
        "Grammar",
        "Every frame and field of an answer that is cut short",
        _RULE,
        asking(_CALLING),
        answer=lambda stage: respond(Text("Once upon"), stop=StopReason.MAX_TOKENS),
        check=_well_formed,
    ),
    Feature(
        "streams-at-once",
        "Grammar",
        "Words reach the client as they come, not at the end",
        "all vendors: streaming is for seeing words as they come",
        _PLAIN,
        play=_at_once,
        modes=("streamed",),
    ),
)
