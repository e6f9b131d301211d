"""Decoded JSON whose shape is not known beforehand: schemas, error bodies, streamed arguments."""

from typing import cast

import msgspec

ANY: msgspec.json.Decoder[object] = msgspec.json.Decoder(object)

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for bytes that are no JSON."""


def members(value: object) -> dict[str, object] | None:
    """The value as an object; None when it is something else."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def elements(value: object) -> list[object] | None:
    """The value as an array; None when it is something else."""
    return cast("list[object]", value) if isinstance(value, list) else None


def text(value: object) -> str | None:
    """The value as a string that says something; None when it is something else."""
    return value if isinstance(value, str) and value else None
