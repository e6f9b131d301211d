"""Statements 15 to 28: turns, in the order and form that each vendor demands, with nothing of them lost."""

import pytest
from tests.live.answers import answering
from tests.statements.asking import (
    CLIENTS,
    FOREIGN,
    MODELS,
    THINKERS,
    A,
    C,
    Call,
    G,
    House,
    R,
    Result,
    apart,
    assistant,
    conversation,
    finished,
    foreign_pairs,
    instructions,
    losses,
    objects,
    outline,
    pieces,
    system,
    tool,
    user,
)

from dragoman.conversation.blocks import Text, Thinking, ToolCall
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import StopReason
from dragoman.models.profile import profile_of
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.signatures import issue_signature

OPUS = f"{A}/claude-opus-4-8"
"""A Claude model that takes instructions in mid-conversation, and no prefill."""
FLASH = f"{G}/gemini-3.6-flash"
"""A Gemini model whose history must not end with the model's turn."""
NEAR, FAR = '{"text":"near"}', '{"text":"far"}'

with_instructions = pytest.mark.parametrize(
    ("client", "upstream"),
    [(client, upstream) for client in (C, R, A) for upstream in CLIENTS if client != upstream],
)
"""Google's clients have no instructions but the leading ones."""
to_strict_vendors = pytest.mark.parametrize(
    ("client", "upstream"), [pair for pair in FOREIGN if pair[1] in {A, G}]
)


@foreign_pairs
def test_statement_015_leading_instructions_are_hoisted(house: House, client: str, upstream: str) -> None:
    said = (system("Be brief."), system("Be kind."), user("Hello"))
    body = house.send(client, MODELS[upstream], conversation(client, *said))
    assert instructions(upstream, body) == ["Be brief.", "Be kind."]
    assert outline(upstream, body) == ["user: Hello"]


@with_instructions
def test_statement_015_later_instructions_are_never_hoisted(house: House, client: str, upstream: str) -> None:
    said = (system("Be brief."), user("Hello"), system("Be kind."), user("Go on."))
    body = house.send(client, MODELS[upstream], conversation(client, *said))
    assert instructions(upstream, body) == ["Be brief."]


@with_instructions
def test_statement_016_later_instructions_stay_in_their_place(
    house: House, client: str, upstream: str
) -> None:
    said = (user("Hello"), assistant("Hi."), user("So?"), system("Be kind."), user("Go on."))
    body = house.send(client, MODELS[upstream], conversation(client, *said))
    native = upstream in {C, R}
    wanted = "system: Be kind." if native else "user: <system>Be kind.</system>"
    assert outline(upstream, body) == ["user: Hello", "assistant: Hi.", "user: So?", wanted, "user: Go on."]
    reply = house.ask(client, MODELS[upstream], conversation(client, *said))
    assert losses(reply) == ({} if native else {"system_in_place": "emulated"})


@pytest.mark.parametrize("client", [C, R])
def test_statement_016_claude_models_that_take_them_get_later_instructions_natively(
    house: House, client: str
) -> None:
    said = (user("Hello"), system("Be kind."), assistant("Hi."), user("So?"))
    body = house.send(client, OPUS, conversation(client, *said))
    assert outline(A, body) == ["user: Hello", "system: Be kind.", "assistant: Hi.", "user: So?"]


@to_strict_vendors
def test_statement_017_empty_texts_are_not_sent(house: House, client: str, upstream: str) -> None:
    said = (
        user(""),
        assistant("", "Yes?"),
        user("", "Hello", ""),
        assistant("", Call("c1", "look", NEAR)),
        user(Result("c1", "", "look"), ""),
        assistant(""),
        user("Well?"),
    )
    body = house.send(client, MODELS[upstream], conversation(client, *said, tools=[tool(client, "look")]))
    assert all(not line.endswith(": ") for line in outline(upstream, body) if line != "result: ")
    assert '"text":""' not in house.raw.decode()
    lines = outline(upstream, body)
    assert lines[:2] == ["user: (empty message)", "assistant: Yes?"]
    assert {"user: Hello", f"call: {NEAR}", "result: ", "user: Well?"} <= {*lines}


