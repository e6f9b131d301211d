"""Reasoning that a client does not send back is put back where it stood, for that client alone."""

import msgspec
import pytest

from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall, ToolResult
from dragoman.conversation.fold import unfold
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import Message, Request, Role
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.gateway.signature_memory import MOST_ASKED, SignatureListener, keys, recalled

SIGNED = Thinking("I need a.", Signature("anthropic", "a/f", "sig-1"))
HIDDEN = Thinking("", Signature("anthropic", "a/f", "sig-2"), redacted=True)
CALL = ToolCall("call_1", "look", '{"x": 1}')
SECOND = ToolCall("call_2", "look", "{}", signature=Signature("gemini", "g/f", "sig-3"))
GO = Message(Role.USER, (Text("go"),))


def kept(*blocks: Block, client: str = "me") -> dict[str, bytes]:
    listener = SignatureListener(client, Request("openai_chat", "m", (GO,)))
    answer = Response("r", "m", (Choice(0, blocks, Stop(StopReason.TOOL_CALLS)),))
    for event in unfold(answer):
        listener(event)
    return listener.kept


def next_request(*blocks: Block) -> Request:
    turn = Message(Role.ASSISTANT, blocks)
    results = tuple(ToolResult(block.id, (Text("r"),)) for block in blocks if isinstance(block, ToolCall))
    return Request("openai_chat", "m", (GO, turn, Message(Role.USER, results)))


def restored(request: Request, memory: dict[str, bytes], client: str = "me") -> tuple[Block, ...]:
    found = [memory.get(key) for key in keys(request, client)]
    return recalled(request, found).messages[1].blocks


def without_signature(call: ToolCall) -> ToolCall:
    return ToolCall(call.id, call.name, call.arguments)


def test_signed_reasoning_comes_back_before_its_call() -> None:
    memory = kept(SIGNED, HIDDEN, Text("Let me see."), CALL)
    assert restored(next_request(Text("Let me see."), CALL), memory) == (
        SIGNED,
        HIDDEN,
        Text("Let me see."),
        CALL,
    )


def test_reasoning_comes_back_among_the_text_where_it_stood() -> None:
    answer = (SIGNED, Text("Let me see. "), HIDDEN, Text("So."), CALL)
    memory = kept(*answer)
    assert restored(next_request(Text("Let me see. So."), CALL), memory) == answer
    assert restored(next_request(Text("Let me see. "), Text("So."), CALL), memory) == answer
    # a client that shortened its text has the rest before the call all the same
    assert restored(next_request(Text("Let"), CALL), memory) == (SIGNED, Text("Let"), HIDDEN, CALL)


def test_places_are_counted_from_the_call_before() -> None:
    answer = (Text("One. "), CALL, Text("Two. "), SIGNED, Text("Three."), without_signature(SECOND))
    memory = kept(*answer)
    back = next_request(Text("One. "), CALL, Text("Two. Three."), without_signature(SECOND))
    assert restored(back, memory) == answer


def test_reasoning_that_came_back_stays_where_the_client_has_it() -> None:
    memory = kept(SIGNED, Text("Let me see."), HIDDEN, CALL)
    theirs = (Text("Let"), SIGNED, Text(" me see."), HIDDEN, CALL)
    assert restored(next_request(*theirs), memory) == theirs


def test_a_calls_own_signature_comes_back() -> None:
    memory = kept(CALL, SECOND)
    assert restored(next_request(CALL, without_signature(SECOND)), memory) == (CALL, SECOND)


def test_reasoning_between_calls_stays_between_them() -> None:
    memory = kept(SIGNED, CALL, HIDDEN, SECOND)
    back = restored(next_request(CALL, without_signature(SECOND)), memory)
    assert back == (SIGNED, CALL, HIDDEN, SECOND)


def test_another_client_gets_nothing() -> None:
    memory = kept(SIGNED, CALL)
    assert restored(next_request(CALL), memory, client="somebody else") == (CALL,)


