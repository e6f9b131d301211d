"""Statements 33 to 44: tools, the say over them, their calls and their results."""

import json
import re

import pytest
from tests.live.answers import answering
from tests.live.client import Reply
from tests.statements.asking import (
    FOREIGN,
    MODELS,
    TEXT_ONLY,
    THINKERS,
    A,
    C,
    Call,
    G,
    House,
    R,
    Raw,
    Result,
    apart,
    assistant,
    at,
    conversation,
    every_client,
    every_pair,
    every_upstream,
    finished,
    foreign_pairs,
    losses,
    objects,
    outline,
    pieces,
    tool,
    user,
)

from dragoman.conversation.blocks import Text, ToolCall
from dragoman.conversation.response import StopReason
from dragoman.testing.json_value import JSON, Object, decode_object

TOOLS = ("look", "hear", "taste")

MISTRAL = f"{C}/mistral-large-latest"
"""A model whose ids of calls are nine letters and digits."""


def declared(client: str, *names: str) -> list[Object]:
    return [tool(client, name) for name in names]


def choice(dialect: str, mode: str) -> Object:
    """The members of a request that say what a model may call: `auto`, `none`, `required`, `named`, and
    `allowed` or `required_allowed` for two of three tools.
    """
    names = {"named": ["look"], "allowed": ["look", "hear"], "required_allowed": ["look", "hear"]}.get(mode)
    functions: list[JSON] = [
        {"type": "function", "function": {"name": name}}
        if dialect == C
        else {"type": "function", "name": name}
        for name in names or ()
    ]
    if dialect in {C, R}:
        freedom = "required" if mode == "required_allowed" else "auto"
        match mode, dialect:
            case "named", _:
                return {"tool_choice": functions[0]}
            case (("allowed" | "required_allowed"), "openai_chat"):
                allowed: Object = {"mode": freedom, "tools": functions}
                return {"tool_choice": {"type": "allowed_tools", "allowed_tools": allowed}}
            case (("allowed" | "required_allowed"), _):
                return {"tool_choice": {"type": "allowed_tools", "mode": freedom, "tools": functions}}
            case _:
                return {"tool_choice": mode}
    if dialect == A:
        if mode == "named":
            return {"tool_choice": {"type": "tool", "name": "look"}}
        # Anthropic cannot say which tools are allowed
        words = {"required": "any", "required_allowed": "any", "allowed": "auto"}
        return {"tool_choice": {"type": words.get(mode, mode)}}
    words = {"required": "ANY", "named": "ANY", "required_allowed": "ANY", "allowed": "VALIDATED"}
    config: Object = {"mode": words.get(mode, mode.upper())}
    if names:
        config["allowedFunctionNames"] = [*names]
    return {"toolConfig": {"functionCallingConfig": config}}


MODES = ("auto", "none", "required", "named", "allowed", "required_allowed")


@pytest.mark.parametrize(
    ("client", "upstream", "mode"),
    [
        (client, upstream, mode)
        for client, upstream in FOREIGN
        for mode in MODES
        if not (client == A and "allowed" in mode)  # its clients cannot say that
    ],
)
def test_statement_033_the_say_over_tools_survives(
    house: House, client: str, upstream: str, mode: str
) -> None:
    body = conversation(client, user("Hello"), tools=declared(client, *TOOLS), **choice(client, mode))
    reply = house.ask(client, MODELS[upstream], body)
    assert reply.status == 200
    wanted = choice(upstream, mode)
    assert {name: house.received.get(name) for name in wanted} == wanted
    # the tools are all still there, but where Anthropic is to call one of some: there the others go
    filtered = upstream == A and mode == "required_allowed"
    assert [f'"{name}"' in house.raw.decode() for name in TOOLS] == [True, True, not filtered]
    lost = losses(reply)
    if upstream == A and "allowed" in mode:
        assert lost.pop("allowed_tools") == "approximated"
    if client == G and mode == "allowed":
        lost.pop("strict", None)  # such calls are held to their schemas, which are closed for it
    assert lost == {}


