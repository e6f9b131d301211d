"""Statements 69 to 71: answers that fit a JSON Schema, in every pair of formats."""

import json

import pytest
from tests.live.answers import answering
from tests.statements.asking import (
    CLIENTS,
    MODELS,
    PAIRS,
    THINKERS,
    A,
    C,
    G,
    House,
    R,
    at,
    conversation,
    objects,
    tool,
    user,
)
from tests.statements.wishes import answered, effort, losses, schema, wishing

from dragoman.conversation.blocks import Text, ToolCall
from dragoman.conversation.response import StopReason
from dragoman.testing.exchange import Answer, Chunk
from dragoman.testing.json_value import JSON, Object

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
every_pair = pytest.mark.parametrize(("client", "upstream"), PAIRS)
foreign = pytest.mark.parametrize(("client", "upstream"), [(c, u) for c, u in PAIRS if c != u])

PLACES: dict[str, tuple[str, ...]] = {
    C: ("response_format", "json_schema", "schema"),
    R: ("text", "format", "schema"),
    A: ("output_config", "format", "schema"),
    G: ("generationConfig", "responseJsonSchema"),
}
"""Where each format has the schema of the answer."""

_PROPERTIES: Object = {
    "city": {"type": "string", "description": "Where to.", "minLength": 2, "maxLength": 40},
    "days": {"type": "integer", "minimum": 1, "maximum": 9},
    "stops": {"type": "array", "items": {"type": "string", "enum": ["park", "museum"]}},
}
PLAN: Object = {
    "type": "object",
    "properties": _PROPERTIES,
    "required": ["city", "days", "stops"],
    "additionalProperties": False,
}

PLAIN: Object = {
    **PLAN,
    "properties": {**_PROPERTIES, "city": {"type": "string"}, "days": {"type": "integer"}},
}
"""The same in what every vendor can hold an answer to."""


def plan_of(client: str) -> Object:
    """A plan as clients of each format may describe it."""
    return PLAIN if client == A else PLAN


def asking(client: str, described: Object, *wishes: Object, tools: tuple[str, ...] = ()) -> Object:
    """A request for an answer that fits."""
    declared = [tool(client, name) for name in tools]
    return wishing(
        conversation(client, user("Good evening"), tools=declared), schema(client, described), *wishes
    )


def check_plan(text: str) -> None:
    """Assert that an answer is a plan."""
    plan = json.loads(text)
    assert isinstance(plan, dict)
    assert plan.keys() == {"city", "days", "stops"}
    assert isinstance(plan["days"], int)


@both_ways
@every_pair
def test_statement_069_a_schema_goes_where_the_upstream_has_it(
    house: House, client: str, upstream: str, stream: bool
) -> None:
    reply = house.ask(client, MODELS[upstream], asking(client, plan_of(client)), stream=stream)
    answer = answered(client, reply, stream=stream)
    check_plan(answer.text)
    assert (answer.finish, answer.calls) == ("stop", [])
    assert house.count == 1
    sent = at(house.received, *PLACES[upstream])
    assert isinstance(sent, dict)
    names = at(sent, "properties")
    assert isinstance(names, dict)
    assert list(names) == ["city", "days", "stops"]
    if upstream == A != client:
        # what Anthropic's grammar cannot hold, the model reads
        assert at(names, "city") == {
            "type": "string",
            "description": at(names, "city", "description"),
        }
        told = str(at(names, "city", "description"))
        assert told.startswith("Where to.")
        assert "2" in told
        assert "40" in told


NAMED: Object = {
    "type": "json_schema",
    "name": "plan",
    "description": "A plan.",
    "strict": True,
    "schema": PLAIN,
}


def test_statement_069_name_description_and_strictness_move_between_openais_formats(house: House) -> None:
    inner = {name: value for name, value in NAMED.items() if name != "type"}
    form: JSON = {"type": "json_schema", "json_schema": inner}
    assert (
        at(house.send(R, MODELS[C], conversation(R, user("Hi"), text={"format": NAMED})), "response_format")
        == form
    )
    assert (
        at(house.send(C, MODELS[R], conversation(C, user("Hi"), response_format=form)), "text", "format")
        == NAMED
    )


@pytest.mark.parametrize("upstream", [C, R])
@pytest.mark.parametrize(
    ("client", "described", "strict"),
    [(A, PLAIN, True), (G, PLAIN, True), (A, PLAN, True), (G, PLAN, False)],
)
def test_statement_069_openai_is_strict_where_the_schema_or_the_clients_vendor_is(
    house: House, client: str, upstream: str, described: Object, strict: bool
) -> None:
    """Anthropic always holds the answer to the schema, Google as far as it goes."""
    sent = house.send(client, MODELS[upstream], asking(client, described))
    form = at(sent, *PLACES[upstream][:-1])
    assert (at(form, "name"), at(form, "strict")) == ("response", strict)
    if described is PLAIN or not strict:
        assert at(form, "schema") == described
    else:
        # what a strict schema may not say, the model reads
        city = at(form, "schema", "properties", "city")
        assert isinstance(city, dict)
        assert city.keys() == {"type", "description"}
        assert "40" in str(city["description"])


