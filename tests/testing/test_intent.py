"""What the demo model reads from a conversation."""

import pytest

from dragoman.conversation.blocks import Text, ToolCall, ToolResult
from dragoman.conversation.request import Message, Request, Role
from dragoman.testing.intent import names_in, read_intent


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("What is the weather in Paris?", ("Paris",)),
        ("Paris weather, please", ("Paris",)),
        ("Compare Paris, New York and Paris", ("Paris", "New York")),
        ("Weather in Paris? Rome is nice. Then Oslo", ("Paris", "Oslo")),
        ("Find 'red shoes' in Rome", ("red shoes",)),
        ('Look up "cats" and "dogs"', ("cats", "dogs")),
        ("What's Ada's age?", ("Ada",)),
        ("tell me about the moon and the sun", ("the moon", "the sun")),
        ("How are you?", ()),
        ("", ()),
    ],
)
def test_names_are_found(text: str, names: tuple[str, ...]) -> None:
    assert names_in(text) == names


def test_only_the_last_turn_of_the_user_counts() -> None:
    messages = (
        Message(Role.USER, (Text("first"),)),
        Message(Role.ASSISTANT, (ToolCall("a", "f", "{}"),)),
        Message(Role.USER, (ToolResult("a", (Text("5"),)),)),
        Message(Role.SYSTEM, (Text("Be brief."),)),
        Message(Role.USER, (Text("second"), Text(" "), Text("third"))),
    )

    intent = read_intent(Request("openai_chat", "demo", messages))

    assert intent.text == "second\nthird"
    assert [name for name, _ in intent.results] == ["f"]


def test_a_trailing_answer_is_looked_past() -> None:
    messages = (Message(Role.USER, (Text("go"),)), Message(Role.ASSISTANT, (Text("So"),)))

    assert read_intent(Request("openai_chat", "demo", messages)).text == "go"