@pytest.mark.parametrize("upstream", [C, R, A])
@pytest.mark.parametrize("mode", ["VALIDATED", "AUTO"])
def test_statement_033_googles_validated_calls_are_strict_elsewhere(
    house: House, upstream: str, mode: str
) -> None:
    exact: Object = {**TEXT_ONLY, "additionalProperties": False}
    config: Object = {"functionCallingConfig": {"mode": mode}}
    body = conversation(G, user("Hello"), tools=[tool(G, "look", exact)], toolConfig=config)
    reply = house.ask(G, MODELS[upstream], body)
    assert losses(reply) == {}
    (declaration,) = objects(house.received, "tools")
    function = declaration["function"] if upstream == C else declaration
    assert isinstance(function, dict)
    assert bool(function.get("strict")) is (mode == "VALIDATED")
    wanted = choice(upstream, "auto")
    assert {name: house.received.get(name) for name in wanted} == wanted


ONE_AT_A_TIME: dict[str, Object] = {
    C: {"parallel_tool_calls": False},
    R: {"parallel_tool_calls": False},
    A: {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
}


@pytest.mark.parametrize(
    ("client", "upstream"),
    [(client, upstream) for client in (C, R, A) for upstream in (C, R, A) if client != upstream],
)
def test_statement_034_one_call_at_a_time_is_said_in_every_format(
    house: House, client: str, upstream: str
) -> None:
    body = conversation(client, user("Hello"), tools=declared(client, "look"), **ONE_AT_A_TIME[client])
    sent = house.send(client, MODELS[upstream], body)
    wanted = ONE_AT_A_TIME[upstream]
    assert {name: sent.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("client", [C, R, A])
@pytest.mark.parametrize("stream", [False, True])
def test_statement_034_more_than_one_call_of_google_is_cut_to_one(
    house: House, client: str, stream: bool
) -> None:
    calls = [ToolCall("", name, "{}") for name in ("look", "hear")]
    house.fake.script.add(answering(*calls, reason=StopReason.TOOL_CALLS))
    body = conversation(
        client, user("Hello"), tools=declared(client, "look", "hear"), **ONE_AT_A_TIME[client]
    )
    reply = house.ask(client, MODELS[G], body, stream=stream)
    assert losses(reply)["parallel_tool_calls"] == "emulated"
    if not stream:
        assert [name for _, name in made(client, reply)] == ["look"]
    elif client == R:
        assert [one["name"] for one in objects(finished(reply.body), "output")] == ["look"]
    else:
        assert re.findall(r'"name":\s*"(\w+)"', reply.body.decode()) == ["look"]


def made(client: str, reply: Reply) -> list[tuple[str, str]]:
    """The ids and names of the calls in a whole answer."""
    assert reply.status == 200, reply
    body = reply.object
    match client:
        case "openai_chat":
            calls = objects(at(body, "choices", 0, "message"), "tool_calls")
            found = [(one["id"], at(one, str(one["type"]), "name")) for one in calls]
        case "openai_responses":
            found = [(one["call_id"], one["name"]) for one in objects(body, "output") if "call_id" in one]
        case "anthropic":
            found = [
                (one["id"], one["name"]) for one in objects(body, "content") if one["type"] == "tool_use"
            ]
        case _:
            calls = [
                at(one, "functionCall") for one in objects(at(body, "candidates", 0, "content"), "parts")
            ]
            found = [(one.get("id", ""), one["name"]) for one in calls if isinstance(one, dict)]
    return [(str(identity), str(name)) for identity, name in found]


def pairs(upstream: str, body: Object) -> tuple[list[str], list[str]]:
    """The ids of the calls and of the results in a body that an upstream received, in order."""
    calls: list[str] = []
    results: list[str] = []
    for _, piece in pieces(upstream, body):
        match piece:
            case {"tool_calls": [*made_calls]}:
                calls += [str(at(one, "id")) for one in made_calls]
            case {"role": "tool", "tool_call_id": identity}:
                results.append(str(identity))
            case {"type": "function_call", "call_id": identity} | {"type": "tool_use", "id": identity}:
                calls.append(str(identity))
            case {"functionCall": {"id": identity}}:
                calls.append(str(identity))
            case {"type": "function_call_output", "call_id": identity}:
                results.append(str(identity))
            case {"type": "tool_result", "tool_use_id": identity}:
                results.append(str(identity))
            case {"functionResponse": {"id": identity}}:
                results.append(str(identity))
            case _:
                pass
    return calls, results


FORMS = {
    MODELS[C]: r".{1,40}",
    MISTRAL: r"[a-zA-Z0-9]{9}",
    MODELS[R]: r".{1,64}",
    MODELS[A]: r"[a-zA-Z0-9_-]+",
    THINKERS[G]: r".+",
}
"""What the ids of calls must look like at each model."""


@pytest.mark.parametrize(("client", "model"), apart(*FORMS, beside=MISTRAL))
@pytest.mark.parametrize(
    "own", ["toolu_01dd4a07cc7ea3aaed51c55e", "functions.look:0", "x" * 90, "call one/two", "D681PevKs", "é"]
)
def test_statement_035_ids_of_other_vendors_are_made_to_fit_and_find_each_other(
    house: House, client: str, model: str, own: str
) -> None:
    upstream = model.partition("/")[0]
    said = (
        user("Hello"),
        assistant(Call(own, "look", '{"text":"a"}'), Call(own + "2", "look", '{"text":"b"}')),
        user(Result(own + "2", "two", "look"), Result(own, "one", "look")),
        user("Well?"),
    )
    body = house.send(client, model, conversation(client, *said, tools=declared(client, "look")))
    calls, results = pairs(upstream, body)
    assert len(set(calls)) == 2
    assert sorted(calls) == sorted(results)
    assert all(re.fullmatch(FORMS[model], one) for one in calls)
    told = [line for line in outline(upstream, body) if line.startswith("result: ")]
    in_order = [dict(zip(results, told, strict=True))[one] for one in calls]
    assert in_order == ["result: one", "result: two"]
    if re.fullmatch(FORMS[model], own):
        assert calls[0] == own


@every_client
@pytest.mark.parametrize("model", FORMS)
def test_statement_035_an_upstream_gets_its_own_ids_back(house: House, client: str, model: str) -> None:
    upstream = model.partition("/")[0]
    own = "D681PevKs" if model == MISTRAL else "toolu_01" if upstream == A else "call_abc"
    calls = [ToolCall(identity, "look", '{"text":"a"}') for identity in (own, own[:-1] + "x")]
    house.fake.script.add(answering(*calls, reason=StopReason.TOOL_CALLS))
    tools = declared(client, "look")
    told = made(client, house.ask(client, model, conversation(client, user("Hello"), tools=tools)))
    assert len({identity for identity, _ in told}) == 2
    signature = "skip_thought_signature_validator" if client == G == upstream else ""
    said = (
        user("Hello"),
        assistant(*(Call(identity, "look", '{"text":"a"}', signature) for identity, _ in told)),
        user(*(Result(identity, "seen", "look") for identity, _ in told)),
    )
    body = house.send(client, model, conversation(client, *said, tools=tools))
    assert pairs(upstream, body) == ([own, own[:-1] + "x"], [own, own[:-1] + "x"])


@pytest.mark.parametrize("client", [C, R, A])
@pytest.mark.parametrize("stream", [False, True])
def test_statement_036_calls_without_ids_get_ids_of_their_own(
    house: House, client: str, stream: bool
) -> None:
    calls = [ToolCall("", "look", '{"text":"a"}')] * 3
    house.fake.script.add(answering(*calls, reason=StopReason.TOOL_CALLS))
    body = conversation(client, user("Hello"), tools=declared(client, "look"))
    reply = house.ask(client, MODELS[G], body, stream=stream)
    if stream:
        found = {*re.findall(r'"(?:call_id|id)": ?"(call_[^"]+)"', reply.body.decode())}
    else:
        found = {identity for identity, _ in made(client, reply)}
    assert len(found) == 3


@pytest.mark.parametrize("client", [C, R, A])
def test_statement_037_ids_are_sent_to_newer_models_of_google_only(house: House, client: str) -> None:
    said = (
        user("Hello"),
        assistant(Call("c1", "look", '{"text":"a"}'), Call("c2", "look", '{"text":"b"}')),
        user(Result("c2", "two"), Result("c1", "one")),
    )
    body = conversation(client, *said, tools=declared(client, "look"))
    new = house.send(client, THINKERS[G], body)
    assert pairs(G, new) == (["c1", "c2"], ["c1", "c2"])
    for model in ("gemini-2.5-flash", "gemini-2.0-flash"):
        old = house.send(client, f"{G}/{model}", body)
        assert pairs(G, old) == ([], [])
        assert outline(G, old)[-2:] == ["result: one", "result: two"]  # they are told apart by their order


EXACT = '{"z":1.0,"a":1e2,"big":12345678901234567890,"deep":{"y":[0.10,1E5,-0.0],"x":"\\u00e9"}}'
"""Numbers that change when they are read and written again, and keys out of order."""


def exact(body: bytes) -> int:
    """How often the exact text stands in a body, as an object or inside a string."""
    inside = EXACT.replace("\\", "\\\\").replace('"', '\\"').encode()
    return body.count(EXACT.encode()) + body.count(inside)


@foreign_pairs
def test_statement_038_arguments_and_results_keep_their_text(
    house: House, client: str, upstream: str
) -> None:
    said = (
        user("Hello"),
        assistant(Call("c1", "look", EXACT)),
        user(Result("c1", Raw(EXACT) if client == G else EXACT, "look")),
    )
    house.send(client, MODELS[upstream], conversation(client, *said, tools=declared(client, "look")))
    assert exact(house.raw) == 2


@every_pair
@pytest.mark.parametrize("stream", [False, True])
def test_statement_038_arguments_of_an_answer_keep_their_text(
    house: House, client: str, upstream: str, stream: bool
) -> None:
    house.fake.script.add(answering(ToolCall("call_1", "look", EXACT), reason=StopReason.TOOL_CALLS))
    body = conversation(client, user("Hello"), tools=declared(client, "look"))
    reply = house.ask(client, MODELS[upstream], body, stream=stream)
    assert written_arguments(client, reply, stream=stream) == EXACT


def written_arguments(client: str, reply: Reply, *, stream: bool) -> str:
    """The arguments of the one call in an answer, as text."""
    if not stream or client == G:
        if client in {C, R}:
            found = re.search(r'"arguments":("(?:[^"\\]|\\.)*")', reply.body.decode())
            assert found is not None
            return str(at(decode_object(f'{{"x":{found[1]}}}'), "x"))
        found = re.search(r'"(?:input|args)":\s*(\{.*?\}\})', reply.body.decode())
        assert found is not None
        return found[1]
    names = {C: "arguments", R: "delta", A: "partial_json"}
    return "".join(
        str(at(decode_object(f'{{"x":{one}}}'), "x"))
        for one in re.findall(rf'"{names[client]}":\s*("(?:[^"\\]|\\.)*")', reply.body.decode())
    )


@foreign_pairs
def test_statement_038_no_arguments_are_an_empty_object(house: House, client: str, upstream: str) -> None:
    nothing = "" if client in {C, R} else "{}"
    said = (user("Hello"), assistant(Call("c1", "look", nothing)), user(Result("c1", "seen", "look")))
    body = house.send(client, MODELS[upstream], conversation(client, *said, tools=declared(client, "look")))
    assert "call: {}" in outline(upstream, body)


@pytest.mark.parametrize("client", [C, R])
@pytest.mark.parametrize("upstream", [A, G])
@pytest.mark.parametrize(
    ("broken", "sent"),
    [
        ("no JSON", '{"__raw_arguments":"no JSON"}'),
        ("[1.0,2]", '{"value":[1.0,2]}'),
        ('{"text":"a', '{"text":"a"}'),
        ('{"a":1.0,"b":[1', '{"a":1.0,"b":[1]}'),
    ],
)
def test_statement_039_calls_with_broken_arguments_are_kept(
    house: House, client: str, upstream: str, broken: str, sent: str
) -> None:
    said = (user("Hello"), assistant(Call("c1", "look", broken)), user(Result("c1", "seen", "look")))
    body = conversation(client, *said, tools=declared(client, "look"))
    reply = house.ask(client, MODELS[upstream], body)
    assert reply.status == 200
    assert sent in house.raw.decode()
    assert "result: seen" in outline(upstream, house.received)
    assert losses(reply) == {"arguments_repaired": "approximated"}


@pytest.mark.parametrize("client", [A, G])
@pytest.mark.parametrize("upstream", [C, R])
def test_statement_039_broken_arguments_of_an_answer_are_kept(
    house: House, client: str, upstream: str
) -> None:
    house.fake.script.add(answering(ToolCall("call_1", "look", "no JSON"), reason=StopReason.TOOL_CALLS))
    reply = house.ask(
        client, MODELS[upstream], conversation(client, user("Hello"), tools=declared(client, "look"))
    )
    assert made(client, reply) == [("call_1", "look")]
    assert '{"__raw_arguments":"no JSON"}' in reply.body.decode().replace('": "', '":"')


NAMES = ["shop.orders:list", "shop_orders_list", "x" * 100, "x" * 99 + "y", "look-up", "_look"]
"""Names as Google's clients may give them: two become the same, and two are too long."""


@pytest.mark.parametrize("upstream", [C, R, A])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_statement_040_googles_names_of_tools_come_back(
    house: House, upstream: str, stream: bool, name: str
) -> None:
    only: Object = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [name]}}
    body = conversation(G, user("Hello"), tools=declared(G, *NAMES), toolConfig=only)
    reply = house.ask(G, MODELS[upstream], body, stream=stream)
    assert reply.status == 200
    tools = objects(house.received, "tools")
    sent = [str(one.get("name") or at(one, "function", "name")) for one in tools]
    assert len({*sent}) == len(NAMES)
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", one) for one in sent)
    assert f'"name":"{name}"' in reply.body.decode().replace('": "', '":"')
    # and the same name goes out in the history
    said = (user("Hello"), assistant(Call("", name, "{}")), user(Result("", "seen", name)))
    again = house.send(G, MODELS[upstream], conversation(G, *said, tools=declared(G, *NAMES)))
    assert sent[NAMES.index(name)] in str([piece for _, piece in pieces(upstream, again)])


