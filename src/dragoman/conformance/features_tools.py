"""Tools: how they are declared, and how their calls come back."""

import re

import msgspec

from dragoman.conformance.delivery import chopped
from dragoman.conformance.exact_json import decode_object, normal
from dragoman.conformance.feature import Feature, respond
from dragoman.conformance.question import Question, Tool, ask
from dragoman.conformance.stage import Got, Stage
from dragoman.conversation.blocks import Text, ToolCall
from dragoman.conversation.response import Response, StopReason
from dragoman.testing.grammar.shape import child
from dragoman.testing.json_value import Object

WEATHER_SCHEMA = (
    '{"type":"object","properties":{"city":{"type":"string","description":"Name of the city"},'
    '"unit":{"type":"string","enum":["celsius","kelvin"]}},"required":["city"]}'
)
WEATHER = Tool("get_weather", "Tells the weather of a city.", WEATHER_SCHEMA)
CLOCK = Tool("read_clock", "Tells the time.")
NESTED = (
    '{"zone":{"b":[1,2.5,{"deep":null}],"a":true},"text":"Zürich \\"north\\"\\n","list":["x","y"],'
    '"count":3,"ratio":0.25}'
)
NUMBERS = '{"z":1.0,"y":12345678901234567890,"x":2.50,"a":1e3}'
REFERENCES = (
    '{"type":"object","properties":{"shape":{"anyOf":[{"$ref":"#/$defs/circle"},{"$ref":"#/$defs/square"}]},'
    '"colour":{"oneOf":[{"type":"string","const":"red"},{"type":"null"}],"default":"red"},'
    '"count":{"type":"integer","exclusiveMinimum":0,"maximum":9}},"required":["shape"],'
    '"additionalProperties":false,"$defs":{"circle":{"type":"object","properties":{"radius":'
    '{"type":"number"}},"required":["radius"]},"square":{"type":"object","properties":{"side":'
    '{"type":["number","null"]}}}}}'
)
DRAW = Tool("draw_shape", "Draws a shape.", REFERENCES)
ODD_NAMES = ("weather.of:city", "weather_of_the_city_in_the_county_of_the_country_of_the_continent_now")
"""What Google allows and nobody else: dots, colons, more than 64 characters."""

_IDS = {"openai_chat": "call_", "openai_responses": "call_", "anthropic": "toolu_01", "gemini": ""}


def call_id(upstream: str, number: int = 1) -> str:
    """An id of a call as the upstream forms it; Google's models of this family give none."""
    prefix = _IDS[upstream]
    return f"{prefix}a1b2c3d4e5f6g7h8i9j{number}" if prefix else ""


def calling(stage: Stage, *calls: tuple[str, str], text: str = "") -> Response:
    """An answer that calls tools: names and arguments, in order."""
    blocks = [
        ToolCall(call_id(stage.upstream.name, number), name, arguments)
        for number, (name, arguments) in enumerate(calls, 1)
    ]
    before = (Text(text),) if text else ()
    return respond(*before, *blocks, stop=StopReason.TOOL_CALLS)


def with_tools(stage: Stage, *tools: Tool) -> Question:
    """A question that offers tools."""
    return Question(stage.model, ask("What is the weather?"), tools=tools, stream=stage.streamed)


def _weather(stage: Stage) -> Question:
    return with_tools(stage, WEATHER)


def _declared(stage: Stage, got: Got) -> None:
    tools = {tool.name: tool for tool in got.question.tools}
    stage.require(WEATHER.name in tools, f"the upstream's tools are {list(tools)}")
    tool = tools[WEATHER.name]
    stage.expect(tool.description == WEATHER.description, f"the description is {tool.description!r}")
    schema = decode_object(tool.schema)
    properties = child(schema, "properties")
    stage.expect(set(properties) == {"city", "unit"}, f"the parameters are {list(properties)}")
    city, unit = child(properties, "city"), child(properties, "unit")
    stage.expect(city.get("description") == "Name of the city", "the description of a parameter is lost")
    stage.expect(unit.get("enum") == ["celsius", "kelvin"], f"the enum is {unit.get('enum')}")
    stage.expect(schema.get("required") == ["city"], f"required is {schema.get('required')}")


def same_calls(stage: Stage, got: Got, *wanted: tuple[str, str]) -> None:
    """Expect just these calls, in order, each with an id of its own, and the ending for calls."""
    calls = got.reply.calls
    seen = [(call.name, call.arguments) for call in calls]
    parsed = [(name, loosely(arguments)) for name, arguments in seen]
    stage.expect(parsed == [(name, loosely(text)) for name, text in wanted], f"the client read {seen}")
    if stage.client.name != "gemini":  # whose calls may go without
        ids = [call.id for call in calls]
        stage.expect(all(ids) and len(set(ids)) == len(ids), f"the calls' ids are {ids}")
    stage.expect(got.reply.finish == "tool_calls", f"the answer ends with {got.reply.finish!r}")


def loosely(arguments: str) -> object:
    """The arguments as most languages read them: 1.0 is 1, and the order of members means nothing."""
    try:
        return decode_object(arguments or "{}")
    except ValueError:
        return arguments


