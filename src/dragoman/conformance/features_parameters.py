"""What the client asks of the answer: its form, its length, the choice of tokens."""

from dragoman.conformance.exact_json import decode_object
from dragoman.conformance.feature import Checking, Feature, Playing, asking, respond, say
from dragoman.conformance.question import Question, ask
from dragoman.conformance.stage import Got, Stage
from dragoman.conversation.blocks import Text
from dragoman.conversation.response import (
    AlternativeToken,
    Choice,
    Response,
    Stop,
    StopReason,
    TokenLogprob,
)
from dragoman.conversation.usage import Usage
from dragoman.testing.grammar.shape import child
from dragoman.testing.json_value import Object

PERSON_SCHEMA = (
    '{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},'
    '"required":["name","age"],"additionalProperties":false}'
)
PERSON = '{"name":"Ada","age":36}'
_JSON_WORDS = "Tell me of Ada, as JSON."
_SINGLE = {
    "openai_responses": "OpenAI Responses: one answer to a request",
    "anthropic": "Anthropic Messages: one answer to a request",
}


def _is_temperature(wanted: float, *, clamped: bool = False) -> Checking:
    def check(stage: Stage, got: Got) -> None:
        seen = got.question.temperature
        right = 1.0 if clamped and stage.upstream.name == "anthropic" else wanted
        stage.expect(seen == right, f"the upstream's temperature is {seen}")

    return check


def _is_limit(stage: Stage, got: Got) -> None:
    stage.expect(got.question.max_tokens == 321, f"the upstream's limit is {got.question.max_tokens}")


def _is_cut(stage: Stage, got: Got) -> None:
    stage.expect(got.reply.finish == "length", f"the answer ends with {got.reply.finish!r}")
    stage.expect(got.reply.text == "Once upon", f"the client read {got.reply.text!r}")


_STOPS = ("END", "STOP")
_MANY_STOPS = ("ONE.", "TWO.", "THREE.", "FOUR.", "FIVE.", "SIX.")
_BEFORE, _AFTER = "It was a dark night. ", " And so it went on."


def _stopped(stops: tuple[str, ...], hit: str) -> Playing:
    async def play(stage: Stage) -> None:
        question = Question(stage.model, ask(), stop=stops, stream=stage.streamed)
        got = await stage.ask(question, say(f"{_BEFORE}{hit}{_AFTER}"))
        if set(stops) <= set(got.question.stop):
            return  # the upstream was told all of them, and would have stopped there
        stage.expect(
            got.reply.text == _BEFORE, f"the client read {got.reply.text!r}: nothing stopped at {hit!r}"
        )
        stage.expect(got.reply.finish == "stop", f"the answer ends with {got.reply.finish!r}")

    return play


def _has_schema(stage: Stage, got: Got) -> None:
    stage.require(bool(got.question.schema), "the upstream was not held to the schema")
    properties = child(decode_object(got.question.schema), "properties")
    stage.expect(set(properties) == {"name", "age"}, f"the schema's properties are {list(properties)}")
    stage.expect(got.reply.text == PERSON, f"the client read {got.reply.text!r}")
    stage.expect(not got.reply.calls, "the answer came back as a call")


def _is_json(stage: Stage, got: Got) -> None:
    told = "\n".join((*got.question.system, *got.question.texts("user")))
    asked = got.question.json_object or bool(got.question.schema)
    stage.expect(asked or "JSON" in told.replace(_JSON_WORDS, ""), "the upstream was not asked for JSON")
    stage.expect(got.reply.text == PERSON, f"the client read {got.reply.text!r}")


def _two(stage: Stage) -> Response:
    count = 1 if stage.upstream.name in _SINGLE else 2
    choices = tuple(
        Choice(index, (Text(f"Answer {index}."),), Stop(StopReason.END)) for index in range(count)
    )
    return Response("", "", choices, Usage(input=12, output=14))


def _has_two(stage: Stage, got: Got) -> None:
    stage.expect(bool(got.reply.text), "the first answer is empty")
    stage.expect(list(got.reply.others) == [1], f"besides the first, the client got {got.reply.others}")
    stage.expect(bool(got.reply.others.get(1)), "the second answer is empty")


def _tokens(stage: Stage) -> Response:
    tokens = tuple(
        TokenLogprob(
            token,
            logprob,
            tuple(token.encode()),
            (
                AlternativeToken(token, logprob, tuple(token.encode())),
                AlternativeToken("Oh", -2.5, tuple(b"Oh")),
            ),
        )
        for token, logprob in (("Good", -0.25), (" day", -0.5))
    )
    choice = Choice(0, (Text("Good day"),), Stop(StopReason.END), tokens)
    return Response("", "", (choice,), Usage(input=12, output=2))