@pytest.mark.parametrize("client", [C, R, G])
@pytest.mark.parametrize("blank", [" ", "\n\t "])
def test_statement_018_a_message_of_white_space_alone_is_replaced_for_anthropic(
    house: House, client: str, blank: str
) -> None:
    said = (user(blank), assistant(blank), user("Hello"), assistant("Hi."), user(blank))
    body = house.send(client, MODELS[A], conversation(client, *said))
    assert outline(A, body) == [
        "user: (empty message)",
        "user: Hello",
        "assistant: Hi.",
        "user: (empty message)",
    ]


@to_strict_vendors
def test_statement_019_neighbours_of_one_role_are_merged(house: House, client: str, upstream: str) -> None:
    said = (
        user("One."),
        user("Two."),
        assistant("Three."),
        assistant(Call("c1", "look", NEAR)),
        user(Result("c1", "seen", "look")),
        user("Four."),
        user("Five."),
    )
    body = house.send(client, MODELS[upstream], conversation(client, *said, tools=[tool(client, "look")]))
    turns = [
        (str(one["role"]), len(objects(one, "content" if upstream == A else "parts")))
        for one in objects(body, "messages" if upstream == A else "contents")
    ]
    if upstream == A:
        assert turns == [("user", 2), ("assistant", 2), ("user", 3)]
    else:
        # the answers to calls stand alone
        assert turns == [("user", 2), ("model", 2), ("user", 1), ("user", 2)]


def interrupted(client: str) -> Object:
    """Three calls: the answers come in another order, in turns of their own, behind other words."""
    said = (
        user("Hello"),
        assistant(Call("c1", "look", NEAR), Call("c2", "look", FAR), Call("c3", "hear", "{}")),
        user("Wait."),
        user(Result("c3", "noise", "hear")),
        user(Result("c2", "hill", "look")),
        user(Result("c1", "cat", "look")),
        user("Well?"),
    )
    return conversation(client, *said, tools=[tool(client, "look"), tool(client, "hear")])


@pytest.mark.parametrize("client", [C, R, G])
def test_statement_020_all_results_stand_first_in_one_turn_for_anthropic(house: House, client: str) -> None:
    body = house.send(client, MODELS[A], interrupted(client))
    last = objects(body, "messages")[-1]
    assert last["role"] == "user"
    assert [one["type"] for one in objects(last, "content")] == ["tool_result"] * 3 + ["text"] * 2
    assert [str(one["tool_use_id"])[:2] for one in objects(last, "content")[:3]] == ["c1", "c2", "c3"]
    assert outline(A, body)[4:] == [
        "result: cat",
        "result: hill",
        "result: noise",
        "user: Wait.",
        "user: Well?",
    ]


@pytest.mark.parametrize("client", [C, R, A])
@pytest.mark.parametrize("model", [MODELS[G], THINKERS[G]])
def test_statement_021_results_stand_alone_and_in_the_order_of_the_calls_for_google(
    house: House, client: str, model: str
) -> None:
    body = house.send(client, model, interrupted(client))
    kinds = [[next(iter(part)) for part in objects(one, "parts")] for one in objects(body, "contents")]
    assert kinds[1:] == [["functionCall"] * 3, ["functionResponse"] * 3, ["text"] * 2]
    assert outline(G, body)[4:7] == ["result: cat", "result: hill", "result: noise"]


@foreign_pairs
def test_statement_022_a_call_without_a_result_is_answered(house: House, client: str, upstream: str) -> None:
    said = (
        user("Hello"),
        assistant(Call("c1", "look", NEAR), Call("c2", "look", FAR)),
        user(Result("c2", "hill", "look")),
        user("Never mind."),
    )
    request = conversation(client, *said, tools=[tool(client, "look")])
    reply = house.ask(client, MODELS[upstream], request)
    assert reply.status == 200
    assert losses(reply)["unanswered_tool_call"] == "emulated"
    stood_in = "[no result: tool call was not completed]"
    error = "" if upstream in {A, G} else "[tool error] "
    assert outline(upstream, house.received) == [
        "user: Hello",
        f"call: {NEAR}",
        f"call: {FAR}",
        f"result: {error}{stood_in}",
        "result: hill",
        "user: Never mind.",
    ]