def _exact(stage: Stage, got: Got) -> None:
    stage.require(len(got.reply.calls) == 1, f"the client read {got.reply.calls}")
    seen = normal(got.reply.calls[0].arguments)
    stage.expect(seen == NUMBERS, f"the client read {seen}")


async def _split(stage: Stage) -> None:
    question = _weather(stage)
    answer = calling(stage, (WEATHER.name, NESTED))
    got = await stage.ask(question, chopped(stage.upstream.name, answer, question, size=7))
    same_calls(stage, got, (WEATHER.name, NESTED))


_OSLO = (WEATHER.name, '{"city":"Oslo"}')
_TIME = (CLOCK.name, "{}")
_ROME = (WEATHER.name, '{"city":"Rome","unit":"kelvin"}')


def _both(stage: Stage) -> Question:
    return with_tools(stage, WEATHER, CLOCK)


def _text_and_call(stage: Stage, got: Got) -> None:
    stage.expect(got.reply.text == "Let me look.", f"the client read {got.reply.text!r}")
    same_calls(stage, got, _OSLO)


def _choosing(name: str, title: str, choice: str) -> Feature:
    def question(stage: Stage) -> Question:
        return msgspec.structs.replace(_both(stage), choice=choice)

    def check(stage: Stage, got: Got) -> None:
        seen = got.question.choice
        # where nothing is said, every vendor lets the model decide
        right = seen in {choice, None} if choice == "auto" else seen == choice
        stage.expect(right, f"the upstream's tool choice is {seen!r}")
        stage.expect(len(got.question.tools) == 2, "the upstream was not offered both tools")

    rule = "statement 33: tool_choice has a counterpart in every format"
    return Feature(name, "Tools", title, rule, question, check=check)


def _allowing(stage: Stage) -> Question:
    named: Object = {"type": "function", "name": CLOCK.name}
    choice: Object = {"type": "allowed_tools", "mode": "required", "tools": [named]}
    if stage.client.name == "openai_chat":
        inner: Object = {
            "mode": "required",
            "tools": [{"type": "function", "function": {"name": CLOCK.name}}],
        }
        choice = {"type": "allowed_tools", "allowed_tools": inner}
    return msgspec.structs.replace(_both(stage), extra={"tool_choice": choice})


def _is_allowed(stage: Stage, got: Got) -> None:
    told = stage.body_of(got.received[-1]).get("tool_choice")
    native = isinstance(told, dict) and told.get("type") == "allowed_tools"
    offered = [tool.name for tool in got.question.tools]
    chosen = got.question.choice
    only = chosen == f"name:{CLOCK.name}" or (chosen == "required" and offered == [CLOCK.name])
    stage.expect(native or only, f"the upstream may call any of {offered}, its choice is {chosen!r}")


def _one_at_a_time(stage: Stage) -> Question:
    return msgspec.structs.replace(_both(stage), parallel=False)


def _is_single(stage: Stage, got: Got) -> None:
    if stage.upstream.name != "gemini":
        stage.expect(got.question.parallel is False, "the upstream was not told to call one tool at a time")
    stage.expect(len(got.reply.calls) == 1, f"the client read {len(got.reply.calls)} calls")


def _single_calls(stage: Stage) -> Response:
    if stage.upstream.name == "gemini":  # which cannot be told
        return calling(stage, _OSLO, _ROME)
    return calling(stage, _OSLO)


def _drawing(stage: Stage) -> Question:
    return with_tools(stage, DRAW)


def _drawn(stage: Stage, got: Got) -> None:
    stage.require(len(got.question.tools) == 1, "the tool has not reached the upstream")
    text = got.question.tools[0].schema
    lost = [name for name in ("shape", "colour", "count", "radius", "side") if f'"{name}"' not in text]
    stage.expect(not lost, f"the schema has lost {lost}")


_WANTED = re.compile(r"[a-zA-Z0-9_-]{1,64}")


async def _odd_names(stage: Stage) -> None:
    tools = tuple(Tool(name, "Tells the weather.", WEATHER_SCHEMA) for name in ODD_NAMES)
    question = with_tools(stage, *tools)
    first = await stage.ask(question, respond(Text("Which city?")))
    names = [tool.name for tool in first.question.tools]
    stage.require(len(set(names)) == len(tools), f"the upstream's tools are {names}")
    if stage.upstream.name != "gemini":
        stage.expect(all(_WANTED.fullmatch(name) for name in names), f"the upstream's tools are {names}")
    arguments = '{"city":"Oslo"}'
    got = await stage.ask(question, calling(stage, *((name, arguments) for name in names)))
    same_calls(stage, got, *((name, arguments) for name in ODD_NAMES))


_CUSTOM = Tool("run_query", "Runs a query, given as plain text.", custom=True)
_QUERY = 'select "name"\nfrom ships -- {not json}'


