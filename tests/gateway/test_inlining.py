"""What an upstream cannot fetch is fetched for it, and only where that is wanted."""

from collections.abc import Sequence

import pytest

from dragoman.conversation.blocks import Block, Document, Image, Inline, Remote, Text, ToolResult
from dragoman.conversation.failure import FailureError
from dragoman.conversation.request import Message, Request, Role
from dragoman.dialects.dialect import Host, Target
from dragoman.gateway.inlining import inlined
from dragoman.models.profile import UNKNOWN
from dragoman.upstream.remote_media import Wanted

pytestmark = pytest.mark.anyio

HERE = Target("p", "m", "p/unknown", UNKNOWN, Host(remote_media=False))
ELSEWHERE = Target("p", "m", "p/unknown", UNKNOWN)


class Library:
    """What stands behind URLs, and what was asked for."""

    def __init__(self) -> None:
        self.asked: list[Wanted] = []

    async def fetch_all(self, wanted: Sequence[Wanted]) -> list[Inline]:
        self.asked += wanted
        return [Inline("image/png", one.url.rpartition("/")[2]) for one in wanted]

    async def close(self) -> None:
        return


def request(*blocks: Block) -> Request:
    return Request("openai_chat", "m", (Message(Role.USER, blocks),))


PICTURE = Image(Remote("https://host/a"), detail="low")


async def test_pictures_and_documents_come_inline() -> None:
    library = Library()
    found = await inlined(
        request(Text("x"), PICTURE, PICTURE, Document(Remote("https://host/b"))), HERE, library
    )
    assert found.messages[0].blocks == (
        Text("x"),
        Image(Inline("image/png", "a"), detail="low"),
        Image(Inline("image/png", "a"), detail="low"),
        Document(Inline("image/png", "b")),
    )
    assert library.asked == [
        Wanted("https://host/a", None, "image", "messages[0].content[1]"),
        Wanted("https://host/a", None, "image", "messages[0].content[2]"),
        Wanted("https://host/b", None, None, "messages[0].content[3]"),
    ]


async def test_what_stands_in_a_result_comes_inline_too() -> None:
    found = await inlined(request(ToolResult("c", (Text("t"), PICTURE))), HERE, Library())
    (result,) = found.messages[0].blocks
    assert isinstance(result, ToolResult)
    assert result.blocks[1] == Image(Inline("image/png", "a"), detail="low")


async def test_an_upstream_that_fetches_itself_gets_the_address() -> None:
    library, asked = Library(), request(PICTURE)
    assert await inlined(asked, ELSEWHERE, library) is asked
    assert library.asked == []


async def test_nothing_is_fetched_where_that_is_turned_off() -> None:
    asked = request(Text("x"))
    assert await inlined(asked, HERE, None) is asked
    with pytest.raises(FailureError) as caught:
        await inlined(request(Text("x"), PICTURE), HERE, None)
    assert caught.value.failure.param == "messages[0].content[1]"


async def test_addresses_that_are_no_web_pages_are_left_to_the_renderer() -> None:
    library, asked = Library(), request(Image(Remote("gs://bucket/a")))
    assert await inlined(asked, HERE, library) == asked
    assert library.asked == []
