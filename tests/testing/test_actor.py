"""How the demo model behaves."""

from collections.abc import Callable

import pytest

from dragoman.conversation.blocks import (
    Audio,
    Block,
    CacheMark,
    Document,
    Image,
    Inline,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Message,
    OutputFormat,
    OutputMode,
    Reasoning,
    Request,
    Role,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.conversation.response import Choice, StopReason
from dragoman.testing.actor import act
from dragoman.testing.json_value import JSON, decode_json, decode_object
from dragoman.testing.signatures import Verdict, check_signature

Ask = Callable[..., Choice]

CITY = b'{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}'
WEATHER = FunctionTool("get_weather", "How warm it is", CITY)
CLOCK = FunctionTool("clock", "Tells what time it is in a place", CITY)
PICTURE = Image(Inline("image/png", "aGk="))


def request(*blocks: Block, **fields: object) -> Request:
    known = {"dialect": "openai_chat", "model": "demo", "messages": (Message(Role.USER, blocks),), **fields}
    return Request(**known)  # pyright: ignore[reportArgumentType]


def ask(text: str, **fields: object) -> Choice:
    return act(request(Text(text), **fields)).choices[0]


def words_of(choice: Choice) -> str:
    return "".join(block.text for block in choice.blocks if isinstance(block, Text | Refusal))


def calls_of(choice: Choice) -> list[ToolCall]:
    return [block for block in choice.blocks if isinstance(block, ToolCall)]


def arguments_of(choice: Choice) -> list[JSON]:
    return [decode_json(call.arguments) for call in calls_of(choice)]


# words


def test_it_says_back_what_was_asked_and_who_it_is() -> None:
    choice = ask("What is the capital of France?")

    assert "What is the capital of France?" in words_of(choice)
    assert "demo model" in words_of(choice)
    assert choice.stop.reason is StopReason.END


def test_it_greets_back() -> None:
    assert words_of(ask("Hello there!")).startswith("Hello! How can I help?")


def test_it_counts_what_it_was_sent() -> None:
    pdf = Document(Inline("application/pdf", "aGk="))
    choice = act(
        request(PICTURE, PICTURE, pdf, Audio(Inline("audio/wav", "aGk=")), Text("What is this?"))
    ).choices[0]

    assert words_of(choice).startswith("I received 2 images, 1 recording and 1 document.")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Say good morning", "good morning"),
        ('please say: "a\nb"', "a\nb"),
        ("Repeat exactly: x y", "x y"),
        ("Count to 5", "1 2 3 4 5"),
    ],
)
def test_plain_words_steer_it(text: str, answer: str) -> None:
    assert words_of(ask(text)) == answer


def test_the_same_request_gets_the_same_answer() -> None:
    again = request(Text("Weather in Paris?"), tools=(WEATHER,), reasoning=Reasoning(effort="low"))

    assert act(again) == act(again)


def test_it_refuses_when_told_to() -> None:
    choice = ask("Refuse, please")

    assert choice.blocks == (Refusal("I cannot help with that."),)
    assert choice.stop.reason is StopReason.REFUSAL
    assert ask("Refuse", dialect="anthropic").blocks == ()


def test_candidates_differ() -> None:
    choices = act(request(Text("Say hello"), candidates=3)).choices

    assert [choice.index for choice in choices] == [0, 1, 2]
    assert len({words_of(choice) for choice in choices}) == 3


# limits


def test_it_stops_at_the_first_stop_sequence() -> None:
    choice = ask("Say one, two; three", stop=(";", ", two"))

    assert words_of(choice) == "one"
    assert (choice.stop.reason, choice.stop.sequence) == (StopReason.STOP_SEQUENCE, ", two")


@pytest.mark.parametrize(("limit", "answer"), [(2, "one two "), (3, "one two thre"), (100, "one two three")])
def test_it_keeps_to_its_limit(limit: int, answer: str) -> None:
    response = act(request(Text("Say one two three"), max_tokens=limit))
    choice = response.choices[0]

    assert words_of(choice) == answer
    assert choice.stop.reason is (StopReason.END if limit == 100 else StopReason.MAX_TOKENS)
    assert response.usage is not None
    assert (response.usage.output or 0) <= limit


def test_reasoning_counts_towards_the_limit() -> None:
    choice = ask("Hello", dialect="anthropic", max_tokens=3, reasoning=Reasoning(budget=1024))

    assert [type(block) for block in choice.blocks] == [Thinking]
    assert choice.stop.reason is StopReason.MAX_TOKENS


def test_a_call_that_does_not_fit_is_left_out() -> None:
    choice = ask("Weather in Paris?", tools=(WEATHER,), max_tokens=2)

    assert choice.blocks == ()
    assert choice.stop.reason is StopReason.MAX_TOKENS


# tools


