"""Where vendors differ so much that a request has to be bent, or refused."""

import dataclasses

from dragoman.conformance.feature import ANSWER, Checking, Feature, Playing, asking, say
from dragoman.conformance.features_parameters import PERSON, PERSON_SCHEMA
from dragoman.conformance.features_tools import CLOCK, WEATHER, with_tools
from dragoman.conformance.question import Question, Tool, Turn, ask
from dragoman.conformance.stage import Got, Stage
from dragoman.conformance.wire import WIRES
from dragoman.testing.json_value import JSON, Object

_OPENAI = frozenset({"openai_chat", "openai_responses"})
_BENT = "statements 48 to 55: what a model refuses together is not sent together"
_STORED = "statement 28: what one vendor stores is not at another; it is refused, and named"
_ELSEWHERE = dict.fromkeys(WIRES, "kept or run by another vendor")


def _answered(stage: Stage, got: Got) -> None:
    stage.expect(got.reply.text == ANSWER, f"the client read {got.reply.text!r}")


def _reasoning(name: str, title: str, question: Question) -> Feature:
    """A feature of a reasoning model: the upstream has to take what the question becomes there."""
    return Feature(
        name,
        "Limits",
        title,
        _BENT,
        asking(question),
        check=_answered,
        pairs="foreign",
        clients=frozenset({"openai_chat", "openai_responses", "gemini"}),
        variant="reasoning",
    )


def _both(stage: Stage, got: Got) -> None:
    stage.expect(len(got.question.tools) == 1, "the tool has not reached the upstream")
    told = "\n".join((*got.question.system, *got.question.texts("user"), got.question.schema))
    stage.expect('"name"' in told and '"age"' in told, "the schema has not reached the upstream")
    stage.expect(got.reply.text == PERSON, f"the client read {got.reply.text!r}")


def _alone(stage: Stage) -> Question:
    turns = (Turn("system", ask("Tell a joke.")[0].parts),)
    return Question(stage.model, turns, stream=stage.streamed)


def _joke(stage: Stage, got: Got) -> None:
    told = "\n".join((*got.question.system, *got.question.texts("user"), *got.question.texts("system")))
    stage.expect("Tell a joke." in told, f"the upstream read {told!r}")


_MARK: Object = {"type": "ephemeral"}


def _marked(stage: Stage) -> Question:
    system: Object = {"type": "text", "text": "Be brief.", "cache_control": {**_MARK, "ttl": "1h"}}
    tool: Object = {
        "name": CLOCK.name,
        "description": CLOCK.description,
        "input_schema": {"type": "object", "properties": {}},
        "cache_control": {**_MARK, "ttl": "1h"},
    }
    extra: Object = {"system": [system], "tools": [tool], "cache_control": _MARK}
    return Question(stage.model, ask(), stream=stage.streamed, extra=extra)


def _unmarked(stage: Stage, got: Got) -> None:
    stage.expect("Be brief." in got.question.system, f"the instructions are {got.question.system}")
    stage.expect([tool.name for tool in got.question.tools] == [CLOCK.name], "the tool is lost")


def _refusing(
    name: str, title: str, clients: dict[str, Object], words: tuple[str, ...], *, turns: bool = False
) -> Feature:
    """Something of the client's vendor, by client: members of the body, or of a message."""

    def question(stage: Stage) -> Question:
        given = clients[stage.client.name]
        if turns:
            told = (Turn("user", verbatim=(given,)),)
            return Question(stage.model, told, stream=stage.streamed)
        return Question(stage.model, ask(), stream=stage.streamed, extra=given)

    return Feature(
        name,
        "Limits",
        title,
        _STORED,
        question,
        pairs="foreign",
        clients=frozenset(clients),
        impossible=_ELSEWHERE,
        words=words,
    )