def _has_tokens(stage: Stage, got: Got) -> None:
    stage.expect(
        got.question.logprobs == 2, f"the upstream was asked for {got.question.logprobs} alternatives"
    )
    wanted = [("Good", -0.25), (" day", -0.5)]
    stage.expect(got.reply.logprobs == wanted, f"the client read {got.reply.logprobs}")


_KNOBS: dict[str, Object] = {
    "openai_chat": {
        "seed": 7,
        "presence_penalty": 0.5,
        "frequency_penalty": 0.25,
        "logit_bias": {"50256": -100},
        "service_tier": "default",
        "user": "someone",
    },
    "openai_responses": {"metadata": {"team": "keepers"}, "user": "someone", "truncation": "auto"},
    "anthropic": {"top_k": 40, "metadata": {"user_id": "someone"}},
    "gemini": {
        "generationConfig": {"seed": 7, "topK": 40},
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    },
}


def _with_knobs(stage: Stage) -> Question:
    return Question(stage.model, ask(), stream=stage.streamed, extra=_KNOBS[stage.client.name])


def _answered(stage: Stage, got: Got) -> None:
    stage.expect(bool(got.reply.text), "the answer is empty")


def _is_effort(*right: str | None) -> Checking:
    def check(stage: Stage, got: Got) -> None:
        seen = got.question.effort
        stage.expect(seen in right, f"the upstream's effort is {seen!r}")

    return check


def _is_few(stage: Stage, got: Got) -> None:
    right = 16 if stage.upstream.name == "openai_responses" else 5
    stage.expect(got.question.max_tokens == right, f"the upstream's limit is {got.question.max_tokens}")


def _from_user(stage: Stage, name: str) -> Question:
    field: Object = {"metadata": {"user_id": name}} if stage.client.name == "anthropic" else {"user": name}
    return Question(stage.model, ask(), stream=stage.streamed, extra=field)


def _names_user(stage: Stage, got: Got) -> None:
    body = stage.body_of(got.received[-1])
    names = [body.get("user"), body.get("safety_identifier"), child(body, "metadata").get("user_id")]
    stage.expect("someone-7" in names, "the user's name is lost")


_STOPPING = "statement 50: what the upstream cannot take of the stop sequences, the gateway stops at itself"