@foreign_pairs
def test_statement_022_a_result_without_a_call_becomes_text(house: House, client: str, upstream: str) -> None:
    said = (
        user("Hello"),
        assistant(Call("c1", "look", NEAR)),
        user(Result("c1", "cat", "look")),
        user(Result("c9", "dog", "look")),
        user("Well?"),
    )
    request = conversation(client, *said, tools=[tool(client, "look")])
    reply = house.ask(client, MODELS[upstream], request)
    assert reply.status == 200, reply
    assert losses(reply) == {"orphan_tool_result": "emulated"}
    assert outline(upstream, house.received)[-4:] == [
        "result: cat",
        "user: [tool result]",
        "user: dog",
        "user: Well?",
    ]


@pytest.mark.parametrize("client", [C, R, A])
def test_statement_023_a_history_that_begins_with_a_call_begins_with_the_user_for_google(
    house: House, client: str
) -> None:
    said = (assistant(Call("c1", "look", NEAR)), user(Result("c1", "cat", "look")), user("Well?"))
    body = house.send(client, MODELS[G], conversation(client, *said, tools=[tool(client, "look")]))
    assert outline(G, body)[:2] == ["user: (conversation start)", f"call: {NEAR}"]
    body = house.send(client, MODELS[G], conversation(client, assistant("Hi."), user("Hello")))
    assert outline(G, body) == ["assistant: Hi.", "user: Hello"]


@pytest.mark.parametrize(("client", "model"), apart(MODELS[A], OPUS, FLASH))
def test_statement_024_a_history_that_ends_with_the_model_goes_on_with_the_user(
    house: House, client: str, model: str
) -> None:
    """Anthropic's own clients mean the beginning of the answer by it: see statement 25. In the formats of
    Responses and of Google, one answer may be several items or contents, so that nothing tells two
    answers in a row apart: there the words do not stay for the next request.
    """
    upstream = model.partition("/")[0]
    said = (user("Hello"), assistant("Once upon a time"))
    reply = house.ask(client, model, conversation(client, *said))
    assert reply.status == 200
    assert losses(reply) == {"trailing_assistant": "emulated"}
    lines = outline(upstream, house.received)
    assert lines == ["user: Hello", "assistant: Once upon a time", "user: Continue."]
    if client in {R, G}:
        return
    # and so it stands in the next request, which holds the answer
    longer = (*said, assistant("there was"), user("Go on."))
    assert outline(upstream, house.send(client, model, conversation(client, *longer)))[:3] == lines


@pytest.mark.parametrize(("client", "upstream"), [pair for pair in FOREIGN if pair[1] != A])
def test_statement_024_where_a_history_may_end_with_the_model_it_does(
    house: House, client: str, upstream: str
) -> None:
    said = (user("Hello"), assistant("Once upon a time"))
    reply = house.ask(client, MODELS[upstream], conversation(client, *said))
    assert outline(upstream, house.received) == ["user: Hello", "assistant: Once upon a time"]
    assert bool(losses(reply)) is (client == A)  # which would have had it continued


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("blocks", [("I say \n",), ("I", " say "), ("I say", "  ")])
def test_statement_025_a_prefill_loses_the_white_space_at_its_end(
    house: House, stream: bool, blocks: tuple[str, ...]
) -> None:
    said = (user("Hello "), assistant(*blocks))
    body = house.send(A, MODELS[A], conversation(A, *said), stream=stream)
    lines = outline(A, body)
    assert lines[0] == "user: Hello "
    assert "".join(line.removeprefix("assistant: ") for line in lines[1:]) == "".join(blocks).rstrip()
    # it is no prefill where something follows
    body = house.send(A, MODELS[A], conversation(A, *said, user("Go on.")), stream=stream)
    assert outline(A, body)[1 : len(blocks) + 1] == [f"assistant: {text}" for text in blocks]


