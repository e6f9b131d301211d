"""JSON whose numbers keep the text that they were written in: `1.0` is not `1`.

Models write numbers into the arguments of tool calls, and what a tool makes of `1.0` or of an integer
beyond 53 bits is the tool's business. Whole numbers are Python's, which are exact.
"""

import json
from typing import Self

from dragoman.testing.json_value import JSON, Object


class ExactFloat(float):
    """A number with a fraction or an exponent, and its text."""

    text: str

    def __new__(cls, text: str) -> Self:
        """Take the number's text."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def decode(data: bytes | str) -> JSON:
    """The value that the text holds; members of objects in the order of the text. Raises `ValueError`."""
    try:
        value: JSON = json.loads(data, parse_float=ExactFloat)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def decode_object(data: bytes | str) -> Object:
    """The object that the text holds. Raises `ValueError` for anything else."""
    value = decode(data)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - text is judged here
    return value


def encode(value: JSON) -> str:
    """The value's text, compact, every number as it was written."""
    if isinstance(value, ExactFloat):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{encode(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(encode, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def normal(text: str) -> str:
    """A JSON text without its white space; text that is not JSON as it is."""
    try:
        return encode(decode(text))
    except ValueError:
        return text