FEATURES = (
    Feature(
        "temperature",
        "Parameters",
        "Temperature",
        "all vendors but for their newest models: temperature",
        asking(Question("", ask(), temperature=0.5)),
        check=_is_temperature(0.5),
    ),
    Feature(
        "temperature-high",
        "Parameters",
        "A temperature of 1.5, which Anthropic refuses",
        "statement 48: Anthropic's temperatures end at 1",
        asking(Question("", ask(), temperature=1.5)),
        check=_is_temperature(1.5, clamped=True),
    ),
    Feature(
        "temperature-and-top-p",
        "Parameters",
        "Temperature and top_p together",
        "statement 49: Claude takes one of the two; temperature is kept",
        asking(Question("", ask(), temperature=0.5, top_p=0.9)),
        check=_is_temperature(0.5),
        clients=frozenset({"openai_chat", "openai_responses", "gemini"}),
    ),
    Feature(
        "max-tokens",
        "Parameters",
        "A limit of output tokens",
        "statement 46: the limit has a name in every format",
        asking(Question("", ask(), max_tokens=321)),
        check=_is_limit,
    ),
    Feature(
        "max-tokens-unsaid",
        "Parameters",
        "No limit of output tokens, which Anthropic demands",
        "statement 45: Anthropic demands max_tokens, which clients of other formats need not name",
        asking(Question("", ask(), max_tokens=None)),
        check=_answered,
        clients=frozenset({"openai_chat", "openai_responses", "gemini"}),
    ),
    Feature(
        "max-tokens-reached",
        "Parameters",
        "An answer that the limit cuts short",
        "all vendors: length, incomplete, max_tokens and MAX_TOKENS say the same",
        asking(Question("", ask(), max_tokens=321)),
        answer=lambda stage: respond(Text("Once upon"), stop=StopReason.MAX_TOKENS),
        check=_is_cut,
    ),
    Feature(
        "stop",
        "Parameters",
        "Two stop sequences",
        _STOPPING,
        asking(Question("", ask(), stop=_STOPS)),
        play=_stopped(_STOPS, "STOP"),
    ),
    Feature(
        "stop-many",
        "Parameters",
        "Six stop sequences; OpenAI takes four, Google five",
        _STOPPING,
        asking(Question("", ask(), stop=_MANY_STOPS)),
        play=_stopped(_MANY_STOPS, "SIX."),
        clients=frozenset({"anthropic"}),
    ),
    Feature(
        "json-schema",
        "Parameters",
        "An answer held to a JSON Schema",
        "statements 69 and 70: json_schema has a native counterpart in every format",
        asking(Question("", ask(), schema=PERSON_SCHEMA)),
        answer=lambda stage: say(PERSON),
        check=_has_schema,
    ),
    Feature(
        "json-object",
        "Parameters",
        "An answer that is any JSON object",
        "statement 69: json_object, application/json, or an instruction where there is neither",
        asking(Question("", ask(_JSON_WORDS), json_object=True)),
        answer=lambda stage: say(PERSON),
        check=_is_json,
    ),
    Feature(
        "candidates",
        "Parameters",
        "Two answers to one question",
        "statement 52: who wants several answers gets that many, or an error",
        asking(Question("", ask(), candidates=2)),
        answer=_two,
        check=_has_two,
        emulated=_SINGLE,
        words=("n", "candidate", "choices"),
    ),
    Feature(
        "logprobs",
        "Parameters",
        "Log probabilities",
        "Chat Completions: logprobs; Responses: top_logprobs; generateContent: logprobsResult",
        asking(Question("", ask(), logprobs=2)),
        answer=_tokens,
        check=_has_tokens,
        impossible={"anthropic": "Anthropic Messages: no log probabilities (statement 51)"},
        words=("logprob",),
    ),
    Feature(
        "knobs",
        "Parameters",
        "Knobs that only some vendors have do not make the request fail",
        "statement 60: seed, penalties, top_k and user names are mapped or dropped, and said to be",
        _with_knobs,
        check=_answered,
    ),
    Feature(
        "effort",
        "Reasoning",
        "How much to reason",
        "statement 53: effort words, budgets and levels are mapped by the model",
        asking(Question("", ask(), effort="high", max_tokens=32_000)),
        check=_is_effort("high"),
        variant="reasoning",
    ),
    Feature(
        "effort-low",
        "Reasoning",
        "To reason little",
        "statement 53: effort words, budgets and levels are mapped by the model",
        asking(Question("", ask(), effort="low", max_tokens=32_000)),
        check=_is_effort("low"),
        variant="reasoning",
    ),
    Feature(
        "effort-none",
        "Reasoning",
        "Not to reason, or as little as the model can",
        "statement 53: a model refuses the words for effort that it does not list",
        asking(Question("", ask(), effort="none", max_tokens=32_000)),
        check=_is_effort("none", "minimal", "low", None),
        clients=frozenset({"openai_chat", "openai_responses"}),
        pairs="foreign",
        variant="reasoning",
    ),
    Feature(
        "max-tokens-few",
        "Parameters",
        "A limit of 5 output tokens; OpenAI's Responses takes no less than 16",
        "statement 47: Responses refuses a limit under 16 tokens",
        asking(Question("", ask(), max_tokens=5)),
        check=_is_few,
        clients=frozenset({"openai_chat", "anthropic", "gemini"}),
    ),
    Feature(
        "seed-large",
        "Parameters",
        "A seed beyond 32 bits, which Google does not take",
        "generateContent: seed is an int32; Chat Completions: an integer",
        asking(Question("", ask(), extra={"seed": 1_099_511_627_777})),
        check=_answered,
        clients=frozenset({"openai_chat"}),
    ),
    Feature(
        "user-name",
        "Parameters",
        "The user's name",
        "statement 59: user, safety_identifier and metadata.user_id are mapped",
        lambda stage: _from_user(stage, "someone-7"),
        check=_names_user,
        clients=frozenset({"openai_chat", "openai_responses", "anthropic"}),
        upstreams=frozenset({"openai_chat", "openai_responses", "anthropic"}),
    ),
    Feature(
        "user-name-long",
        "Parameters",
        "A user's name of 150 characters; OpenAI takes 64",
        "statement 59: names above 64 characters are hashed for OpenAI",
        lambda stage: _from_user(stage, "someone-" + "7" * 142),
        check=_answered,
        clients=frozenset({"anthropic"}),
    ),
)