@pytest.mark.parametrize("stream", [False, True])
def test_statement_026_the_order_of_an_answer_survives_from_anthropic_to_responses_and_back(
    house: House, stream: bool
) -> None:
    signatures = [issue_signature(A, profile_of(MODELS[A]).family, text) for text in ("One.", "Three.")]
    blocks = (
        Thinking("One.", Signature(A, "", signatures[0])),
        Text("Two."),
        Thinking("Three.", Signature(A, "", signatures[1])),
        ToolCall("toolu_1", "look", NEAR),
        ToolCall("toolu_2", "look", FAR),
    )
    house.fake.script.add(answering(*blocks, reason=StopReason.TOOL_CALLS))
    asked: list[JSON] = [{"role": "user", "content": "Hello"}]
    rest: Object = {"tools": [tool(R, "look")], "reasoning": {"effort": "high", "summary": "auto"}}
    reply = house.ask(R, MODELS[A], {**rest, "input": asked}, stream=stream)
    items = objects(finished(reply.body) if stream else reply.object, "output")
    assert [one["type"] for one in items] == [
        "reasoning",
        "message",
        "reasoning",
        "function_call",
        "function_call",
    ]
    answers: list[JSON] = [
        {"type": "function_call_output", "call_id": one["call_id"], "output": "seen"} for one in items[3:]
    ]
    body = house.send(R, MODELS[A], {**rest, "input": [*asked, *items, *answers]})
    said = [piece for role, piece in pieces(A, body) if role == "assistant"]
    assert said == [
        {"type": "thinking", "thinking": "One.", "signature": signatures[0]},
        {"type": "text", "text": "Two."},
        {"type": "thinking", "thinking": "Three.", "signature": signatures[1]},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"text": "near"}},
        {"type": "tool_use", "id": "toolu_2", "name": "look", "input": {"text": "far"}},
    ]


PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SEEN: dict[str, JSON] = {
    R: [
        {"type": "input_text", "text": "seen"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"},
    ],
    A: [
        {"type": "text", "text": "seen"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}},
    ],
}
"""A result with a picture, in the words of the clients that have such results beside Google's."""


def pictured(client: str) -> Object:
    said = [user("Hello"), assistant(Call("c1", "look", NEAR)), user("Well?")]
    if client != G:
        said.insert(2, user(Result("c1", SEEN[client])))
        return conversation(client, *said, tools=[tool(client, "look")])
    body = conversation(client, *said, tools=[tool(client, "look")])
    media: Object = {"inlineData": {"mimeType": "image/png", "data": PICTURE}}
    response: Object = {"name": "look", "id": "c1", "response": {"output": "seen"}, "parts": [media]}
    contents = objects(body, "contents")
    turns: list[JSON] = [
        *contents[:2],
        {"role": "user", "parts": [{"functionResponse": response}]},
        *contents[2:],
    ]
    return {**body, "contents": turns}


@pytest.mark.parametrize("client", [R, A, G])
def test_statement_027_pictures_in_results_follow_them_in_chat_completions(house: House, client: str) -> None:
    body = house.send(client, MODELS[C], pictured(client))
    assert outline(C, body)[2:] == [
        "result: seen\n(see attached content for tool call c1)",
        "user: Attached content for tool call c1:",
        "user: (image)",
        "user: Well?",
    ]
    assert house.raw.count(PICTURE.encode()) == 1


@pytest.mark.parametrize(
    ("client", "model"),
    [
        (client, model)
        for client, own in ((R, R), (A, A), (G, G))
        for upstream, model in ((R, MODELS[R]), (A, MODELS[A]), (G, THINKERS[G]))
        if own != upstream
    ],
)
def test_statement_027_pictures_stay_in_results_where_these_can_hold_them(
    house: House, client: str, model: str
) -> None:
    upstream = model.partition("/")[0]
    reply = house.ask(client, model, pictured(client))
    assert reply.status == 200
    assert "tool_result_media" not in losses(reply)
    results = {
        R: "function_call_output",
        A: "tool_result",
        G: "functionResponse",
    }
    (result,) = [piece for _, piece in pieces(upstream, house.received) if results[upstream] in str(piece)]
    assert PICTURE in str(result)
    assert house.raw.count(PICTURE.encode()) == 1


@pytest.mark.parametrize("client", [R, A])
def test_statement_027_pictures_in_results_follow_them_for_older_models_of_google(
    house: House, client: str
) -> None:
    body = house.send(client, MODELS[G], pictured(client))
    assert outline(G, body)[2:] == [
        "result: seen",
        "user: (attached by the result of look)",
        "user: (inlineData)",
        "user: Well?",
    ]


