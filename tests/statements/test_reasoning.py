"""Statements 61 to 68: reasoning goes back to whoever wrote it, unaltered, and to nobody else."""

import json
import secrets

import pytest
from tests.live.answers import saying
from tests.statements.asking import (
    CLIENTS,
    MODELS,
    THINKERS,
    A,
    C,
    Call,
    G,
    House,
    R,
    Result,
    Turn,
    assistant,
    conversation,
    objects,
    tool,
    user,
)
from tests.statements.thinking import (
    SECRET,
    SIGNING,
    Loop,
    asking,
    signed_answer,
    traces,
    wire_blocks,
    written_blocks,
)
from tests.statements.wishes import answered

from dragoman.conformance.answer_openai_chat import documented
from dragoman.models.profile import profile_of
from dragoman.testing.exchange import Answer, Chunk
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.signatures import issue_signature

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
every_loop = pytest.mark.parametrize(
    ("client", "upstream"), [(client, up) for client in CLIENTS for up in SIGNING]
)


@both_ways
@every_loop
def test_statement_061_signed_reasoning_comes_back_byte_exact_and_in_position(
    house: House, client: str, upstream: str, stream: bool
) -> None:
    model = THINKERS[upstream]
    signed = signed_answer(upstream)
    house.fake.script.add(signed.response)
    loop = Loop(house, client, stream=stream)
    answer = loop.ask(model)
    assert len(answer.calls) == 2
    loop.tell(answer)
    house.fake.script.add(saying("Done."))
    assert loop.ask(model).text == "Done."
    wanted = written_blocks(upstream, signed.values)
    assert wire_blocks(upstream, house.received) == wanted
    # and once more, when the turn is history
    loop.say("And now?")
    house.fake.script.add(saying("Nothing."))
    assert loop.ask(model).text == "Nothing."
    assert wire_blocks(upstream, house.received) == wanted


@both_ways
@every_loop
def test_statement_061_what_the_demo_model_signs_it_takes_back(
    house: House, client: str, upstream: str, stream: bool
) -> None:
    loop = Loop(house, client, stream=stream)
    for _ in range(3):
        loop.say("Please look at Oslo.")
        answer = loop.ask(THINKERS[upstream])
        assert [call.name for call in answer.calls] == ["look"]
        loop.tell(answer)
        assert "seen 1" in loop.ask(THINKERS[upstream]).text


MOVES = [
    (client, upstream, other)
    for client in CLIENTS
    for upstream in SIGNING
    for other in (C, *SIGNING)
    if other != upstream
]


@both_ways
@pytest.mark.parametrize(("client", "upstream", "other"), MOVES)
def test_statement_062_and_063_another_vendor_gets_no_trace_of_it(
    house: House, client: str, upstream: str, other: str, stream: bool
) -> None:
    signed = signed_answer(upstream)
    house.fake.script.add(signed.response)
    loop = Loop(house, client, stream=stream)
    answer = loop.ask(THINKERS[upstream])
    assert SECRET not in answer.text
    loop.tell(answer)
    house.fake.script.add(saying("Done."))
    assert loop.ask(THINKERS[other]).text == "Done."
    assert SECRET.encode() not in house.raw
    assert [trace for trace in traces(signed.values) if trace in house.raw] == []
    # back at the first vendor, it is all there
    loop.say("And now?")
    house.fake.script.add(saying("Nothing."))
    loop.ask(THINKERS[upstream])
    assert [value for value in signed.values if value.encode() not in house.raw] == []


@both_ways
@pytest.mark.parametrize("upstream", SIGNING)
def test_statement_061_a_client_that_keeps_documented_fields_only_is_made_good(
    house: House, upstream: str, stream: bool
) -> None:
    signed = signed_answer(upstream)
    house.fake.script.add(signed.response)
    loop = Loop(house, C, stream=stream)
    answer = loop.ask(THINKERS[upstream])
    loop.said = [documented(message) for message in answer.echo]
    assert [trace for trace in traces(signed.values) if trace in str(loop.said).encode()] == []
    loop.tell(answer)
    house.fake.script.add(saying("Done."))
    assert loop.ask(THINKERS[upstream]).text == "Done."
    assert wire_blocks(upstream, house.received) == written_blocks(upstream, signed.values)


