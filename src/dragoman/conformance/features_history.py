"""Tool calls and their results as the client sends them back."""

from dragoman.conformance.exact_json import decode_object, encode, normal
from dragoman.conformance.feature import Asking, Checking, Feature, say
from dragoman.conformance.features_media import IMAGE
from dragoman.conformance.features_tools import CLOCK, NUMBERS, WEATHER, loosely
from dragoman.conformance.members import string
from dragoman.conformance.question import Call, Part, Question, Result, Turn, Words, assistant, user
from dragoman.conformance.stage import Got, Stage

_OSLO, _ROME = '{"city":"Oslo"}', '{"city":"Rome"}'
_ID = {
    "openai_chat": "call_a1b2c3d4e5f6g7h8i9j{}",
    "openai_responses": "call_a1b2c3d4e5f6g7h8i9j{}",
    "anthropic": "toolu_01a1b2c3d4e5f6g7h8i9j{}",
    "gemini": "",
}
_ODD_ID = {
    "openai_chat": "functions.weather:0|call/1#{}",
    "openai_responses": "functions.weather:0|call/1#{}" + "x" * 30,
    "anthropic": "toolu_bdrk_01" + "x" * 60 + "_{}",
    "gemini": "",
}
_RULE = "all vendors: a result belongs to the call that it answers"
_JSON = '{"temperature":21.5,"wind":{"from":"north"}}'


def _own(stage: Stage, number: int) -> str:
    return _ID[stage.client.name].format(number)


def _call(stage: Stage, number: int, arguments: str) -> Call:
    return Call(_own(stage, number), WEATHER.name, arguments)


def _result(stage: Stage, number: int, *parts: Words | str, is_error: bool = False) -> Result:
    words = tuple(Words(part) if isinstance(part, str) else part for part in parts)
    return Result(_own(stage, number), words, WEATHER.name, is_error)


def _history(stage: Stage, *turns: Turn) -> Question:
    first = user("What is the weather in Oslo and Rome?")
    return Question(stage.model, (first, *turns), tools=(WEATHER, CLOCK), stream=stage.streamed)


def _answered(*parts: str) -> Asking:
    return lambda stage: _history(stage, assistant(_call(stage, 1, _OSLO)), user(_result(stage, 1, *parts)))


def linked(stage: Stage, got: Got) -> list[tuple[str, str]]:
    """The arguments of each call and the text of the result that answers it, in the calls' order."""
    calls, results = got.question.calls, list(got.question.results)
    pairs: list[tuple[str, str]] = []
    for call in calls:
        by_id = [result for result in results if call.id and result.call_id == call.id]
        found = by_id or [result for result in results if not call.id and result.name == call.name]
        stage.require(bool(found), f"the call {call.arguments} has no result at the upstream")
        results.remove(found[0])
        pairs.append((call.arguments, _told(stage, found[0])))
    return pairs


def _told(stage: Stage, result: Result) -> str:
    """The text of a result. From Google's clients it comes as the member `output` of an object, and may
    go on as that object.
    """
    text = "".join(part.text for part in result.parts if isinstance(part, Words))
    try:
        inside = decode_object(text)
    except ValueError:
        return text
    if stage.client.name == "gemini" and inside.keys() == {"output"}:
        return string(inside, "output")
    return text


def _same_result(text: str) -> Checking:
    def check(stage: Stage, got: Got) -> None:
        pairs = linked(stage, got)
        stage.require(len(pairs) == 1, f"the upstream read the calls {pairs}")
        stage.expect(loosely(pairs[0][0]) == loosely(_OSLO), f"the call's arguments are {pairs[0][0]}")
        seen = pairs[0][1]
        stage.expect(seen == text or normal(seen) == normal(text), f"the upstream read the result {seen!r}")

    return check


def _numbers(stage: Stage) -> Question:
    return _history(stage, assistant(_call(stage, 1, NUMBERS)), user(_result(stage, 1, "fine")))


def _same_numbers(stage: Stage, got: Got) -> None:
    seen = [normal(call.arguments) for call in got.question.calls]
    stage.expect(seen == [NUMBERS], f"the upstream read {seen}")


def _failed(stage: Stage) -> Question:
    result = _result(stage, 1, "No such city.", is_error=True)
    return _history(stage, assistant(_call(stage, 1, _OSLO)), user(result))


