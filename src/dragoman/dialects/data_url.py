"""Data URLs, the way in which OpenAI's formats carry media, to and from sources."""

import re

from dragoman.conversation.blocks import Inline, Remote
from dragoman.dialects.media_type import sniffed_type

_DATA_URL = re.compile(r"data:(?P<type>[^;,]*)(?:;(?!base64,)[^;,]*)*;base64,", re.IGNORECASE)


def parse_url(url: str) -> Inline | Remote | None:
    """What a URL stands for: a data URL's content, or a place; None for a data URL without base64."""
    if url[:5].lower() != "data:":
        return Remote(url)
    found = _DATA_URL.match(url)
    if found is None:
        return None
    return Inline(found["type"].lower() or "application/octet-stream", url[found.end() :])


def parse_image(url: str) -> Inline | Remote | None:
    """As `parse_url`, with the media type that the picture's first bytes tell."""
    source = parse_url(url)
    if isinstance(source, Inline):
        found = sniffed_type(source.data)
        if found is not None and found.startswith("image/"):
            return Inline(found, source.data)
    return source


def data_url(source: Inline) -> str:
    """The data URL of inline media."""
    return f"data:{source.media_type};base64,{source.data}"