OTHER_FAMILIES = {A: "claude-opus-4-7", G: "gemini-2.5-flash", R: "gpt-5.2"}


@pytest.mark.parametrize(
    ("client", "upstream"), [(client, up) for client in CLIENTS for up in (A, G) if client != up]
)
def test_statement_062_another_family_of_the_same_vendor_gets_none_either(
    house: House, client: str, upstream: str
) -> None:
    signed = signed_answer(upstream)
    house.fake.script.add(signed.response)
    loop = Loop(house, client)
    loop.tell(loop.ask(THINKERS[upstream]))
    loop.ask(f"{upstream}/{OTHER_FAMILIES[upstream]}")
    assert [trace for trace in traces(signed.values) if trace in house.raw] == []


@both_ways
@pytest.mark.parametrize(
    ("client", "upstream", "other"),
    [(client, one, two) for client in CLIENTS for one in SIGNING for two in SIGNING if one != two],
)
def test_statement_062_of_two_vendors_in_one_conversation_each_gets_its_own(
    house: House, client: str, upstream: str, other: str, stream: bool
) -> None:
    loop = Loop(house, client, stream=stream)
    values: dict[str, tuple[str, ...]] = {}
    for vendor in (upstream, other):
        signed = signed_answer(vendor)
        values[vendor] = signed.values
        house.fake.script.add(signed.response)
        loop.tell(loop.ask(THINKERS[vendor]))
    for vendor, stranger in ((upstream, other), (other, upstream)):
        house.fake.script.add(saying("Done."))
        assert loop.ask(THINKERS[vendor]).text == "Done."
        assert [value for value in values[vendor] if value.encode() not in house.raw] == []
        assert [trace for trace in traces(values[stranger]) if trace in house.raw] == []
        loop.say("And now?")


# --- what other gateways write -------------------------------------------------------------------

ARGUMENTS = '{"text":"1"}'


def conventional(slot: str, value: str, *, call_id: str = "call_77") -> Object:
    """A message with Google's signature of its call, in the way of one of the other gateways."""
    function: Object = {"name": "look", "arguments": ARGUMENTS}
    call: Object = {"id": call_id, "type": "function", "function": function}
    message: Object = {"role": "assistant", "content": None, "tool_calls": [call]}
    detail: Object = {"type": "reasoning.encrypted", "data": value, "format": "google-gemini-v1", "index": 0}
    match slot:
        case "extra_content":
            call["extra_content"] = {"google": {"thought_signature": value}}
        case "provider_specific_fields":
            call["provider_specific_fields"] = {"thought_signature": value}
        case "id":
            call["id"] = f"{call_id}__thought__{value}"
        case "function":
            function["thought_signature"] = value
        case "reasoning_details by id":
            message["reasoning_details"] = [{**detail, "id": call_id}]
        case _:
            message["reasoning_details"] = [detail]
    return message


GOOGLES_WAYS = (
    "extra_content",
    "provider_specific_fields",
    "id",
    "function",
    "reasoning_details by id",
    "reasoning_details",
)


def after(message: Object) -> list[JSON]:
    """A message with a call, and the result of the call."""
    call = objects(message, "tool_calls")[0]
    return [message, {"role": "tool", "tool_call_id": call["id"], "content": "seen"}]


@pytest.mark.parametrize("slot", GOOGLES_WAYS)
@pytest.mark.parametrize("upstream", SIGNING)
def test_statement_061_googles_signatures_are_read_from_everybodys_slots(
    house: House, slot: str, upstream: str
) -> None:
    value = issue_signature(G, profile_of(THINKERS[G]).family)
    reply = house.ask(C, THINKERS[upstream], asking(C, *after(conventional(slot, value))))
    assert answered(C, reply).text
    assert house.count == 1
    if upstream == G:
        assert wire_blocks(G, house.received) == [("functionCall", value)]
    else:
        assert [trace for trace in traces((value,)) if trace in house.raw] == []
        assert b"__thought__" not in house.raw


