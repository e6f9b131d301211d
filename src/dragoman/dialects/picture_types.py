"""The kinds of pictures that vendors take, and what a picture is, whatever its client calls it."""

from collections.abc import Mapping

from dragoman.conversation.blocks import Inline
from dragoman.conversation.failure import invalid
from dragoman.dialects.media_type import bare_type, sniffed_type

COMMON = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WebP"}
"""What OpenAI and Anthropic take: media types, and their names for people."""

GOOGLE = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WebP",
    "image/heic": "HEIC",
    "image/heif": "HEIF",
}
"""What Google takes."""


def labelled(source: Inline) -> Inline:
    """The same picture, called what its first bytes tell."""
    media_type = sniffed_type(source.data) or bare_type(source.media_type)
    return source if media_type == source.media_type else Inline(media_type, source.data)


def check_picture(source: Inline, accepted: Mapping[str, str], path: str) -> None:
    """Raise `FailureError` (invalid request) for a kind of picture that is not accepted; `path` is where
    it stands in the client's request.
    """
    media_type = labelled(source).media_type
    if media_type not in accepted:
        *names, last = accepted.values()
        raise invalid(
            f"'{path}': `{media_type}` images are not accepted: send {', '.join(names)} or {last}.",
            path,
            "unsupported_image",
        )