def _has_failed(stage: Stage, got: Got) -> None:
    results = got.question.results
    stage.require(len(results) == 1, f"the upstream read {results}")
    text = "".join(part.text for part in results[0].parts if isinstance(part, Words))
    stage.expect("No such city." in text, f"the upstream read the result {text!r}")
    if stage.upstream.name in {"anthropic", "gemini"}:
        stage.expect(results[0].is_error, "the result is not marked as an error")


def _picture(stage: Stage) -> Question:
    result = Result(_own(stage, 1), (Words("A map:"), IMAGE), WEATHER.name)
    return _history(stage, assistant(_call(stage, 1, _OSLO)), user(result))


def _has_picture(stage: Stage, got: Got) -> None:
    stage.expect(any(media.data == IMAGE.data for media in got.question.media), "the picture is lost")
    stage.expect(len(got.question.results) == 1, f"the upstream read the results {got.question.results}")


def _parallel(stage: Stage, *, turned: bool) -> Question:
    calls = (_call(stage, 1, _OSLO), _call(stage, 2, _ROME))
    results = [_result(stage, 1, "cold"), _result(stage, 2, "warm")]
    if turned and stage.client.name != "gemini":  # which matches by order
        results.reverse()
    return _history(stage, assistant(*calls), user(*results))


def _in_order(stage: Stage, got: Got) -> None:
    pairs = [(loosely(arguments), text) for arguments, text in linked(stage, got)]
    wanted = [(loosely(_OSLO), "cold"), (loosely(_ROME), "warm")]
    stage.expect(pairs == wanted, f"the upstream read {pairs}")


def _then_text(stage: Stage) -> Question:
    after: tuple[Part, ...] = (_result(stage, 1, "cold"), Words("Be brief."))
    # Google wants results alone in their content
    turns = [user(part) for part in after] if stage.client.name == "gemini" else [user(*after)]
    return _history(stage, assistant("I look.", _call(stage, 1, _OSLO)), *turns)


def _has_text(stage: Stage, got: Got) -> None:
    _same_result("cold")(stage, got)
    stage.expect("Be brief." in got.question.texts("user"), "the words after the result are lost")
    stage.expect("I look." in got.question.texts("assistant"), "the words before the call are lost")


def _twice(stage: Stage) -> Question:
    return _history(
        stage,
        assistant(_call(stage, 1, _OSLO)),
        user(_result(stage, 1, "cold")),
        assistant(_call(stage, 2, _ROME)),
        user(_result(stage, 2, "warm")),
    )


def _odd_id(stage: Stage) -> Question:
    ids = [_ODD_ID[stage.client.name].format(number) for number in (1, 2)]
    calls = [Call(own, WEATHER.name, text) for own, text in zip(ids, (_OSLO, _ROME), strict=True)]
    results = [
        Result(own, (Words(text),), WEATHER.name) for own, text in zip(ids, ("cold", "warm"), strict=True)
    ]
    return _history(stage, assistant(*calls), user(*results))


async def _unanswered(stage: Stage) -> None:
    question = _history(stage, assistant(_call(stage, 1, _OSLO)), user("Never mind. Hello?"))
    stage.lay_out(say("Hello."))
    answered = await stage.send(question)
    if answered.status == 200:
        got = stage.read(answered, question)
        said = "\n".join(got.question.texts("user"))
        stage.expect("Never mind." in said, f"the upstream read {said!r}")
        return
    told = stage.told(answered)
    stage.require(400 <= answered.status < 500, f"HTTP {answered.status}")
    stage.require(told is not None, f"the error is not in the client's envelope: {answered.body[:120]!r}")


def _orphan(stage: Stage) -> Question:
    return _history(stage, assistant("I look."), user(_result(stage, 1, "cold"), "Well?"))


async def _alone(stage: Stage) -> None:
    question = _orphan(stage)
    stage.lay_out(say("Hello."))
    answered = await stage.send(question)
    if answered.status == 200:
        got = stage.read(answered, question)
        said = encode(stage.body_of(got.received[-1]))
        stage.expect("cold" in said, "the result is lost")
        return
    stage.require(400 <= answered.status < 500, f"HTTP {answered.status}")
    stage.require(stage.told(answered) is not None, "the error is not in the client's envelope")


def _repeated(stage: Stage) -> Question:
    turns = (
        assistant(Call("call_0", WEATHER.name, _OSLO)),
        user(Result("call_0", (Words("cold"),), WEATHER.name)),
        assistant(Call("call_0", WEATHER.name, _ROME)),
        user(Result("call_0", (Words("warm"),), WEATHER.name)),
    )
    return _history(stage, *turns)