LISTED: Object = {"type": "array", "items": {"type": "integer"}, "minItems": 1}


@both_ways
@pytest.mark.parametrize(
    ("client", "upstream"),
    [(c, u) for c, u in PAIRS if G in {c, u} or (c, u) in {(A, C), (A, R), (C, A), (R, A)}],
)
def test_statement_069_what_is_no_object_comes_as_what_it_is(
    house: House, client: str, upstream: str, stream: bool
) -> None:
    """In all pairs but those of one vendor's formats whose vendor takes objects only."""
    reply = house.ask(client, MODELS[upstream], asking(client, LISTED), stream=stream)
    assert all(isinstance(one, int) for one in json.loads(answered(client, reply, stream=stream).text))


def loose(client: str) -> Object:
    """A wish for any JSON object."""
    wishes: dict[str, Object] = {
        C: {"response_format": {"type": "json_object"}},
        R: {"text": {"format": {"type": "json_object"}}},
        G: {"generationConfig": {"responseMimeType": "application/json"}},
    }
    return wishes[client]


@both_ways
@pytest.mark.parametrize(("client", "upstream"), [(c, u) for c, u in PAIRS if c != A])
def test_statement_069_any_object_can_be_asked_for(
    house: House, client: str, upstream: str, stream: bool
) -> None:
    body = wishing(conversation(client, user("Good evening, in json please")), loose(client))
    house.fake.script.add(answering(Text('{"a": 1}')))
    reply = house.ask(client, MODELS[upstream], body, stream=stream)
    assert json.loads(answered(client, reply, stream=stream).text) == {"a": 1}
    match upstream:
        case "openai_chat":
            assert house.received["response_format"] == {"type": "json_object"}
        case "openai_responses":
            assert at(house.received, "text", "format") == {"type": "json_object"}
        case "anthropic":
            assert "output_config" not in house.received
            assert "one JSON object only" in str(house.received["system"])
        case _:
            assert at(house.received, "generationConfig", "responseMimeType") == "application/json"


# --- the answer as a call ------------------------------------------------------------------------

WITHOUT = ("claude-sonnet-4-0", "claude-opus-4-1", "claude-3-7-sonnet", "claude-3-5-haiku")
"""Claudes that cannot be held to a schema, and can be made to call a tool."""


@both_ways
@pytest.mark.parametrize("model", WITHOUT)
@pytest.mark.parametrize("client", [C, R, G])
def test_statement_070_a_forced_call_stands_in_and_comes_back_as_text(
    house: House, client: str, model: str, stream: bool
) -> None:
    reply = house.ask(client, f"{A}/{model}", asking(client, PLAN), stream=stream)
    answer = answered(client, reply, stream=stream)
    check_plan(answer.text)
    assert (answer.finish, answer.calls) == ("stop", [])
    (declared,) = objects(house.received, "tools")
    assert declared["name"] == "structured_output"
    assert at(declared, "input_schema", "required") == ["city", "days", "stops"]
    assert house.received["tool_choice"] == {"type": "tool", "name": "structured_output"}
    assert "output_config" not in house.received
    assert ("structured_output_tool", "emulated") in {(lost.code, lost.kind) for lost in losses(reply)}


@pytest.mark.parametrize("client", [C, R, G])
def test_statement_070_what_the_model_cannot_do_beside_it_is_left_out(house: House, client: str) -> None:
    model = f"{A}/{WITHOUT[0]}"
    reply = house.ask(client, model, asking(client, PLAN, effort(client, "high")))
    check_plan(answered(client, reply).text)
    assert "thinking" not in house.received
    assert "reasoning_off" in {lost.code for lost in losses(reply)}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-7", "claude-opus-5-5"])
def test_statement_070_native_output_is_used_where_there_is_any(
    house: House, client: str, model: str
) -> None:
    check_plan(answered(client, house.ask(client, f"{A}/{model}", asking(client, plan_of(client)))).text)
    assert "tools" not in house.received
    assert at(house.received, "output_config", "format", "type") == "json_schema"


