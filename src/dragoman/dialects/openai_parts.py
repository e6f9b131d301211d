"""Content of messages in OpenAI's two formats, which differ in what they call the parts."""

import base64
import binascii

import msgspec

from dragoman.conversation.blocks import Document, Inline
from dragoman.conversation.failure import invalid

Part = dict[str, object] | msgspec.Raw

_ERROR = "[tool error]"


def content_of(parts: list[Part]) -> str | list[Part]:
    """A message's content: a string where it is at most one plain text."""
    return plain_text(parts) if len(parts) <= 1 and is_plain(parts) else parts


def is_plain(parts: list[Part]) -> bool:
    """Whether the parts are nothing but text, without marks."""
    return all(isinstance(part, dict) and len(part) == 2 and "text" in part for part in parts)


def plain_text(parts: list[Part], joint: str = "") -> str:
    """The text of plain parts."""
    return joint.join(str(part["text"]) for part in parts if isinstance(part, dict))


def failed(result: str | list[Part], kind: str) -> str | list[Part]:
    """A tool's result with the mark of an error, which the formats have no field for, once. `kind` is what
    a part of text is called.
    """
    if isinstance(result, list):
        return [{"type": kind, "text": _ERROR}, *result]
    return result if result.startswith(_ERROR) else f"{_ERROR} {result}".rstrip()


def spelled_out(document: Document, source: Inline, place: str) -> str:
    """A document of text as text. Raises `FailureError` that names `place` for base64 that is none."""
    try:
        data = base64.b64decode("".join(source.data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise invalid(
            f"'{place}': the data of a text document is not valid base64.", place, "invalid_value"
        ) from None
    text = data.decode("utf-8", "replace")
    return "\n\n".join(filter(None, (document.title, document.context, text)))
