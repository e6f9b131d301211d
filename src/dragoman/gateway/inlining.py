"""Media given by URL, fetched and put inline for upstreams that take no URLs."""

import asyncio
from collections.abc import Iterator
from typing import Protocol

import msgspec

from dragoman.conversation.blocks import Audio, Block, Document, Image, Inline, Remote, ToolResult
from dragoman.conversation.request import Request
from dragoman.dialects.dialect import Target


class MediaSource(Protocol):
    """Fetches what a URL leads to."""

    async def fetch(self, url: str) -> Inline:
        """The media behind a URL. Raises `FailureError` (invalid request) for what cannot be had."""
        ...


_WEB = ("http://", "https://")


async def inlined(request: Request, target: Target, media: MediaSource | None) -> Request:
    """The request with everything inline that the target would have to fetch and cannot.

    Without `media` it stays as it is, and the target's renderer refuses it by name. Raises `FailureError`
    for what cannot be fetched.
    """
    if media is None or target.host.remote_media:
        return request
    wanted = list(dict.fromkeys(_urls(request)))
    if not wanted:
        return request
    fetched = dict(zip(wanted, await asyncio.gather(*(media.fetch(url) for url in wanted)), strict=True))
    messages = tuple(
        msgspec.structs.replace(message, blocks=tuple(_replaced(block, fetched) for block in message.blocks))
        for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages)


def _urls(request: Request) -> Iterator[str]:
    for message in request.messages:
        for block in message.blocks:
            inner = block.blocks if isinstance(block, ToolResult) else (block,)
            for one in inner:
                source = one.source if isinstance(one, Image | Audio | Document) else None
                if isinstance(source, Remote) and source.url.lower().startswith(_WEB):
                    yield source.url


def _replaced(block: Block, fetched: dict[str, Inline]) -> Block:
    match block:
        case Image(source=Remote(url=url)) | Audio(source=Remote(url=url)) | Document(source=Remote(url=url)):
            return msgspec.structs.replace(block, source=fetched[url]) if url in fetched else block
        case ToolResult(blocks=blocks):
            changed = tuple(_replaced(one, fetched) for one in blocks)
            return block if changed == blocks else msgspec.structs.replace(block, blocks=changed)
        case _:
            return block
