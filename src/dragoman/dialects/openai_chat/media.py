"""Media: data URLs and OpenAI's words for sound, to and from sources."""

import re

from dragoman.conversation.blocks import Inline, Remote
from dragoman.dialects.media_type import bare_type, sniffed_type
from dragoman.dialects.openai_chat.wire import InputAudioWire

_DATA_URL = re.compile(r"data:(?P<type>[^;,]*)(?:;(?!base64,)[^;,]*)*;base64,", re.IGNORECASE)

_AUDIO_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}
_AUDIO_FORMATS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
}


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


def parse_audio(given: InputAudioWire | str) -> Inline | Remote:
    """What an `input_audio` holds. Mistral's is a bare string: a URL, a data URL or base64."""
    if isinstance(given, InputAudioWire):
        form = given.format.lower()
        return Inline(_AUDIO_TYPES.get(form, f"audio/{form}"), given.data)
    if given[:5].lower() in {"data:", "http:", "https"}:
        source = parse_url(given)
        if source is not None:
            return source
    return Inline("audio/wav" if given.startswith("UklGR") else "audio/mpeg", given)


def audio_format(media_type: str) -> str:
    """The `input_audio.format` of a media type."""
    bare = bare_type(media_type)
    return _AUDIO_FORMATS.get(bare, bare.removeprefix("audio/").removeprefix("x-"))