def test_what_the_client_did_send_back_is_not_doubled() -> None:
    memory = kept(SIGNED, CALL)
    assert restored(next_request(SIGNED, CALL), memory) == (SIGNED, CALL)


def test_text_that_was_hidden_from_the_client_comes_back_with_its_signature() -> None:
    memory = kept(SIGNED, CALL)
    shown = Thinking("", SIGNED.signature)
    assert restored(next_request(shown, CALL), memory) == (SIGNED, CALL)


def test_reasoning_text_without_its_signature_gives_way_to_the_original() -> None:
    memory = kept(SIGNED, CALL)
    assert restored(next_request(Thinking("I need a."), CALL), memory) == (SIGNED, CALL)


def test_other_signed_reasoning_of_the_client_is_left_alone() -> None:
    memory = kept(SIGNED, CALL)
    other = Thinking("else", Signature("anthropic", "a/f", "sig-9"))
    assert restored(next_request(other, CALL), memory) == (other, CALL)


def test_a_call_of_the_same_id_but_another_tool_is_another_call() -> None:
    memory = kept(SIGNED, CALL)
    other = ToolCall("call_1", "write", "{}")
    assert restored(next_request(other), memory) == (other,)


def test_unsigned_reasoning_is_not_kept() -> None:
    assert kept(Thinking("just text"), CALL) == {}


def test_the_signature_of_a_text_comes_back_with_the_text() -> None:
    signed = Text("Done.", signature=Signature("gemini", "g/f", "sig-4"))
    memory = kept(Thinking("unsigned"), signed)
    assert restored(next_request(Text("Done.")), memory) == (signed,)
    assert restored(next_request(Text("Done!")), memory) == (Text("Done!"),)
    assert restored(next_request(Text("Done.")), memory, client="somebody else") == (Text("Done."),)


def test_the_same_text_in_another_conversation_has_no_signature() -> None:
    memory = kept(Text("Done.", signature=Signature("gemini", "g/f", "sig-4")))
    turns = (Message(Role.USER, (Text("another"),)), Message(Role.ASSISTANT, (Text("Done."),)))
    request = Request("openai_chat", "m", turns)
    assert [memory.get(key) for key in keys(request, "me")] == [None]


def test_a_signature_that_the_client_sent_with_a_text_is_its_own() -> None:
    memory = kept(Text("Done.", signature=Signature("gemini", "g/f", "sig-4")))
    other = Text("Done.", signature=Signature("gemini", "", "theirs"))
    assert restored(next_request(other), memory) == (other,)


def test_what_another_version_has_left_in_a_shared_memory_is_no_memory() -> None:
    memory = dict.fromkeys(kept(SIGNED, CALL), b'{"thinking": 7}')
    assert restored(next_request(CALL), memory) == (CALL,)


@pytest.mark.parametrize(
    "elsewhere",
    [
        Request("openai_chat", "m", (GO, Message(Role.ASSISTANT, (Text("Hm."),)), GO)),
        Request("openai_chat", "m", (GO,), system=(Text("Be brief."),)),
    ],
)
def test_the_same_words_in_another_conversation_have_another_signature(elsewhere: Request) -> None:
    memory = kept(Text("Done.", signature=Signature("gemini", "g/f", "sig-4")))
    turn = Message(Role.ASSISTANT, (Text("Done."),))
    request = msgspec.structs.replace(elsewhere, messages=(*elsewhere.messages, turn))
    found = [memory.get(key) for key in keys(request, "me")]
    assert recalled(request, found) == request


def test_of_a_very_long_history_the_latest_calls_are_remembered() -> None:
    memory = kept(SECOND)
    early = tuple(ToolCall(f"early_{number}", "look", "{}") for number in range(MOST_ASKED))
    request = next_request(*early, without_signature(SECOND))
    assert len(keys(request, "me")) == MOST_ASKED
    assert restored(request, memory) == (*early, SECOND)
