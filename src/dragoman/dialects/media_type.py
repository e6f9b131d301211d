"""Media types: what the first bytes of a file tell, for clients often name a wrong one."""

import base64
import binascii

_BEGINNINGS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


def sniffed_type(data: str) -> str | None:
    """The media type of a file in base64, by its first bytes; None where they tell nothing."""
    try:
        head = base64.b64decode(data[:24])
    except (binascii.Error, ValueError):
        return None
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for beginning, media_type in _BEGINNINGS if head.startswith(beginning)), None)


def bare_type(media_type: str) -> str:
    """A media type in lower case and without parameters, by the name that vendors know."""
    bare = media_type.partition(";")[0].strip().lower()
    return "image/jpeg" if bare == "image/jpg" else bare