def test_it_calls_the_tool_that_is_meant() -> None:
    choice = ask("What is the weather in Paris?", tools=(CLOCK, WEATHER))

    assert [call.name for call in calls_of(choice)] == ["get_weather"]
    assert arguments_of(choice) == [{"city": "Paris"}]
    assert choice.stop.reason is StopReason.TOOL_CALLS


def test_it_calls_the_tool_that_is_named() -> None:
    assert [call.name for call in calls_of(ask("Use clock now", tools=(WEATHER, CLOCK)))] == ["clock"]


def test_it_speaks_where_no_tool_is_meant() -> None:
    assert calls_of(ask("Who are you?", tools=(WEATHER, CLOCK))) == []


def test_several_names_make_parallel_calls() -> None:
    choice = ask("Weather in Paris, New York and Rome?", tools=(WEATHER,))

    assert arguments_of(choice) == [{"city": "Paris"}, {"city": "New York"}, {"city": "Rome"}]
    assert len({call.id for call in calls_of(choice)}) == 3


def test_a_place_in_small_letters_is_found() -> None:
    assert arguments_of(ask("what's the weather in paris and oslo?", tools=(WEATHER,))) == [
        {"city": "paris"},
        {"city": "oslo"},
    ]


def test_one_call_where_parallel_calls_are_not_allowed() -> None:
    choice = ask("Weather in Paris and Rome?", tools=(WEATHER,), parallel_tool_calls=False)

    assert arguments_of(choice) == [{"city": "Paris"}]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (ToolChoice(ToolChoiceMode.NONE), []),
        (ToolChoice(ToolChoiceMode.REQUIRED), ["get_weather"]),
        (ToolChoice(ToolChoiceMode.NAMED, ("clock",)), ["clock"]),
        (ToolChoice(ToolChoiceMode.ALLOWED, ("clock",)), []),
        (ToolChoice(ToolChoiceMode.REQUIRED_ALLOWED, ("clock",)), ["clock"]),
    ],
)
def test_it_obeys_the_choice_of_tools(choice: ToolChoice, names: list[str]) -> None:
    answer = ask("How are you?", tools=(WEATHER, CLOCK), tool_choice=choice)

    assert [call.name for call in calls_of(answer)] == names


def test_no_tools_where_they_are_forbidden() -> None:
    answer = ask("Weather in Paris?", tools=(WEATHER,), tool_choice=ToolChoice(ToolChoiceMode.NONE))

    assert calls_of(answer) == []


def test_a_free_text_tool_gets_the_users_words() -> None:
    choice = ask("Run shell: ls -l", tools=(CustomTool("shell"),))

    assert [(call.custom, call.arguments) for call in calls_of(choice)] == [(True, "Run shell: ls -l")]


@pytest.mark.parametrize(
    ("dialect", "model", "prefix"),
    [
        ("openai_chat", "gpt-4o", "call_"),
        ("anthropic", "claude-sonnet-4-5", "toolu_01"),
        ("gemini", "gemini-3-pro-preview", ""),
    ],
)
def test_call_ids_look_like_the_vendors_own(dialect: str, model: str, prefix: str) -> None:
    (call,) = calls_of(ask("Weather in Paris?", tools=(WEATHER,), dialect=dialect, model=model))

    assert call.id.startswith(prefix)
    assert len(call.id) > len(prefix)


def test_an_older_gemini_gives_no_call_ids() -> None:
    (call,) = calls_of(ask("Weather in Paris?", tools=(WEATHER,), dialect="gemini", model="gemini-2.5-flash"))

    assert call.id == ""


def tool_turn(*results: ToolResult) -> tuple[Message, ...]:
    return (
        Message(Role.USER, (Text("Weather in Paris?"),)),
        Message(Role.ASSISTANT, (ToolCall("a", "get_weather", "{}"), ToolCall("b", "clock", "{}"))),
        Message(Role.USER, results),
    )


def test_it_reports_what_tools_answered() -> None:
    results = tool_turn(ToolResult("a", (Text("21 degrees"),)), ToolResult("b", (Text("no"),), is_error=True))
    choice = act(request(messages=results, tools=(WEATHER,))).choices[0]

    assert words_of(choice) == "get_weather answered: 21 degrees\nclock failed: no"


def test_it_calls_again_where_a_call_is_forced() -> None:
    results = tool_turn(ToolResult("a", (Text("21"),)), ToolResult("b", ()))
    forced = ToolChoice(ToolChoiceMode.REQUIRED)

    assert calls_of(act(request(messages=results, tools=(WEATHER,), tool_choice=forced)).choices[0])


# the form of the answer


def test_it_fills_a_schema() -> None:
    schema = b'{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}}}'
    choice = ask("Paris for 3 days", output=OutputFormat(OutputMode.JSON_SCHEMA, schema))

    assert decode_json(words_of(choice)) == {"city": "Paris", "days": 3}