async def _free_text(stage: Stage) -> None:
    question = with_tools(stage, _CUSTOM)
    block = ToolCall(call_id(stage.upstream.name), _CUSTOM.name, _QUERY, custom=True)
    if stage.upstream.name in {"anthropic", "gemini"}:
        first = await stage.ask(question, respond(Text("Which query?")))
        tool = next((tool for tool in first.question.tools if tool.name == _CUSTOM.name), None)
        stage.require(tool is not None, "the tool has not reached the upstream")
        properties = child(decode_object(tool.schema), "properties") if tool else {}
        stage.require(
            len(properties) == 1, f"the tool that stands for it has the parameters {list(properties)}"
        )
        arguments = msgspec.json.encode({next(iter(properties)): _QUERY}).decode()
        block = ToolCall(call_id(stage.upstream.name), _CUSTOM.name, arguments)
    got = await stage.ask(question, respond(block, stop=StopReason.TOOL_CALLS))
    stage.require(len(got.reply.calls) == 1, f"the client read {got.reply.calls}")
    call = got.reply.calls[0]
    stage.expect(call.custom, "the call came back as that of a function")
    stage.expect(call.arguments == _QUERY, f"the client read {call.arguments!r}")


_CALLS = "statement 38: arguments keep their values; no arguments are an empty object"
_DECLARATION = "all vendors: a tool is a name, a description and a JSON Schema"

FEATURES = (
    Feature(
        "tool-declaration",
        "Tools",
        "A tool's name, description and parameters",
        _DECLARATION,
        _weather,
        check=_declared,
    ),
    Feature(
        "tool-schema",
        "Tools",
        "Parameters with $ref, anyOf, oneOf, const, null types and bounds",
        "statement 41: every schema is put into the form that the upstream takes",
        _drawing,
        check=_drawn,
    ),
    Feature(
        "call-no-arguments",
        "Tools",
        "A call of a tool without parameters",
        _CALLS,
        lambda stage: with_tools(stage, CLOCK),
        answer=lambda stage: calling(stage, _TIME),
        check=lambda stage, got: same_calls(stage, got, _TIME),
    ),
    Feature(
        "call-nested",
        "Tools",
        "A call with nested arguments",
        _CALLS,
        _weather,
        answer=lambda stage: calling(stage, (WEATHER.name, NESTED)),
        check=lambda stage, got: same_calls(stage, got, (WEATHER.name, NESTED)),
    ),
    Feature(
        "call-exact-numbers",
        "Tools",
        "Numbers as the model wrote them (1.0, 2.50, 64-bit integers), members in their order",
        "statement 38: arguments keep their numbers' text and their members' order",
        _weather,
        answer=lambda stage: calling(stage, (WEATHER.name, NUMBERS)),
        check=_exact,
    ),
    Feature(
        "call-split",
        "Tools",
        "Arguments cut anywhere by the network",
        "statement 85: frames and characters may be split across reads",
        _weather,
        play=_split,
        modes=("streamed",),
    ),
    Feature(
        "call-parallel",
        "Tools",
        "Three calls at once, two of the same tool",
        "statement 36: parallel calls have ids of their own and keep their order",
        _both,
        answer=lambda stage: calling(stage, _OSLO, _TIME, _ROME),
        check=lambda stage, got: same_calls(stage, got, _OSLO, _TIME, _ROME),
    ),
    Feature(
        "call-after-text",
        "Tools",
        "Text, then a call",
        "all vendors: an answer may hold text and calls",
        _both,
        answer=lambda stage: calling(stage, _OSLO, text="Let me look."),
        check=_text_and_call,
    ),
    _choosing("choice-auto", "Tool choice: the model decides", "auto"),
    _choosing("choice-none", "Tool choice: no call", "none"),
    _choosing("choice-required", "Tool choice: some call", "required"),
    _choosing("choice-named", "Tool choice: this one tool", f"name:{CLOCK.name}"),
    Feature(
        "choice-allowed",
        "Tools",
        "Tool choice: some call, of these tools only",
        "Chat Completions, Responses: allowed_tools; elsewhere the tools are filtered (statement 33)",
        _allowing,
        check=_is_allowed,
        clients=frozenset({"openai_chat", "openai_responses"}),
    ),
    Feature(
        "one-call-at-a-time",
        "Tools",
        "Parallel calls turned off",
        "statement 34: parallel_tool_calls is disable_parallel_tool_use; for Google the gateway cuts",
        _one_at_a_time,
        answer=_single_calls,
        check=_is_single,
    ),
    Feature(
        "tool-names",
        "Tools",
        "Tool names that only Google allows come back as they were",
        "statement 40: names that are rewritten for the upstream are restored in answers",
        lambda stage: with_tools(stage, CLOCK),
        play=_odd_names,
        clients=frozenset({"gemini"}),
    ),
    Feature(
        "tool-free-text",
        "Tools",
        "A custom tool, which takes free text",
        "statement 44: custom tools are native at OpenAI, and a function of one text elsewhere",
        lambda stage: with_tools(stage, _CUSTOM),
        play=_free_text,
        clients=frozenset({"openai_chat", "openai_responses"}),
        emulated={
            "anthropic": "Anthropic Messages: tools take JSON",
            "gemini": "generateContent: functions take JSON",
        },
        words=("custom", "tool"),
    ),
)
