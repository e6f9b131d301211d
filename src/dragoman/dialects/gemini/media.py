"""Pictures, sounds and files, inline or by URI, in both directions."""

from typing import assert_never
from urllib.parse import urlsplit

import msgspec

from dragoman.conversation.blocks import Audio, Document, Image, Inline, Remote, Source, Stored, Unknown
from dragoman.conversation.opaque import Opaque
from dragoman.dialects.foreign_content import foreign_file
from dragoman.dialects.gemini.signatures import unpacked
from dragoman.dialects.gemini.wire import Blob, FileData, Part, given
from dragoman.dialects.picture_types import labelled

DIALECT = "gemini"

Media = Image | Audio | Document

_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "bmp": "image/bmp",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "csv": "text/csv",
    "xml": "text/xml",
    "json": "application/json",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "m4a": "audio/m4a",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mpeg": "video/mpeg",
}
"""Media types by file extension; a table of our own, since the system's differs between machines."""

_YOUTUBE = ("youtube.com", "youtu.be")
_FILES = "https://generativelanguage.googleapis.com/"


def guessed_type(url: str) -> str | None:
    """The media type that a URL's file extension promises."""
    path = urlsplit(url).path if "//" in url else url
    return _TYPES.get(path.rpartition("/")[2].rpartition(".")[2].lower())


def media_block(part: Part) -> Media | Unknown:
    """The block for a part with `inlineData` or `fileData`. Video has no neutral block: it stays
    this format's own content.
    """
    if part.inline_data is not None:
        source: Source = Inline(part.inline_data.mime_type, _standard(part.inline_data.data))
        media_type = part.inline_data.mime_type
    elif part.file_data is not None:
        source, media_type = _source(part.file_data)
    else:
        raise ValueError("a part without media")
    opaque = attributes_of(part)
    if media_type.startswith("video/"):
        kind = "inlineData" if part.inline_data is not None else "fileData"
        return Unknown(DIALECT, kind, msgspec.json.encode(part))
    if media_type.startswith("image/"):
        return Image(source, opaque=opaque)
    if media_type.startswith("audio/"):
        return Audio(source, opaque=opaque)
    return Document(source, opaque=opaque)


def _standard(data: str) -> str:
    """Base64 in the standard alphabet and padded. The JSON form of protocol buffers allows the URL-safe
    one too, and Google's own SDKs write it; other vendors refuse it.
    """
    return data.replace("-", "+").replace("_", "/") + "=" * (-len(data) % 4)


def _source(file: FileData) -> tuple[Source, str]:
    uri = file.file_uri
    host = (urlsplit(uri).hostname or "") if "//" in uri else ""
    if host in _YOUTUBE or host.endswith(tuple("." + name for name in _YOUTUBE)):
        return Stored(DIALECT, uri, file.mime_type), file.mime_type or "video/mp4"
    media_type = file.mime_type or guessed_type(uri)
    if uri.startswith(_FILES) or not uri.startswith(("https://", "http://")):
        return Stored(DIALECT, uri, file.mime_type), media_type or ""
    return Remote(uri, media_type), media_type or ""


def attributes_of(part: Part) -> tuple[Opaque, ...]:
    """Attributes of a part that only this format has, the signature of a picture included."""
    if not (part.media_resolution or part.video_metadata or part.part_metadata or part.thought_signature):
        return ()
    found = [
        Opaque(DIALECT, name, bytes(raw))
        for name, raw in (
            ("mediaResolution", part.media_resolution),
            ("videoMetadata", part.video_metadata),
            ("partMetadata", part.part_metadata),
        )
        if given(raw)
    ]
    signature = part.thought_signature
    media = part.inline_data is not None or part.file_data is not None
    if signature and media and unpacked(signature) is None:
        found.append(Opaque(DIALECT, "thoughtSignature", msgspec.json.encode(signature)))
    return tuple(found)


def attributes(opaque: tuple[Opaque, ...]) -> dict[str, object]:
    """What `opaque` holds for this format, as members of a part."""
    return {field.field: msgspec.Raw(field.json) for field in opaque if field.dialect == DIALECT}


def media_data(block: Media, path: str) -> dict[str, object]:
    """The member of a part that holds a block's media.

    Raises `FailureError` for a file that is stored at another vendor.
    """
    match block.source:
        case Inline() as source:
            told = labelled(source) if isinstance(block, Image) else source
            return {"inlineData": Blob(mime_type=told.media_type, data=told.data)}
        case Remote(url=url, media_type=media_type):
            guess = media_type or guessed_type(url) or _FALLBACK[type(block)]
            return {"fileData": FileData(file_uri=url, mime_type=guess)}
        case Stored(dialect="gemini", file_id=uri, media_type=media_type):
            return {"fileData": FileData(file_uri=uri, mime_type=media_type)}
        case Stored():
            raise foreign_file(block.source, path)
        case _:
            assert_never(block.source)


_FALLBACK: dict[type[Media], str] = {Image: "image/jpeg", Audio: "audio/mp3", Document: "application/pdf"}
"""What is said of a URL without any hint: Vertex AI demands a type, and reads the bytes anyway."""
