"""What a request needs is read off it, wherever in it that stands."""

import pytest

from dragoman.conversation.blocks import Block, Image, Inline, Text, ToolResult
from dragoman.conversation.request import FunctionTool, Message, OutputFormat, OutputMode, Request, Role
from dragoman.routing.needs import Needs, needs_of

PICTURE = Image(Inline("image/png", "AAAA"))


def asked(
    *blocks: Block, tools: tuple[FunctionTool, ...] = (), output: OutputFormat | None = None
) -> Request:
    return Request("any", "any", (Message(Role.USER, blocks),), tools=tools, output=output)


def test_a_plain_question_needs_nothing_but_its_tokens() -> None:
    needs = needs_of(asked(Text("word " * 1000)), (), stream=False)
    assert 500 < needs.input_tokens < 2000
    assert needs == Needs(input_tokens=needs.input_tokens)


@pytest.mark.parametrize("block", [PICTURE, ToolResult("1", (Text("here"), PICTURE))])
def test_pictures_are_found_in_messages_and_in_what_tools_answered(block: Block) -> None:
    assert needs_of(asked(Text("look"), block), (), stream=False).images


def test_tools_schemas_streams_and_tags_are_told() -> None:
    request = asked(
        Text("hello"),
        tools=(FunctionTool("look_up"),),
        output=OutputFormat(OutputMode.JSON_SCHEMA, b"{}"),
    )
    needs = needs_of(request, ["gold", "gold"], stream=True)
    assert (needs.tools, needs.json_schema, needs.stream) == (True, True, True)
    assert needs.tags == frozenset({"gold"})


def test_json_without_a_schema_is_no_schema() -> None:
    others = [mode for mode in OutputMode if mode is not OutputMode.JSON_SCHEMA]
    for mode in others:
        request = asked(Text("hello"), output=OutputFormat(mode))
        assert not needs_of(request, (), stream=False).json_schema
