"""Free-text tools as functions."""

import json

from dragoman.conversation.loss import Loss, LossKind
from dragoman.conversation.request import CustomTool, FunctionTool, Request
from dragoman.dialects.custom_tools import as_function, custom_tools


def test_a_function_with_one_string_stands_for_the_tool() -> None:
    losses: list[Loss] = []
    function = as_function(CustomTool("patch", "applies a patch"), "tools[1]", losses)
    assert (function.name, function.description) == ("patch", "applies a patch")
    assert json.loads(function.parameters or b"") == {
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
    }
    assert [(loss.kind, loss.code, loss.path) for loss in losses] == [
        (LossKind.EMULATED, "custom_tool", "$.tools[1]")
    ]


def test_a_grammar_is_described() -> None:
    losses: list[Loss] = []
    function = as_function(CustomTool("sh", None, b'{"type":"grammar"}'), "tools[0]", losses)
    assert function.description == 'Format of the input: {"type":"grammar"}'
    assert [loss.code for loss in losses] == ["custom_tool", "custom_tool_format"]


def test_names_of_free_text_tools_are_the_clients() -> None:
    request = Request("openai_chat", "m", (), tools=(CustomTool("a.b"), FunctionTool("f")))
    assert custom_tools(request) == {"a.b"}
