"""OpenAI's way of refusing: error bodies, and typed access to a request's fields."""

import re

import msgspec

from dragoman.testing.exchange import json_answer
from dragoman.testing.json_value import JSON, Object, is_integer, is_number
from dragoman.testing.rules.refusal import RefusedError

_GOT = {
    "null": "null",
    "boolean": "a boolean",
    "integer": "an integer",
    "number": "a decimal",
    "string": "a string",
    "array": "an array",
    "object": "an object",
}


def refused(
    message: str,
    param: str | None = None,
    code: str | None = None,
    status: int = 400,
    kind: str = "invalid_request_error",
) -> RefusedError:
    """OpenAI's error body around a message."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return RefusedError(json_answer(status, msgspec.json.encode({"error": error})))


def unsupported_parameter(name: str, hint: str = "") -> RefusedError:
    """A parameter that the model does not take at all."""
    message = f"Unsupported parameter: '{name}' is not supported with this model.{hint}"
    return refused(message, name, "unsupported_parameter")


def got(value: JSON) -> str:
    """What was sent instead, in OpenAI's words."""
    match value:
        case None:
            return _GOT["null"]
        case bool():
            return _GOT["boolean"]
        case int():
            return _GOT["integer"]
        case float():
            return _GOT["number"]
        case str():
            return _GOT["string"]
        case list():
            return _GOT["array"]
        case dict():
            return _GOT["object"]


class Field:
    """A value of the request together with its path, such as `messages[0].content`."""

    def __init__(self, path: str, value: JSON) -> None:
        self.path = path
        self.value = value

    def wrong_type(self, expected: str) -> RefusedError:
        """The value is of another type."""
        message = f"Invalid type for '{self.path}': expected {expected}, but got {got(self.value)} instead."
        return refused(message, self.path, "invalid_type")

    def invalid(self, problem: str, code: str = "invalid_value") -> RefusedError:
        """The value is of the right type and still wrong."""
        return refused(f"Invalid '{self.path}': {problem}", self.path, code)

    def object(self) -> Object:
        """The value, which must be an object."""
        if not isinstance(self.value, dict):
            raise self.wrong_type("an object")
        return self.value

    def boolean(self) -> bool:
        """The value, which must be a boolean."""
        if not isinstance(self.value, bool):
            raise self.wrong_type("a boolean")
        return self.value

    def string(self, longest: int | None = None, pattern: str | None = None) -> str:
        """The value, which must be a string within the bounds."""
        if not isinstance(self.value, str):
            raise self.wrong_type("a string")
        if longest is not None and len(self.value) > longest:
            raise self.invalid(
                f"string too long. Expected a string with maximum length {longest}, "
                f"but got a string with length {len(self.value)} instead.",
                "string_above_max_length",
            )
        if pattern is not None and not re.search(pattern, self.value):
            raise self.invalid(
                f"string does not match pattern. Expected a string that matches the pattern '{pattern}'."
            )
        return self.value

    def word(self, *supported: str) -> str:
        """The value, which must be one of the words."""
        value = self.string()
        if value not in supported:
            quoted = [f"'{one}'" for one in supported]
            listed = (
                " and ".join(quoted) if len(quoted) < 3 else f"{', '.join(quoted[:-1])}, and {quoted[-1]}"
            )
            message = f"Invalid value: '{value}'. Supported values are: {listed}."
            raise refused(message, self.path, "invalid_value")
        return value

    def integer(self, least: int | None = None, most: int | None = None) -> int:
        """The value, which must be a whole number within the bounds."""
        value = self.value
        if not isinstance(value, int) or not is_integer(value):
            raise self.wrong_type("an integer")
        self._bounds("integer", value, least, most)
        return value

    def decimal(self, least: float | None = None, most: float | None = None) -> float:
        """The value, which must be a number within the bounds."""
        value = self.value
        if not isinstance(value, int | float) or not is_number(value):
            raise self.wrong_type("a decimal")
        self._bounds("decimal", value, least, most)
        return value

    def _bounds(self, kind: str, value: float, least: float | None, most: float | None) -> None:
        if least is not None and value < least:
            problem = f"{kind} below minimum value. Expected a value >= {least}, but got {value} instead."
            raise self.invalid(problem, f"{kind}_below_min_value")
        if most is not None and value > most:
            problem = f"{kind} above maximum value. Expected a value <= {most}, but got {value} instead."
            raise self.invalid(problem, f"{kind}_above_max_value")

    def elements(self, of: str, least: int = 0, most: int | None = None) -> "list[Field]":
        """The elements of the value, which must be an array; `of` names them in the plural."""
        if not isinstance(self.value, list):
            raise self.wrong_type(f"an array of {of}")
        count = len(self.value)
        if count < least:
            got_what = "an empty array" if count == 0 else f"an array with length {count}"
            raise self.invalid(
                f"empty array. Expected an array with minimum length {least}, but got {got_what} instead.",
                "empty_array",
            )
        if most is not None and count > most:
            raise self.invalid(
                f"array too long. Expected an array with maximum length {most}, "
                f"but got an array with length {count} instead.",
                "array_above_max_length",
            )
        return [Field(f"{self.path}[{place}]", element) for place, element in enumerate(self.value)]

    def member(self, name: str) -> "Field | None":
        """A member of the object; None where it is absent or null."""
        value = self.object().get(name)
        return None if value is None else Field(f"{self.path}.{name}" if self.path else name, value)

    def required(self, name: str) -> "Field":
        """A member that has to be there."""
        path = f"{self.path}.{name}" if self.path else name
        if name not in self.object():
            raise refused(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")
        return Field(path, self.object()[name])

    def only(self, *known: str) -> None:
        """Refuse members of the object that are not known."""
        for name in self.object():
            if name not in known:
                path = f"{self.path}.{name}" if self.path else name
                raise refused(f"Unknown parameter: '{path}'.", path, "unknown_parameter")
