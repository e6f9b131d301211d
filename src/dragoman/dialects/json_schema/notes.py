"""Constraints that a target cannot take, put into words."""

from collections.abc import Sequence

from dragoman.conversation.loss import Loss, approximated
from dragoman.dialects.json_schema.tree import Schema, encode
from dragoman.dialects.json_tree import elements

_WORDS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "matching the pattern {}",
    "format": "format {}",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "greater than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "contains": "with an item that matches {}",
    "minContains": "at least {} such items",
    "maxContains": "at most {} such items",
    "prefixItems": "the items in this order: {}",
    "additionalItems": "further items match {}",
    "unevaluatedItems": "further items match {}",
    "minProperties": "at least {} members",
    "maxProperties": "at most {} members",
    "patternProperties": "members by their names' patterns: {}",
    "propertyNames": "names of members match {}",
    "additionalProperties": "other members match {}",
    "unevaluatedProperties": "other members match {}",
    "dependentRequired": "members that require others: {}",
    "dependentSchemas": "by the members that are present: {}",
    "required": "required members: {}",
    "not": "never matching {}",
    "if": "if it matches {}",
    "then": "then it matches {}",
    "else": "else it matches {}",
    "const": "must be {}",
    "default": "by default {}",
    "examples": "for example {}",
    "anyOf": "matching one of {}",
    "oneOf": "matching exactly one of {}",
    "allOf": "matching all of {}",
}
_LONGEST = 1000
"""Characters of a constraint that is told; what is longer is only named."""


def words_for(keyword: str, value: object) -> str:
    """A constraint in words."""
    values = elements(value)
    if keyword == "uniqueItems":
        return "all items different" if value is True else "items may repeat"
    if keyword == "enum" and values is not None:
        listed = ", ".join(encode(each).decode() for each in values)
        return f"must be {listed}" if len(values) == 1 else f"one of {listed}"
    plain = keyword in {"pattern", "format"} and isinstance(value, str)
    said = str(value) if plain else encode(value).decode()
    if len(said) > _LONGEST:
        return keyword
    return _WORDS.get(keyword, keyword + ": {}").replace("{}", said)


def described(description: object, words: Sequence[str]) -> str:
    """A description with constraints behind it."""
    said = "; ".join(words)
    return f"{description} ({said})" if isinstance(description, str) and description else said


class Notes:
    """Collects what of one schema could only be described, each constraint once."""

    def __init__(self, losses: list[Loss]) -> None:
        """Take the list that losses are added to."""
        self._losses = losses
        self._noted: set[str] = set()

    def move(self, path: str, keyword: str, value: object, words: list[str]) -> None:
        """A constraint moves into `words`, which become part of the description."""
        said = words_for(keyword, value)
        words.append(said)
        self.note(path, said)

    def note(self, path: str, detail: str) -> None:
        """Record that the constraint at `path` is held by words at most."""
        if path not in self._noted:
            self._noted.add(path)
            self._losses.append(approximated(path, "schema_relaxed", detail))


def describe(schema: Schema, words: Sequence[str]) -> None:
    """Add constraints to a schema's description."""
    if words:
        schema["description"] = described(schema.get("description"), words)
