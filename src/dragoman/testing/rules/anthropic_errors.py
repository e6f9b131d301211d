"""Anthropic's way of refusing: error bodies, and typed access to a request's fields."""

import re

import msgspec

from dragoman.testing.exchange import json_answer
from dragoman.testing.json_value import JSON, Object, is_integer, is_number
from dragoman.testing.rules.refusal import RefusedError

_REQUEST_ID = "req_011CSHoEeqs5C35K2UUqR7Fy"


def refused(message: str, kind: str = "invalid_request_error", status: int = 400) -> RefusedError:
    """Anthropic's error body around a message."""
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": _REQUEST_ID}
    return RefusedError(json_answer(status, msgspec.json.encode(body), {"request-id": _REQUEST_ID}))


def listed(words: tuple[str, ...], last: str) -> str:
    """The words in quotes, in Anthropic's way of listing them."""
    quoted = [f"'{word}'" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])}{last}{quoted[-1]}"


class Node:
    """A value of the request together with its path, such as `messages.0.content`."""

    def __init__(self, path: str, value: JSON) -> None:
        self.path = path
        self.value = value

    def error(self, problem: str) -> RefusedError:
        """A refusal that names the value."""
        return refused(f"{self.path}: {problem}" if self.path else problem)

    def object(self, known: frozenset[str] | None = None) -> Object:
        """The value, which must be an object without members that are not known."""
        if not isinstance(self.value, dict):
            raise self.error("Input should be a valid dictionary")
        for name in self.value:
            if known is not None and name not in known:
                raise self.under(name).error("Extra inputs are not permitted")
        return self.value

    def under(self, step: str | int) -> "Node":
        """A member or element, null where there is none."""
        value = None
        if isinstance(self.value, dict) and isinstance(step, str):
            value = self.value.get(step)
        elif isinstance(self.value, list) and isinstance(step, int):
            value = self.value[step]
        return Node(f"{self.path}.{step}" if self.path else str(step), value)

    def member(self, name: str) -> "Node | None":
        """A member of the object; None where it is absent or null."""
        node = self.under(name)
        return None if node.value is None else node

    def required(self, name: str) -> "Node":
        """A member that has to be there."""
        if name not in self.object():
            raise self.under(name).error("Field required")
        return self.under(name)

    def tagged(self, tag: str) -> "Node":
        """The same value, its path naming the variant that it was read as."""
        return Node(f"{self.path}.{tag}", self.value)

    def elements(self) -> "list[Node]":
        """The elements of the value, which must be an array."""
        if not isinstance(self.value, list):
            raise self.error("Input should be a valid list")
        return [self.under(place) for place in range(len(self.value))]

    def string(self, pattern: str | None = None) -> str:
        """The value, which must be a string."""
        if not isinstance(self.value, str):
            raise self.error("Input should be a valid string")
        if pattern is not None and not re.search(pattern, self.value):
            raise self.error(f"String should match pattern '{pattern}'")
        return self.value

    def boolean(self) -> bool:
        """The value, which must be a boolean."""
        if not isinstance(self.value, bool):
            raise self.error("Input should be a valid boolean")
        return self.value

    def integer(self, least: int | None = None) -> int:
        """The value, which must be a whole number of at least `least`."""
        if not isinstance(self.value, int) or not is_integer(self.value):
            raise self.error("Input should be a valid integer")
        if least is not None and self.value < least:
            raise self.error(f"Input should be greater than or equal to {least}")
        return self.value

    def number(self) -> float:
        """The value, which must be a number."""
        if not isinstance(self.value, int | float) or not is_number(self.value):
            raise self.error("Input should be a valid number")
        return self.value

    def word(self, *words: str) -> str:
        """The value, which must be one of the words."""
        if not isinstance(self.value, str) or self.value not in words:
            raise self.error(f"Input should be {listed(words, ' or ')}")
        return self.value

    def tag(self, *words: str) -> str:
        """The `type` of the object, which must be one of the words."""
        tag = self.required("type").value
        if not isinstance(tag, str) or tag not in words:
            raise self.error(
                f"Input tag '{tag}' found using 'type' does not match any of the expected tags: "
                f"{listed(words, ', ')}"
            )
        return tag
