"""Media types: what the first bytes of a file tell, for clients often name a wrong one."""

import base64
import binascii

_BEGINNINGS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
)
_BRANDS = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"avif": "image/avif",
}
"""What stands in the first box of pictures in ISO's base media format."""


def sniffed_type(data: str) -> str | None:
    """The media type of a file in base64, by its first bytes; None where they tell nothing."""
    try:
        head = base64.b64decode(data[:24])
    except (binascii.Error, ValueError):
        return None
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0":  # two letters alone prove nothing
        return "image/bmp"
    return next((media_type for beginning, media_type in _BEGINNINGS if head.startswith(beginning)), None)


def bare_type(media_type: str) -> str:
    """A media type in lower case and without parameters, by the name that vendors know."""
    bare = media_type.partition(";")[0].strip().lower()
    return "image/jpeg" if bare == "image/jpg" else bare
