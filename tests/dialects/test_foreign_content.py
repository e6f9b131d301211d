"""What only another vendor can read or run."""

import msgspec
import pytest

from dragoman.conversation.blocks import Document, Image, Stored, Text, ToolResult, Unknown
from dragoman.conversation.failure import FailureError
from dragoman.conversation.loss import LossKind
from dragoman.conversation.request import Message, Request, Role, ServerTool
from dragoman.dialects.dialect import Target
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import UNKNOWN

SAID = Text("x")
FOREIGN = [
    (Image(Stored("elsewhere", "file_1")), "file_id_not_portable"),
    (Document(Stored("elsewhere", "file_1")), "file_id_not_portable"),
    (ToolResult("1", (SAID, Image(Stored("elsewhere", "file_1")))), "file_id_not_portable"),
    (Unknown("elsewhere", "hologram", b"{}"), "content_not_portable"),
]


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize(("block", "code"), FOREIGN)
def test_content_of_another_vendor_is_refused_in_the_same_words_by_every_format(
    target: str, block: Image | Document | ToolResult | Unknown, code: str
) -> None:
    request = Request("anthropic", "m", (Message(Role.USER, (SAID, block)),))
    with pytest.raises(FailureError) as caught:
        DIALECTS[target].render_request(request, Target("p", "m", "p/m", UNKNOWN))
    failure = caught.value.failure
    inside = ".content[1]" if isinstance(block, ToolResult) else ""
    assert (failure.param, failure.code) == (f"messages[0].content[1]{inside}", code)
    assert failure.message.startswith(f"'{failure.param}': ")
    assert "elsewhere" in failure.message


@pytest.mark.parametrize("target", DIALECTS)
def test_a_tool_of_another_vendor_is_refused_in_the_same_words_by_every_format(target: str) -> None:
    tools = (ServerTool("elsewhere", "time_machine", b"{}"),)
    request = Request("anthropic", "m", (Message(Role.USER, (SAID,)),), tools=tools)
    with pytest.raises(FailureError) as caught:
        DIALECTS[target].render_request(request, Target("p", "m", "p/m", UNKNOWN))
    failure = caught.value.failure
    assert (failure.param, failure.code) == ("tools[0]", "server_tool_not_portable")
    assert "`time_machine` is run by elsewhere itself" in failure.message


@pytest.mark.parametrize("kind", ["tool_search", "tool_search_tool_bm25_20251119"])
@pytest.mark.parametrize("target", DIALECTS)
def test_a_search_for_tools_is_left_out_by_every_format(target: str, kind: str) -> None:
    plain = Request("anthropic", "m", (Message(Role.USER, (SAID,)),))
    request = msgspec.structs.replace(plain, tools=(ServerTool("elsewhere", kind, b"{}"),))
    to = Target("p", "m", "p/m", UNKNOWN)
    rendered, bare = (DIALECTS[target].render_request(one, to) for one in (request, plain))
    assert rendered.wire.body == bare.wire.body
    assert [(loss.kind, loss.path, loss.code) for loss in rendered.losses] == [
        (LossKind.DROPPED, "$.tools[0]", "tool_search"),
        *((loss.kind, loss.path, loss.code) for loss in bare.losses),
    ]
