"""How many tokens a prompt has at most: what is set aside for it before its vendor says what it took.

Held against the tokens that 24 hosts said of 1,460 recorded prompts, it was never too small. It holds for
text as people and programs write it: hosts that put long prompts of their own before every request, and
characters that hardly occur anywhere, of which each may take several tokens, can break it. What is set aside
is no price: the vendor's own count is what is paid in the end.
"""

import math
from collections.abc import Iterable

from dragoman.conversation.blocks import (
    Audio,
    Block,
    Document,
    Image,
    Inline,
    Source,
    Thinking,
    ToolResult,
    Unknown,
)
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import Request, ServerTool
from dragoman.conversation.token_estimate import estimate_tokens

BYTES_PER_TOKEN = 2
"""JSON of requests has four on average, and three of Chinese."""
AROUND = 1024
"""What hosts put around what they are sent, above all instructions for the use of tools."""

_MARGIN = 1.75
_AROUND_TEXT = 640
_AROUND_TOOLS = 512
_AROUND_SCHEMA = 256
_SEVERAL_TIMES = 8
"""How often one prompt is read where a model thinks along several lines at once (OpenAI's `mode: pro`)."""
_BYTES_OF_SEALED = 8
"""Bytes of encrypted reasoning for each token in it."""

_PER_IMAGE, _PER_SMALL_IMAGE = 15_000, 3_000
"""The dearest that vendors make of a picture, whatever its size: small models count the same one tenfold."""
_PER_AUDIO_BYTE, _LEAST_AUDIO = 1 / 60, 1_000
"""Speech in the tightest form that is in use has 1,000 bytes a second, and up to 32 tokens."""
_PER_DOCUMENT_BYTE, _LEAST_DOCUMENT = 1 / 4, 8_000
ELSEWHERE = 80_000
"""What counts for a file, a video or a conversation that is named and not sent: nobody knows its size."""
_PER_SERVER_TOOL = 2_500
_SEARCHING = 60_000
"""What a tool of the vendor's may bring into the prompt: pages of the web, files."""
_BRINGING = ("search", "fetch", "url", "file", "mcp", "maps", "retrieval", "collections")
_KEPT = frozenset({"previous_response_id", "conversation", "prompt", "cachedContent", "cached_content"})
"""Fields that name something which the vendor keeps."""


def prompt_bound(body_bytes: int, request: Request | None = None) -> int:
    """The most tokens that a prompt has: by the number of bytes of the request's body alone, which holds for
    text (see `dragoman.dialects.bounds.plain`), or by the request itself, of which it is also known what
    pictures and files may take.
    """
    if request is None:
        return body_bytes // BYTES_PER_TOKEN + AROUND
    sent = sum(_block(block) for message in request.messages for block in message.blocks)
    tools = sum(_server_tool(tool) for tool in request.tools if isinstance(tool, ServerTool))
    kept = any(field.field in _KEPT for field in request.extras)
    around = (
        _AROUND_TEXT
        + (_AROUND_TOOLS if request.tools else 0)
        + (_AROUND_SCHEMA if request.output is not None and request.output.schema is not None else 0)
    )
    bound = math.ceil(_MARGIN * estimate_tokens(request)) + around + sent + tools + (ELSEWHERE if kept else 0)
    return bound * _SEVERAL_TIMES if _several_times(request) else bound


def _block(block: Block) -> int:
    match block:
        case Image():
            return _PER_SMALL_IMAGE if block.detail == "low" else _PER_IMAGE
        case Audio():
            return _media(block.source, _PER_AUDIO_BYTE, _LEAST_AUDIO)
        case Document():
            source = block.source
            if isinstance(source, Inline) and source.media_type.startswith("text/"):
                return _AROUND_TEXT
            return _media(source, _PER_DOCUMENT_BYTE, _LEAST_DOCUMENT)
        case Thinking(signature=Signature() as signature):
            return len(signature.value) // _BYTES_OF_SEALED
        case ToolResult():
            return _blocks(block.blocks)
        case Unknown():
            # nobody knows what it is: the bytes of a video, or where one is
            return max(len(block.json) // BYTES_PER_TOKEN, ELSEWHERE) if _elsewhere(block) else AROUND
        case _:
            return 0


def _blocks(blocks: Iterable[Block]) -> int:
    return sum(_block(block) for block in blocks)


def _media(source: Source, per_byte: float, least: int) -> int:
    if not isinstance(source, Inline):
        return ELSEWHERE
    return max(least, math.ceil(len(source.data) * 3 / 4 * per_byte))


def _several_times(request: Request) -> bool:
    return request.reasoning is not None and any(b'"pro"' in one.json for one in request.reasoning.opaque)


def _elsewhere(block: Unknown) -> bool:
    return any(mark in block.json for mark in (b"video", b"fileData", b"file_data", b"file_id", b"url"))


def _server_tool(tool: ServerTool) -> int:
    kind = tool.kind.lower()
    return _SEARCHING if any(word in kind for word in _BRINGING) else _PER_SERVER_TOOL
