"""Media given by URL, fetched and put inline for upstreams that take no URLs."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from dragoman.conversation.blocks import Audio, Block, Document, Image, Inline, Remote, ToolResult
from dragoman.conversation.failure import invalid
from dragoman.conversation.request import Request
from dragoman.dialects.dialect import Target
from dragoman.dialects.places import Places, place_within
from dragoman.upstream.remote_media import Wanted

_WEB = ("http://", "https://")


class MediaSource(Protocol):
    """Fetches what URLs lead to."""

    async def fetch_all(self, wanted: Sequence[Wanted]) -> list[Inline]:
        """The media behind all of these, in their order. Raises `FailureError` (invalid request)."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


async def inlined(request: Request, target: Target, media: MediaSource | None) -> Request:
    """The request with everything inline that the target would have to fetch and cannot.

    Raises `FailureError` (invalid request) for what cannot be fetched, and for everything without `media`.
    """
    if not needs_inlining(request, target):
        return request
    wanted = list(_wanted(request))
    if media is None:
        path = wanted[0].param
        raise invalid(
            f"'{path}': this model takes no URLs, and nothing is fetched here: send the content inline as "
            "base64.",
            path,
            "remote_media",
        )
    found = await media.fetch_all(wanted)
    fetched = {one.url: inline for one, inline in zip(wanted, found, strict=True)}
    messages = tuple(
        msgspec.structs.replace(message, blocks=tuple(_replaced(block, fetched) for block in message.blocks))
        for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages)


def needs_inlining(request: Request, target: Target) -> bool:
    """Whether something is given by URL to a target that fetches nothing."""
    return not target.host.remote_media and next(_wanted(request), None) is not None


def _wanted(request: Request) -> Iterator[Wanted]:
    places = Places(request)
    for turn, message in enumerate(request.messages):
        for index, block in enumerate(message.blocks):
            if not isinstance(block, Image | Audio | Document | ToolResult):
                continue
            place = places.of(turn, index)
            if isinstance(block, ToolResult):
                for number, inner in enumerate(block.blocks):
                    yield from _one(inner, place_within(request.dialect, place, number))
            else:
                yield from _one(block, place)


def _one(block: Block, place: str) -> Iterator[Wanted]:
    if not isinstance(block, Image | Audio | Document):
        return
    source = block.source
    if isinstance(source, Remote) and source.url.lower().startswith(_WEB):
        match block:
            case Image():
                yield Wanted(source.url, source.media_type, "image", place)
            case Audio():
                yield Wanted(source.url, source.media_type, "audio", place)
            case Document():
                yield Wanted(source.url, source.media_type, None, place)


def _replaced(block: Block, fetched: dict[str, Inline]) -> Block:
    match block:
        case Image(source=Remote(url=url)) | Audio(source=Remote(url=url)) | Document(source=Remote(url=url)):
            return msgspec.structs.replace(block, source=fetched[url]) if url in fetched else block
        case ToolResult(blocks=blocks):
            changed = tuple(_replaced(one, fetched) for one in blocks)
            return block if changed == blocks else msgspec.structs.replace(block, blocks=changed)
        case _:
            return block