FILE: dict[str, dict[str, Object]] = {
    C: {"messages[0].content[1]": {"type": "file", "file": {"file_id": "file-1"}}},
    R: {
        "input[0].content[1]": {"type": "input_file", "file_id": "file-1"},
        "input[0].content[1] ": {"type": "input_image", "file_id": "file-1"},
    },
    A: {
        "messages[0].content[1]": {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        "messages[0].content[1] ": {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        "messages[0].content[1]  ": {"type": "container_upload", "file_id": "file_1"},
    },
    G: {
        "contents[0].parts[1]": {"fileData": {"mimeType": "image/png", "fileUri": "gs://bucket/x.png"}},
        "contents[0].parts[1] ": {
            "fileData": {
                "mimeType": "image/png",
                "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc",
            }
        },
    },
}
STATE: dict[str, Object] = {
    C: {},
    R: {
        "conversation": "conv_1",
        "prompt": {"id": "pmpt_1"},
        "previous_response_id": "resp_1",
        "background": True,
    },
    A: {"container": "container_1"},
    G: {"cachedContent": "cachedContents/1"},
}
SERVER_TOOLS: dict[str, list[Object]] = {
    C: [],
    R: [
        {"type": "file_search", "vector_store_ids": ["vs_1"]},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "mcp", "server_label": "x", "server_url": "https://example.com"},
        {"type": "image_generation"},
    ],
    A: [
        {"type": "code_execution_20250825", "name": "code_execution"},
        {"type": "web_fetch_20250910", "name": "web_fetch"},
    ],
    G: [{"codeExecution": {}}, {"urlContext": {}}, {"googleMaps": {}}],
}


def foreign_content(client: str) -> list[tuple[str, Object]]:
    """Requests with what only the client's own vendor can read or run, and where it stands."""
    plain = conversation(client, user("Hello"))
    found: list[tuple[str, Object]] = []
    for place, block in FILE[client].items():
        if client == G:
            parts: list[JSON] = [{"text": "Hello"}, block]
            turn: Object = {"role": "user", "parts": parts}
        else:
            text = "input_text" if client == R else "text"
            content: list[JSON] = [{"type": text, "text": "Hello"}, block]
            turn = {"role": "user", "content": content}
        turns: list[JSON] = [turn]
        found.append((place.strip(), {**plain, turns_of(client): turns}))
    found += [(name, {**plain, name: value}) for name, value in STATE[client].items()]
    for declaration in SERVER_TOOLS[client]:
        tools: list[JSON] = [*declared(client), declaration]
        found.append(("tools[1]", {**plain, "tools": tools}))
    match client:
        case "openai_chat":
            said: list[JSON] = [
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "audio": {"id": "audio_1"}},
                {"role": "user", "content": "Go on."},
            ]
            found.append(("messages[1].audio", {"messages": said}))
            parts: list[JSON] = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]
            file: JSON = [{"type": "file", "file": {"file_id": "file-1"}}]
            turns: list[JSON] = [
                {"role": "system", "content": parts},
                {"role": "developer", "content": "Go."},
                {"role": "user", "content": file},
            ]
            found.append(("messages[2].content[0]", {"messages": turns}))
        case "openai_responses":
            items: list[JSON] = [{"role": "user", "content": "Hi"}, {"type": "item_reference", "id": "msg_1"}]
            found.append(("input[1]", {"input": items}))
        case "anthropic":
            server: Object = {"type": "url", "url": "https://example.com", "name": "x"}
            servers: list[JSON] = [server]
            found.append(("mcp_servers", {**plain, "mcp_servers": servers}))
        case _:
            pass
    return found


def turns_of(client: str) -> str:
    return {R: "input", G: "contents"}.get(client, "messages")


def declared(client: str) -> list[JSON]:
    tools = conversation(client, tools=[tool(client, "look")])["tools"]
    assert isinstance(tools, list)
    return tools


@foreign_pairs
def test_statement_028_what_only_another_vendor_can_read_or_run_is_refused_by_its_place(
    house: House, client: str, upstream: str
) -> None:
    """OpenAI's two formats share their files; everything else is of one format alone."""
    for place, request in foreign_content(client):
        if {client, upstream} == {C, R} and ("file_id" in str(request) and "input_image" not in str(request)):
            assert house.ask(client, MODELS[upstream], request).status == 200
            house.fake.script.clear()
            continue
        for stream in (False, True):
            reply = house.ask(client, MODELS[upstream], request, stream=stream)
            assert reply.status == 400, (place, reply)
            error = reply.object["error"]
            assert isinstance(error, dict)
            match client:
                case "anthropic":
                    assert str(error["message"]).startswith(f"'{place}': ")
                case "gemini":
                    assert f"'field': '{place}'" in str(error["details"])
                case _:
                    assert error["param"] == place
        assert house.count == 0