_OPENAI_FILE: dict[str, Object] = {
    "openai_responses": {
        "role": "user",
        "content": [
            {"type": "input_file", "file_id": "file-abc123"},
            {"type": "input_text", "text": "Read."},
        ],
    },
}
_ANTHROPIC_FILE: dict[str, Object] = {
    "anthropic": {
        "role": "user",
        "content": [
            {"type": "document", "source": {"type": "file", "file_id": "file_abc123"}},
            {"type": "text", "text": "Read."},
        ],
    },
}
_KEPT: dict[str, Object] = {
    "openai_responses": {"previous_response_id": "resp_0123456789abcdef"},
    "gemini": {"cachedContent": "cachedContents/abc123"},
}
_CODE_TOOL: list[JSON] = [{"type": "code_interpreter", "container": {"type": "auto"}}]
_CODE: dict[str, Object] = {
    "openai_responses": {"tools": _CODE_TOOL},
    "anthropic": {"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]},
    "gemini": {"tools": [{"codeExecution": {}}]},
}


def _fitting(limit: int) -> Checking:
    def check(stage: Stage, got: Got) -> None:
        seen = got.question.max_tokens
        stage.expect(
            seen is None or seen <= limit, f"the upstream's limit is {seen}, more than the model can"
        )

    return check


def _schema_with_tools(stage: Stage) -> Question:
    return Question(
        stage.model, ask("Who is Ada?"), tools=(WEATHER,), schema=PERSON_SCHEMA, stream=stage.streamed
    )


def _playing_many() -> Playing:
    """A hundred tools at once."""

    async def play(stage: Stage) -> None:
        tools = tuple(Tool(f"tool_{number}", "Does something.") for number in range(100))
        got = await stage.ask(with_tools(stage, *tools), say(ANSWER))
        seen = [tool.name for tool in got.question.tools]
        stage.expect(seen == [tool.name for tool in tools], f"the upstream was offered {len(seen)} tools")

    return play


FEATURES = (
    _reasoning(
        "effort-and-temperature",
        "Reasoning and a temperature",
        Question("", ask(), effort="high", temperature=0.5, max_tokens=32_000),
    ),
    _reasoning(
        "effort-and-required",
        "Reasoning and a demanded call",
        Question("", ask(), effort="high", tools=(CLOCK,), choice="required", max_tokens=32_000),
    ),
    _reasoning(
        "effort-and-few-tokens",
        "Much reasoning within few tokens",
        Question("", ask(), effort="high", max_tokens=2_000),
    ),
    Feature(
        "max-tokens-many",
        "Limits",
        "A limit of more tokens than the model can write",
        "statement 45: the limit is clamped to the model's own",
        asking(Question("", ask(), max_tokens=900_000)),
        check=_fitting(128_000),
        pairs="foreign",
        upstreams=frozenset({"anthropic", "gemini"}),
    ),
    Feature(
        "schema-with-tools",
        "Limits",
        "A JSON Schema for the answer together with tools, which older Google models refuse",
        "statement 71: Google takes both together only from version 3 on",
        _schema_with_tools,
        answer=lambda stage: say(PERSON),
        check=_both,
        pairs="foreign",
    ),
    Feature(
        "many-tools",
        "Limits",
        "A hundred tools, in order",
        "all vendors take 128 tools and more",
        lambda stage: with_tools(stage, CLOCK),
        play=_playing_many(),
        modes=("whole",),
    ),
    Feature(
        "system-alone",
        "Limits",
        "A conversation of nothing but instructions",
        "OpenAI takes it; Anthropic and Google want a word of the user",
        _alone,
        check=_joke,
        clients=_OPENAI,
    ),
    Feature(
        "cache-marks-everywhere",
        "Limits",
        "Cache marks on instructions, tools and the whole prompt do no harm elsewhere",
        "statement 57: cache_control goes only where it is known",
        _marked,
        check=_unmarked,
        clients=frozenset({"anthropic"}),
    ),
    dataclasses.replace(
        _refusing("file-of-openai", "A file that is stored at OpenAI", _OPENAI_FILE, ("file",), turns=True),
        upstreams=frozenset({"anthropic", "gemini"}),
    ),
    _refusing(
        "file-of-anthropic", "A file that is stored at Anthropic", _ANTHROPIC_FILE, ("file",), turns=True
    ),
    _refusing(
        "stored-state",
        "A conversation or prompt that is stored at the client's vendor",
        _KEPT,
        ("previous_response", "resp_", "cachedcontent", "cached"),
    ),
    _refusing("code-execution", "Code that the client's vendor runs itself", _CODE, ("code",)),
)
