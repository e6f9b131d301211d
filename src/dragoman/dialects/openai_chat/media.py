"""Sound: OpenAI's words for its forms, to and from sources."""

from dragoman.conversation.blocks import Inline, Remote
from dragoman.dialects.data_url import parse_url
from dragoman.dialects.media_type import bare_type
from dragoman.dialects.openai_chat.wire import InputAudioWire

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
