"""JSON as plain Python values, for code that looks at requests the way their vendor would."""

from typing import TypeAlias

import msgspec

JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None
"""Any JSON value."""

Object: TypeAlias = dict[str, JSON]
"""A JSON object."""


def decode_json(data: bytes | str) -> JSON:
    """The value that the text holds. Raises `ValueError` for text that is not JSON."""
    try:
        value: JSON = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return value


def decode_object(data: bytes | str) -> Object:
    """The object that the text holds. Raises `ValueError` for anything else."""
    value = decode_json(data)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, got {kind_of(value)}")  # noqa: TRY004 - text is judged here
    return value


def is_number(value: JSON) -> bool:
    """Whether the value is a JSON number; Python counts booleans among the integers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: JSON) -> bool:
    """Whether the value is a JSON number without a fraction."""
    return isinstance(value, int) and not isinstance(value, bool)


def kind_of(value: JSON) -> str:
    """The JSON name of the value's type: `null`, `boolean`, `integer`, `number`, `string`, `array` or
    `object`.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