def anthropics(slot: str, text: str, value: str, hidden: str) -> Object:
    """A message with Anthropic's reasoning, in the way of one of the other gateways."""
    call: Object = {"id": "call_77", "type": "function", "function": {"name": "look", "arguments": ARGUMENTS}}
    message: Object = {"role": "assistant", "content": "I look.", "tool_calls": [call]}
    thinking: Object = {"type": "thinking", "thinking": text, "signature": value}
    redacted: Object = {"type": "redacted_thinking", "data": hidden}
    match slot:
        case "thinking_blocks":
            message |= {"thinking_blocks": [thinking, redacted], "reasoning_content": text}
        case "content_blocks":
            message["content_blocks"] = [thinking, redacted, {"type": "text", "text": "I look."}]
        case _:
            common: Object = {"format": "anthropic-claude-v1"}
            message["reasoning_details"] = [
                {"type": "reasoning.text", "text": text, "signature": value, "index": 0, **common},
                {"type": "reasoning.encrypted", "data": hidden, "index": 1, **common},
            ]
    return message


@pytest.mark.parametrize("slot", ["thinking_blocks", "content_blocks", "reasoning_details"])
@pytest.mark.parametrize("upstream", [R, A, G])
def test_statement_061_anthropics_reasoning_is_read_from_everybodys_slots(
    house: House, slot: str, upstream: str
) -> None:
    family = profile_of(THINKERS[A]).family
    value, hidden = issue_signature(A, family, SECRET), issue_signature(A, family, "")
    message = anthropics(slot, SECRET, value, hidden)
    assert answered(C, house.ask(C, THINKERS[upstream], asking(C, *after(message)))).text
    assert house.count == 1
    if upstream == A:
        assert wire_blocks(A, house.received) == [
            ("thinking", value),
            ("redacted_thinking", hidden),
            ("text", "I look."),
            ("tool_use", ""),
        ]
    else:
        assert [trace for trace in traces((value, hidden)) if trace in house.raw] == []
        assert SECRET.encode() not in house.raw


@pytest.mark.parametrize("upstream", [R, A, G])
def test_statement_061_openais_reasoning_is_read_from_reasoning_details(house: House, upstream: str) -> None:
    value = issue_signature(R, profile_of(THINKERS[R]).family)
    common: Object = {"format": "openai-responses-v1", "index": 0}
    call: Object = {"id": "call_77", "type": "function", "function": {"name": "look", "arguments": ARGUMENTS}}
    details: list[JSON] = [
        {"type": "reasoning.summary", "summary": SECRET, **common},
        {"type": "reasoning.encrypted", "data": value, "id": "rs_0f1e2d3c4b5a", **common},
    ]
    message: Object = {
        "role": "assistant",
        "content": None,
        "tool_calls": [call],
        "reasoning_details": details,
    }
    assert answered(C, house.ask(C, THINKERS[upstream], asking(C, *after(message)))).text
    assert house.count == 1
    if upstream == R:
        reasoning = objects(house.received, "input")[1]
        assert (reasoning["encrypted_content"], reasoning.get("id")) == (value, "rs_0f1e2d3c4b5a")
        assert wire_blocks(R, house.received) == [("reasoning", value), ("function_call", "")]
    else:
        assert [trace for trace in traces((value,)) if trace in house.raw] == []
        assert SECRET.encode() not in house.raw


# --- hidden reasoning ----------------------------------------------------------------------------


@both_ways
@every_loop
def test_statement_063_reasoning_is_never_visible_text(
    house: House, client: str, upstream: str, stream: bool
) -> None:
    house.fake.script.add(signed_answer(upstream).response)
    answer = Loop(house, client, stream=stream).ask(THINKERS[upstream])
    assert answer.text == "I look twice."


# --- Google's placeholder ------------------------------------------------------------------------