def _cut_arguments(stage: Stage) -> Question:
    call = Call(_own(stage, 1), WEATHER.name, '{"city": "Os')
    return _history(stage, assistant(call), user(_result(stage, 1, "no such city")))


def _kept_call(stage: Stage, got: Got) -> None:
    calls = got.question.calls
    stage.require(len(calls) == 1, f"the upstream read the calls {calls}")
    stage.expect("Os" in calls[0].arguments, f"the upstream read the arguments {calls[0].arguments!r}")
    stage.expect(len(got.question.results) == 1, f"the upstream read the results {got.question.results}")


_TEXTS = ("openai_chat", "openai_responses", "anthropic")

FEATURES = (
    Feature(
        "result-text",
        "Tool results",
        "A call and its result, as text",
        _RULE,
        _answered("It is cold."),
        check=_same_result("It is cold."),
    ),
    Feature(
        "result-json",
        "Tool results",
        "A result that is JSON",
        _RULE,
        _answered(_JSON),
        check=_same_result(_JSON),
    ),
    Feature(
        "result-array",
        "Tool results",
        "A result that is a JSON array, which Google does not take as such",
        _RULE,
        _answered("[1, 2.0, null]"),
        check=_same_result("[1, 2.0, null]"),
    ),
    Feature(
        "result-empty",
        "Tool results",
        "An empty result",
        _RULE,
        _answered(""),
        check=_same_result(""),
    ),
    Feature(
        "result-error",
        "Tool results",
        "A result that is an error",
        "Anthropic Messages: is_error; generateContent: response.error",
        _failed,
        check=_has_failed,
        clients=frozenset({"anthropic", "gemini"}),
    ),
    Feature(
        "result-picture",
        "Tool results",
        "A result with a picture",
        "statement 27: pictures in results stay there, or follow them where the format has text only",
        _picture,
        check=_has_picture,
        clients=frozenset({"openai_responses", "anthropic"}),
    ),
    Feature(
        "results-parallel",
        "Tool results",
        "Two calls and their results",
        "statements 20 and 21: all results of a turn stand together, in the order of the calls",
        lambda stage: _parallel(stage, turned=False),
        check=_in_order,
    ),
    Feature(
        "results-turned",
        "Tool results",
        "Two calls, the results the other way round",
        "statement 21: Google wants results in the order of the calls; ids tell which is which",
        lambda stage: _parallel(stage, turned=True),
        check=_in_order,
        clients=frozenset(_TEXTS),
    ),
    Feature(
        "results-twice",
        "Tool results",
        "Two rounds of calls and results",
        _RULE,
        _twice,
        check=_in_order,
    ),
    Feature(
        "result-then-text",
        "Tool results",
        "The user says something after the result",
        "statement 20: results come first, other blocks after them",
        _then_text,
        check=_has_text,
    ),
    Feature(
        "call-ids",
        "Tool results",
        "Long ids of calls, with odd characters",
        "statement 35: ids are put into the upstream's form, and still tell which result is whose",
        _odd_id,
        check=_in_order,
        clients=frozenset(_TEXTS),
    ),
    Feature(
        "history-exact-numbers",
        "Tool results",
        "The arguments of an earlier call, number for number",
        "statement 38: arguments keep their numbers' text and their members' order",
        _numbers,
        check=_same_numbers,
    ),
    Feature(
        "unanswered-call",
        "Tool results",
        "A call that the client never answered: made good, or refused as the client's error",
        "statement 22: a call without its result is an error at every vendor",
        _answered(""),
        play=_unanswered,
    ),
    Feature(
        "orphan-result",
        "Tool results",
        "A result without its call: kept, or refused as the client's error",
        "statement 22: a result without its call is an error at every vendor",
        _orphan,
        play=_alone,
        clients=frozenset(_TEXTS),
    ),
    Feature(
        "call-ids-repeated",
        "Tool results",
        "Ids of calls that are the same in every turn",
        "statement 35: some models count their calls anew in every turn; Anthropic wants unique ids",
        _repeated,
        check=_in_order,
        clients=frozenset({"openai_chat", "openai_responses"}),
    ),
    Feature(
        "history-broken-arguments",
        "Tool results",
        "An earlier call whose arguments are not JSON",
        "statement 39: arguments that are no JSON go on, packed into an object if need be",
        _cut_arguments,
        check=_kept_call,
        clients=frozenset({"openai_chat", "openai_responses"}),
    ),
)