@every_upstream
@pytest.mark.parametrize("stream", [False, True])
def test_statement_040_tools_in_a_namespace_of_responses_come_back(
    house: House, upstream: str, stream: bool
) -> None:
    namespace: Object = {
        "type": "namespace",
        "name": "shop",
        "description": "Orders.",
        "tools": [tool(R, "look")],
    }
    body = conversation(R, user("use look"), tools=[namespace], tool_choice="required")
    reply = house.ask(R, MODELS[upstream], body, stream=stream)
    assert reply.status == 200, reply
    answer = finished(reply.body) if stream else reply.object
    (call,) = [one for one in objects(answer, "output") if one["type"] == "function_call"]
    assert (call["namespace"], call["name"]) == ("shop", "look")
    if upstream != R:
        assert "shop__look" in house.raw.decode()
    output: Object = {"type": "function_call_output", "call_id": call["call_id"], "output": "seen"}
    items: list[JSON] = [{"role": "user", "content": "use look"}, *objects(answer, "output"), output]
    again = house.send(R, MODELS[upstream], {"input": items, "tools": [namespace]})
    assert "result: seen" in outline(upstream, again)


HARD: Object = {
    "type": "object",
    "$defs": {"place": {"type": "string", "minLength": 3}},
    "properties": {
        "place": {"$ref": "#/$defs/place"},
        "when": {"type": ["string", "null"], "format": "date", "pattern": "^2"},
        "many": {"type": "integer", "minimum": 1, "maximum": 9, "multipleOf": 2},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "maxItems": 4},
    },
    "patternProperties": {"^x-": {"type": "string"}},
    "required": ["place"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(("client", "model"), apart(*MODELS.values(), THINKERS[G], f"{G}/gemini-2.0-flash"))
@pytest.mark.parametrize("strict", [False, True])
def test_statement_041_schemas_of_tools_are_made_for_the_target(
    house: House, client: str, model: str, strict: bool
) -> None:
    """Strict vendors check them; what has to go is told in words, and reported."""
    declaration = tool(client, "look", HARD)
    function = declaration["function"] if client == C else declaration
    if strict and client != G and isinstance(function, dict):
        function["strict"] = True
    reply = house.ask(client, model, conversation(client, user("Hello"), tools=[declaration]))
    assert reply.status == 200, reply
    sent = house.raw.decode()
    for name in ("place", "when", "many", "tags"):
        assert f'"{name}"' in sent
    for word in ("minLength", "multipleOf", "uniqueItems", "pattern", "maxItems"):
        value = {"multipleOf": "2", "uniqueItems": "true", "minLength": "3", "pattern": "^2", "maxItems": "4"}
        assert word in sent or value[word] in sent, word


@pytest.mark.parametrize("client", [C, R, A])
def test_statement_041_constraints_that_go_stay_in_the_description(house: House, client: str) -> None:
    old = f"{G}/gemini-2.0-flash"
    reply = house.ask(client, old, conversation(client, user("Hello"), tools=[tool(client, "look", HARD)]))
    (declaration,) = objects(at(house.received, "tools", 0), "functionDeclarations")
    schema = declaration.get("parameters", declaration.get("parametersJsonSchema"))
    many = at(schema, "properties", "many")
    assert isinstance(many, dict)
    assert "multipleOf" in many or "multiple of 2" in str(many["description"]).lower()
    assert "$ref" not in str(schema) or "parametersJsonSchema" in declaration
    assert losses(reply)


REFUSERS = {A: f"{A}/claude-opus-5-5", C: f"{C}/kimi-k2"}
"""Models that cannot be made to call a tool."""


@pytest.mark.parametrize(("client", "upstream"), [pair for pair in FOREIGN if pair[1] in REFUSERS])
@pytest.mark.parametrize("mode", ["required", "named"])
def test_statement_042_a_demand_is_taken_back_only_where_it_is_refused_and_never_in_silence(
    house: House, client: str, upstream: str, mode: str
) -> None:
    body = conversation(client, user("Hello"), tools=declared(client, *TOOLS), **choice(client, mode))
    reply = house.ask(client, REFUSERS[upstream], body)
    assert reply.status == 200
    assert losses(reply) == {"forced_tool_downgraded": "approximated"}
    wanted = choice(upstream, "auto")
    assert {name: house.received.get(name) for name in wanted} == wanted
    house.fake.script.clear()
    strict = house.ask(client, REFUSERS[upstream], body, x_dragoman_strict="true")
    assert strict.status == 400
    assert "forced_tool_downgraded" in strict.body.decode()
    assert house.count == 0
    assert losses(house.ask(client, MODELS[upstream], body)) == {}


FINISHES: dict[str, dict[StopReason, str]] = {
    C: {
        StopReason.END: "tool_calls",
        StopReason.MAX_TOKENS: "length",
        StopReason.REFUSAL: "content_filter",
    },
    R: {
        StopReason.END: "completed",
        StopReason.MAX_TOKENS: "incomplete",
        StopReason.REFUSAL: "incomplete",
    },
    A: {StopReason.END: "tool_use", StopReason.MAX_TOKENS: "max_tokens", StopReason.REFUSAL: "refusal"},
    G: {StopReason.END: "STOP", StopReason.MAX_TOKENS: "MAX_TOKENS", StopReason.REFUSAL: "SAFETY"},
}
"""How each client reads the end of an answer with calls, by what the upstream said."""


@foreign_pairs
@pytest.mark.parametrize("reason", [StopReason.END, StopReason.MAX_TOKENS, StopReason.REFUSAL])
@pytest.mark.parametrize("stream", [False, True])
def test_statement_043_an_answer_with_calls_ends_with_them(
    house: House, client: str, upstream: str, reason: StopReason, stream: bool
) -> None:
    blocks = (Text("I look."), ToolCall("call_1", "look", '{"text":"a"}'))
    house.fake.script.add(answering(*blocks, reason=reason))
    body = conversation(client, user("Hello"), tools=declared(client, "look"))
    reply = house.ask(client, MODELS[upstream], body, stream=stream)
    if client == R:
        answer = finished(reply.body) if stream else reply.object
        assert answer["status"] == FINISHES[R][reason]
        return
    field = {C: "finish_reason", A: "stop_reason", G: "finishReason"}[client]
    assert re.findall(rf'"{field}":\s*"(\w+)"', reply.body.decode()) == [FINISHES[client][reason]]


GRAMMAR: dict[str, Object] = {
    C: {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /.+/"}},
    R: {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
}


def custom(client: str) -> Object:
    """A tool that takes free text."""
    inner: Object = {"name": "patch", "description": "Patches.", "format": GRAMMAR[client]}
    return {"type": "custom", "custom": inner} if client == C else {"type": "custom", **inner}


PATCH = '*** Begin "patch" \\ é\n+line\n'


@pytest.mark.parametrize("client", [C, R])
@every_upstream
@pytest.mark.parametrize("stream", [False, True])
def test_statement_044_free_text_tools_work_everywhere(
    house: House, client: str, upstream: str, stream: bool
) -> None:
    free = upstream in {C, R}
    arguments = PATCH if free else wrapped(PATCH)
    house.fake.script.add(
        answering(ToolCall("call_1", "patch", arguments, custom=free), reason=StopReason.TOOL_CALLS)
    )
    body = conversation(client, user("Hello"), tools=[custom(client)])
    reply = house.ask(client, MODELS[upstream], body, stream=stream)
    assert reply.status == 200
    if not free:
        assert losses(reply) == {"custom_tool": "emulated", "custom_tool_format": "approximated"}
        assert "start: /.+/" in house.raw.decode()
    if stream:
        name = "input" if client == C else "delta"
        found = re.findall(rf'"{name}":\s*("(?:[^"\\]|\\.)*")', reply.body.decode())
        text = "".join(str(at(decode_object(f'{{"x":{one}}}'), "x")) for one in found)
    elif client == C:
        text = at(reply.object, "choices", 0, "message", "tool_calls", 0, "custom", "input")
    else:
        text = at(reply.object, "output", -1, "input")
    assert text == PATCH


@pytest.mark.parametrize("client", [C, R])
@every_upstream
def test_statement_044_calls_of_free_text_tools_go_back_in_the_same_form(
    house: House, client: str, upstream: str
) -> None:
    if client == C:
        call: Object = {"id": "call_1", "type": "custom", "custom": {"name": "patch", "input": PATCH}}
        turns: list[JSON] = [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "done"},
        ]
        body: Object = {"messages": turns, "tools": [custom(C)]}
    else:
        items: list[JSON] = [
            {"role": "user", "content": "Hello"},
            {"type": "custom_tool_call", "call_id": "call_1", "name": "patch", "input": PATCH},
            {"type": "custom_tool_call_output", "call_id": "call_1", "output": "done"},
        ]
        body = {"input": items, "tools": [custom(R)]}
    sent = house.send(client, MODELS[upstream], body)
    if upstream == A:
        assert at(pieces(A, sent)[1][1], "input") == {"input": PATCH}
    elif upstream == G:
        assert at(pieces(G, sent)[1][1], "functionCall", "args") == {"input": PATCH}
    elif upstream == C:
        assert at(sent, "messages", 1, "tool_calls", 0, "custom", "input") == PATCH
    else:
        assert at(sent, "input", 1, "input") == PATCH


def wrapped(text: str) -> str:
    """Free text as the arguments of the function that stands for its tool."""
    return json.dumps({"input": text}, ensure_ascii=False)
