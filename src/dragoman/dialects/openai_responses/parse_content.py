"""Content parts of messages and of tools' outputs, to blocks."""

import msgspec

from dragoman.conversation.blocks import (
    Block,
    CacheMark,
    Citation,
    Document,
    Image,
    Inline,
    Refusal,
    Remote,
    Source,
    Stored,
    Text,
    Unknown,
)
from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.opaque import Opaque
from dragoman.dialects.data_url import parse_image, parse_url
from dragoman.dialects.json_text import field_error, is_given, opens_with
from dragoman.dialects.media_type import sniffed_type
from dragoman.dialects.openai_responses.citations import parse_annotation
from dragoman.dialects.openai_responses.wire import NAME, PartWire

_TEXT = msgspec.json.Decoder(str)
_PARTS = msgspec.json.Decoder(list[PartWire])
_RAW_PARTS = msgspec.json.Decoder(list[msgspec.Raw])
_MISSING = "missing_required_parameter"

_TEXTS = frozenset({"input_text", "output_text", "text"})
"""OpenAI tells what was said to the model from what it said; hosts and clients mix the words up."""

_TYPES_BY_ENDING = {
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
}
_PDF = "application/pdf"


def parse_content(raw: msgspec.Raw, path: str) -> tuple[Block, ...]:
    """The content of a message. Raises `FailureError` that names the field at fault."""
    return _parse(raw, path, foreign=False)


def parse_output(raw: msgspec.Raw, path: str) -> tuple[Text | Image | Document | Unknown, ...]:
    """The output of a tool. Parts of other kinds are kept for hosts of this format.

    Raises `FailureError` that names the field at fault.
    """
    blocks = _parse(raw, path, foreign=True)
    return tuple([block for block in blocks if isinstance(block, Text | Image | Document | Unknown)])


def _parse(raw: msgspec.Raw, path: str, *, foreign: bool) -> tuple[Block, ...]:
    if not is_given(raw):
        raise invalid(f"'{path}': this field is required.", path, _MISSING)
    try:
        if opens_with(raw, b'"'):
            return (Text(_TEXT.decode(raw)),)
        parts = _PARTS.decode(raw)
    except msgspec.ValidationError as error:
        raise field_error(error, path) from None
    blocks: list[Block] = []
    for place, part in enumerate(parts):
        block = _block(part, f"{path}[{place}]")
        if block is None and foreign:
            block = Unknown(NAME, part.type, bytes(_RAW_PARTS.decode(raw)[place]))
        elif block is None:
            raise _unknown(part, f"{path}[{place}]")
        blocks.append(block)
    return tuple(blocks)


def _block(part: PartWire, path: str) -> Block | None:
    """The block for a part; None for a part of a kind that is not known."""
    match part.type:
        case kind if kind in _TEXTS:
            text = _required(part.text, f"{path}.text")
            opaque = _opaque(part)
            cache = CacheMark() if opaque else None
            return Text(text, _citations(part.annotations), cache=cache, opaque=opaque)
        case "refusal":
            return Refusal(_required(part.refusal, f"{path}.refusal"))
        case "input_image":
            opaque = _opaque(part)
            return Image(_picture(part, path), part.detail, CacheMark() if opaque else None, opaque)
        case "input_file":
            opaque = _opaque(part)
            if part.detail is not None:
                opaque = (*opaque, Opaque(NAME, "detail", msgspec.json.encode(part.detail)))
            cache = CacheMark() if part.prompt_cache_breakpoint else None
            return Document(_file(part, path), part.filename, cache=cache, opaque=opaque)
        case _:
            return None


def _picture(part: PartWire, path: str) -> Source:
    if part.image_url is not None:
        source = parse_image(part.image_url) if part.image_url else None
        if source is None:
            here = f"{path}.image_url"
            raise invalid(f"'{here}': expected a URL or a data URL in base64.", here, "invalid_image_url")
        return source
    if part.file_id is not None:
        return Stored(NAME, part.file_id)
    raise invalid(f"'{path}': expected 'image_url' or 'file_id'.", path, _MISSING)


def _file(part: PartWire, path: str) -> Source:
    if part.file_data is not None:
        source = parse_url(part.file_data)
        if isinstance(source, Inline):
            return source
        if source is None or ":" in part.file_data[:8]:
            here = f"{path}.file_data"
            raise invalid(f"'{here}': expected a data URL in base64.", here, "invalid_value")
        return Inline(sniffed_type(part.file_data) or _type_of(part.filename), part.file_data)
    if part.file_url is not None:
        return Remote(part.file_url)
    if part.file_id is not None:
        return Stored(NAME, part.file_id)
    raise invalid(f"'{path}': expected 'file_data', 'file_url' or 'file_id'.", path, _MISSING)


def _type_of(filename: str | None) -> str:
    return _TYPES_BY_ENDING.get((filename or "").rpartition(".")[2].lower(), _PDF)


def _citations(annotations: list[msgspec.Raw] | None) -> tuple[Citation, ...]:
    found = (parse_annotation(bytes(raw)) for raw in annotations or ())
    return tuple(citation for citation in found if citation is not None)


def _opaque(part: PartWire) -> tuple[Opaque, ...]:
    raw = part.prompt_cache_breakpoint
    return (Opaque(NAME, "prompt_cache_breakpoint", bytes(raw)),) if is_given(raw) else ()


def _required(value: str | None, path: str) -> str:
    if value is None:
        raise invalid(f"'{path}': this field is required.", path, _MISSING)
    return value


def _unknown(part: PartWire, path: str) -> FailureError:
    return invalid(
        f"'{path}.type': '{part.type}' is not known here; expected input_text, input_image, input_file, "
        "output_text or refusal.",
        f"{path}.type",
        "invalid_value",
    )