RECURSIVE: Object = {
    "type": "object",
    "properties": {"children": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["children"],
}


@pytest.mark.parametrize("client", [C, R])
@pytest.mark.parametrize(("model", "forced"), [("claude-sonnet-4-5", True), ("claude-opus-5-5", False)])
def test_statement_070_without_either_the_model_is_asked_in_words(
    house: House, client: str, model: str, forced: bool
) -> None:
    """A schema that Anthropic's grammar cannot hold at all: it refers to itself."""
    house.send(client, f"{A}/{model}", asking(client, RECURSIVE))
    assert "output_config" not in house.received
    assert ("tool_choice" in house.received) is forced
    assert ("JSON Schema" in str(house.received.get("system"))) is not forced


@both_ways
@pytest.mark.parametrize("client", [C, R, G])
@pytest.mark.parametrize("called", ["look", "structured_output"])
def test_statement_070_beside_the_clients_tools_either_may_be_called(
    house: House, client: str, stream: bool, called: str
) -> None:
    arguments = '{"city":"Oslo","days":2,"stops":[]}'
    house.fake.script.add(
        answering(Text("Well."), ToolCall("toolu_1", called, arguments), reason=StopReason.TOOL_CALLS)
    )
    reply = house.ask(client, f"{A}/{WITHOUT[0]}", asking(client, PLAN, tools=("look",)), stream=stream)
    answer = answered(client, reply, stream=stream)
    assert house.received["tool_choice"] == {"type": "any"}
    assert [one["name"] for one in objects(house.received, "tools")] == ["look", "structured_output"]
    if called == "look":
        assert [(call.name, json.loads(call.arguments)["city"]) for call in answer.calls] == [
            ("look", "Oslo")
        ]
        assert answer.finish == "tool_calls"
    else:
        assert (answer.calls, answer.finish) == ([], "stop")
        check_plan(answer.text.removeprefix("Well."))


@pytest.mark.parametrize("client", [C, R, G])
def test_statement_070_a_tool_of_the_clients_own_of_that_name_stays_its_own(
    house: House, client: str
) -> None:
    house.send(client, f"{A}/{WITHOUT[0]}", asking(client, PLAN, tools=("structured_output",)))
    names = [str(one["name"]) for one in objects(house.received, "tools")]
    assert len(set(names)) == 2
    assert names[0] == "structured_output"


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_statement_070_the_stand_in_is_streamed_as_it_comes(house: House, size: int) -> None:
    arguments = '{"city":"Oslo","days":2,"stops":["park"]}'
    pieces = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    usage: Object = {"input_tokens": 5, "output_tokens": 1}
    message: Object = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "usage": usage,
        "stop_reason": None,
        "stop_sequence": None,
    }
    block: Object = {"type": "tool_use", "id": "toolu_1", "name": "structured_output", "input": {}}
    events: list[Object] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": one},
            }
            for one in pieces
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    chunks = tuple(
        Chunk(0.0, f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()) for event in events
    )
    house.fake.script.add(Answer(200, {"content-type": "text/event-stream"}, chunks, streamed=True))
    reply = house.ask(C, f"{A}/{WITHOUT[0]}", asking(C, PLAN), stream=True)
    answer = answered(C, reply, stream=True)
    assert (answer.text, answer.finish, answer.calls) == (arguments, "stop", [])
    assert reply.body.count(b'"content":"') >= len(pieces)


# --- Google's rules ------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [C, R, A])
def test_statement_071_a_schema_comes_with_its_media_type(house: House, client: str) -> None:
    for model, member in (("gemini-2.5-flash", "responseJsonSchema"), ("gemini-2.0-flash", "responseSchema")):
        check_plan(answered(client, house.ask(client, f"{G}/{model}", asking(client, PLAN))).text)
        config = at(house.received, "generationConfig")
        assert at(config, "responseMimeType") == "application/json"
        assert isinstance(config, dict)
        assert {"responseJsonSchema", "responseSchema"} & config.keys() == {member}


@pytest.mark.parametrize("client", [C, R, A])
@pytest.mark.parametrize(
    ("model", "together"),
    [
        ("gemini-2.0-flash", False),
        ("gemini-2.5-flash", False),
        ("gemini-3-pro-preview", True),
        ("gemini-3.6-flash", True),
    ],
)
def test_statement_071_not_beside_tools_before_the_third_generation(
    house: House, client: str, model: str, together: bool
) -> None:
    plain = conversation(client, user("Good evening, json"), tools=[tool(client, "search_flights")])
    bodies = [asking(client, PLAN, tools=("search_flights",))]
    if client != A:  # which has no word for any JSON object
        bodies.append(wishing(plain, loose(client)))
    for body in bodies:
        reply = house.ask(client, f"{G}/{model}", body)
        answered(client, reply)
        config = house.received.get("generationConfig", {})
        assert isinstance(config, dict)
        assert ("responseMimeType" in config) is together
        assert ("JSON" in str(house.received.get("systemInstruction"))) is not together
        assert ("output_by_instruction" in {lost.code for lost in losses(reply)}) is not together


@pytest.mark.parametrize("upstream", CLIENTS)
@both_ways
def test_statement_071_one_word_of_several_comes_bare(house: House, upstream: str, stream: bool) -> None:
    config: JSON = {
        "responseMimeType": "text/x.enum",
        "responseSchema": {"type": "STRING", "enum": ["mornings", "evenings"]},
    }
    body = conversation(G, user("Good evening"), generationConfig=config)
    reply = house.ask(G, MODELS[upstream], body, stream=stream)
    assert answered(G, reply, stream=stream).text in {"mornings", "evenings"}
    if upstream == G:
        assert at(house.received, "generationConfig") == config


@pytest.mark.parametrize("client", [C, R])
def test_statement_071_a_thinking_model_takes_all_of_it_at_once(house: House, client: str) -> None:
    body = asking(client, PLAN, effort(client, "low"), tools=("search_flights",))
    answered(client, house.ask(client, THINKERS[G], body))
    config = at(house.received, "generationConfig")
    assert isinstance(config, dict)
    assert {"responseMimeType", "responseJsonSchema", "thinkingConfig"} <= config.keys()
