"""Content parts of messages, to blocks."""

from collections.abc import Callable

from dragoman.conversation.blocks import (
    Audio,
    Block,
    CacheMark,
    Document,
    Image,
    Refusal,
    Stored,
    Text,
    Thinking,
    Unknown,
)
from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.opaque import Opaque
from dragoman.dialects.data_url import parse_image, parse_url
from dragoman.dialects.openai_chat.media import parse_audio
from dragoman.dialects.openai_chat.wire import NAME, CacheControlWire, FileWire, PartWire

_ELSEWHERE = frozenset({"video_url", "input_video", "document_url", "audio_url", "file_url"})
"""Part types that compatible hosts have added: content that only they can take."""

_BASE64 = "expected a data URL such as 'data:application/pdf;base64,...'"

RawPart = Callable[[int], bytes]
"""Gives the JSON text of a part by its position."""


def parse_text(parts: str | list[PartWire], path: str) -> tuple[Text, ...]:
    """Content that may be nothing but text. Raises `FailureError` that names any other part."""
    if isinstance(parts, str):
        return (Text(parts),)
    texts: list[Text] = []
    for position, part in enumerate(parts):
        if part.type != "text":
            raise _unknown(part, f"{path}[{position}]", "only 'text' parts can stand here")
        texts.append(_text(part, f"{path}[{position}]"))
    return tuple(texts)


def parse_media(parts: list[PartWire], path: str, raw: RawPart) -> tuple[Block, ...]:
    """Content of users and tools. Raises `FailureError` that names a part that nobody knows."""
    return tuple(_medium(part, f"{path}[{place}]", raw, place) for place, part in enumerate(parts))


def parse_spoken(parts: str | list[PartWire] | None, path: str) -> list[Block]:
    """Content of the model: text, refusals, and the thinking that Mistral puts there."""
    if not parts:
        return []
    if isinstance(parts, str):
        return [Text(parts)]
    blocks: list[Block] = []
    for position, part in enumerate(parts):
        here = f"{path}[{position}]"
        match part.type:
            case "text" | "output_text":
                blocks.append(_text(part, here))
            case "refusal":
                blocks.append(Refusal(_given(part.refusal, f"{here}.refusal")))
            case "thinking":
                pieces = part.thinking or ()
                text = pieces if isinstance(pieces, str) else "".join(piece.text or "" for piece in pieces)
                blocks.append(Thinking(text))
            case _:
                raise _unknown(part, here, "an assistant message holds 'text' and 'refusal' parts")
    return blocks


def parse_drawn(parts: list[PartWire] | None, path: str) -> tuple[Image, ...]:
    """The pictures that the model made. Raises `FailureError` that names any other part."""
    pictures: list[Image] = []
    for position, part in enumerate(parts or ()):
        here = f"{path}[{position}]"
        if part.type != "image_url":
            raise _unknown(part, here, "only 'image_url' parts can stand here")
        pictures.append(_image(part, here))
    return tuple(pictures)


def cache_mark(control: CacheControlWire | None) -> CacheMark | None:
    """The mark that a `cache_control` sets."""
    return None if control is None else CacheMark(control.ttl)


def _medium(part: PartWire, path: str, raw: RawPart, place: int) -> Block:
    match part.type:
        case "text":
            return _text(part, path)
        case "image_url":
            return _image(part, path)
        case "input_audio":
            if part.input_audio is None:
                raise _missing(f"{path}.input_audio")
            return Audio(parse_audio(part.input_audio), _opaque(part))
        case "file":
            if part.file is None:
                raise _missing(f"{path}.file")
            return _document(part, part.file, path)
        case kind if kind in _ELSEWHERE:
            return Unknown(NAME, kind, raw(place))
        case _:
            raise _unknown(part, path, "expected text, image_url, input_audio or file")


def _image(part: PartWire, path: str) -> Image:
    image = part.image_url
    if image is None:
        raise _missing(f"{path}.image_url")
    url, detail = (image, None) if isinstance(image, str) else (image.url, image.detail)
    source = parse_image(url)
    if source is None or not url:
        raise invalid(
            f"'{path}.image_url.url': expected a URL or a data URL in base64.",
            f"{path}.image_url.url",
            "invalid_image_url",
        )
    return Image(source, detail, cache_mark(part.cache_control), _opaque(part))


def _document(part: PartWire, file: FileWire, path: str) -> Document:
    cache = cache_mark(part.cache_control)
    if file.file_data is not None:
        source = parse_url(file.file_data)
        if source is None or not file.file_data.lower().startswith(("data:", "https:", "http:")):
            raise invalid(f"'{path}.file.file_data': {_BASE64}.", f"{path}.file.file_data", "invalid_value")
        return Document(source, file.filename, cache=cache, opaque=_opaque(part))
    if file.file_id is not None:
        return Document(Stored(NAME, file.file_id), file.filename, cache=cache, opaque=_opaque(part))
    raise invalid(
        f"'{path}.file': expected 'file_data' or 'file_id'.", f"{path}.file", "missing_required_parameter"
    )


def _text(part: PartWire, path: str) -> Text:
    text = _given(part.text, f"{path}.text")
    return Text(text, cache=cache_mark(part.cache_control) or _breakpoint(part), opaque=_opaque(part))


def _breakpoint(part: PartWire) -> CacheMark | None:
    """OpenAI's own mark for a prefix to be cached."""
    return CacheMark() if _opaque(part) else None


def _opaque(part: PartWire) -> tuple[Opaque, ...]:
    raw = bytes(part.prompt_cache_breakpoint)
    return (Opaque(NAME, "prompt_cache_breakpoint", raw),) if raw not in {b"", b"null"} else ()


def _given(value: str | None, path: str) -> str:
    if value is None:
        raise _missing(path)
    return value


def _missing(path: str) -> FailureError:
    return invalid(f"'{path}': this field is required.", path, "missing_required_parameter")


def _unknown(part: PartWire, path: str, expected: str) -> FailureError:
    return invalid(
        f"'{path}.type': '{part.type}' is not known here; {expected}.", f"{path}.type", "invalid_value"
    )