PLACEHOLDER = "skip_thought_signature_validator"


def unsigned_history(client: str) -> Object:
    """Two calls in an earlier turn, and two steps of two calls each in the current one, all unsigned."""

    def step(number: int) -> list[Turn]:
        ids = [f"toolu_{number}_{place}" for place in (1, 2)]
        calls = [Call(own, "look", ARGUMENTS) for own in ids]
        return [assistant(*calls), user(*(Result(own, "seen", "look") for own in ids))]

    turns = [user("Look."), *step(1), assistant("I did."), user("Again."), *step(2), *step(3)]
    return conversation(client, *turns, tools=[tool(client, "look")])


@pytest.mark.parametrize("client", [C, R, A])
def test_statement_064_the_placeholder_stands_on_each_first_call_of_the_current_turn_only(
    house: House, client: str
) -> None:
    answered(client, house.ask(client, THINKERS[G], unsigned_history(client)))
    assert house.count == 1
    found = [
        [str(part.get("thoughtSignature", "")) for part in objects(content, "parts")]
        for content in objects(house.received, "contents")
        if content["role"] == "model"
    ]
    assert found == [["", ""], [""], [PLACEHOLDER, ""], [PLACEHOLDER, ""]]


@pytest.mark.parametrize("client", [C, R, A])
def test_statement_064_models_that_sign_nothing_get_no_placeholder(house: House, client: str) -> None:
    answered(client, house.ask(client, MODELS[G], unsigned_history(client)))
    assert b"thoughtSignature" not in house.raw


@pytest.mark.parametrize("client", CLIENTS)
def test_statement_064_a_signature_that_there_is_needs_no_placeholder(house: House, client: str) -> None:
    loop = Loop(house, client)
    loop.tell(loop.ask(THINKERS[G]))
    loop.ask(THINKERS[G])
    assert PLACEHOLDER.encode() not in house.raw


def signed_texts(value: str, *, called: bool) -> Answer:
    """Google's stream whose signature comes on a part with empty text."""
    parts: list[Object] = [{"text": "Good "}, {"text": "evening."}, {"text": "", "thoughtSignature": value}]
    if called:
        call: Object = {"name": "look", "args": {"text": "1"}, "id": f"c{secrets.token_hex(6)}"}
        parts.append({"functionCall": call, "thoughtSignature": value})
    usage: Object = {"promptTokenCount": 5, "candidatesTokenCount": 9, "totalTokenCount": 14}
    frames: list[bytes] = []
    for place, part in enumerate(parts):
        last: Object = {"finishReason": "STOP"} if place == len(parts) - 1 else {}
        candidate: Object = {"content": {"parts": [part], "role": "model"}, "index": 0, **last}
        chunk: Object = {
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": "m",
            "responseId": "r",
        }
        frames.append(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    chunks = tuple(Chunk(0.0, frame) for frame in frames)
    return Answer(200, {"content-type": "text/event-stream"}, chunks, streamed=True)


@pytest.mark.parametrize("called", [False, True], ids=["at the end", "before a call"])
@pytest.mark.parametrize("client", CLIENTS)
def test_statement_065_a_signature_on_empty_text_is_kept(house: House, client: str, called: bool) -> None:
    """Anthropic's format has no place for one behind an answer's last text: there it is remembered."""
    value = issue_signature(G, profile_of(THINKERS[G]).family)
    house.fake.script.add(signed_texts(value, called=called))
    loop = Loop(house, client, stream=True)
    answer = loop.ask(THINKERS[G])
    assert answer.text == "Good evening."
    if called:
        loop.tell(answer)
    else:
        loop.say("And?")
    house.fake.script.add(saying("Done."))
    assert loop.ask(THINKERS[G]).text == "Done."
    parts = objects(house.received, "contents", 1, "parts")
    signed = [str(part["text"]) for part in parts if "text" in part and part.get("thoughtSignature") == value]
    assert len(signed) == 1
    assert signed[0] in {"", "evening.", "Good evening."}