def test_it_writes_an_object_where_one_is_asked_for() -> None:
    output = OutputFormat(OutputMode.JSON_OBJECT)

    assert "answer" in decode_object(words_of(ask("Hello", output=output)))
    assert decode_json(words_of(ask('Say {"a": 1}', output=output))) == {"a": 1}


def test_log_probabilities_cover_the_text() -> None:
    choice = ask("Say one two", top_logprobs=2)

    assert choice.logprobs is not None
    assert "".join(token.token for token in choice.logprobs) == "one two"
    assert all(token.logprob < 0 for token in choice.logprobs)
    assert all(token.top[0].token == token.token and len(token.top) == 2 for token in choice.logprobs)
    assert all(token.bytes == tuple(token.token.encode()) for token in choice.logprobs)


# reasoning


def test_thoughts_are_signed_over_their_text() -> None:
    choice = ask("Hi", dialect="anthropic", model="claude-sonnet-4-5", reasoning=Reasoning(budget=1024))

    thoughts = choice.blocks[0]
    assert isinstance(thoughts, Thinking)
    assert thoughts.text
    assert thoughts.signature is not None
    value = thoughts.signature.value
    assert check_signature(value, "anthropic", "claude-4.5", thoughts.text) is Verdict.VALID


def test_thoughts_that_are_not_to_be_seen_are_counted() -> None:
    hidden = Reasoning(budget=1024, visible=False)
    response = act(request(Text("Hi"), dialect="anthropic", reasoning=hidden))

    thoughts = response.choices[0].blocks[0]
    assert isinstance(thoughts, Thinking)
    assert thoughts.text == ""
    assert thoughts.signature is not None
    assert response.usage is not None
    assert (response.usage.reasoning or 0) > 5


def test_a_model_that_always_reasons_does_so_unasked() -> None:
    choice = ask("Hi", dialect="anthropic", model="claude-opus-5-5")

    assert isinstance(choice.blocks[0], Thinking)


@pytest.mark.parametrize("reasoning", [None, Reasoning(effort="none"), Reasoning(budget=0)])
def test_no_thoughts_where_none_are_wanted(reasoning: Reasoning | None) -> None:
    choice = ask("Hi", dialect="anthropic", model="claude-sonnet-4-5", reasoning=reasoning)

    assert [type(block) for block in choice.blocks] == [Text]


def test_openais_own_models_only_count_their_reasoning() -> None:
    response = act(request(Text("Hi"), model="gpt-5", reasoning=Reasoning(effort="low")))

    assert [type(block) for block in response.choices[0].blocks] == [Text]
    assert response.usage is not None
    assert (response.usage.reasoning or 0) > 5
    assert (response.usage.output or 0) > (response.usage.reasoning or 0)


def test_other_hosts_of_openais_format_show_their_reasoning() -> None:
    choice = ask("Hi", model="deepseek-reasoner")

    assert [type(block) for block in choice.blocks] == [Thinking, Text]


def test_a_signing_gemini_signs_the_first_call_only() -> None:
    choice = ask(
        "Weather in Paris and Rome?", tools=(WEATHER,), dialect="gemini", model="gemini-3-pro-preview"
    )

    first, second = calls_of(choice)
    assert first.signature is not None
    assert check_signature(first.signature.value, "gemini", "gemini-3") is Verdict.VALID
    assert second.signature is None


def test_gemini_shows_thoughts_only_on_demand() -> None:
    shown = ask("Hi", dialect="gemini", model="gemini-2.5-flash", reasoning=Reasoning(visible=True))
    silent = ask("Hi", dialect="gemini", model="gemini-2.5-flash")

    assert [type(block) for block in shown.blocks] == [Thinking, Text]
    assert [type(block) for block in silent.blocks] == [Text]


# usage


def test_usage_is_complete_and_adds_up() -> None:
    usage = act(request(Text("12345678"), PICTURE)).usage

    assert usage is not None
    assert usage.input == 4 + 2 + 85
    assert (usage.cache_read, usage.cache_write, usage.reasoning) == (0, 0, 0)
    assert (usage.output or 0) > 0


def test_a_marked_prefix_is_written_and_then_read() -> None:
    system = (Text("x" * 400, cache=CacheMark(ttl="1h")),)
    turn = Message(Role.USER, (Text("y" * 40, cache=CacheMark()),))
    first = act(request(messages=(turn,), system=system)).usage
    later = act(request(messages=(turn, Message(Role.ASSISTANT, (Text("so"),)), turn), system=system)).usage

    assert first is not None
    assert later is not None
    assert (first.input, first.cache_read, first.cache_write, first.cache_write_1h) == (0, 0, 114, 100)
    assert (later.input, later.cache_read, later.cache_write) == (0, 114, 19)


def test_a_mark_on_the_whole_prompt_caches_it() -> None:
    usage = act(request(Text("12345678"), cache=CacheMark())).usage

    assert usage is not None
    assert (usage.input, usage.cache_write) == (0, 6)
