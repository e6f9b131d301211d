"""Members of JSON objects, read without surprise: what is missing or of another type counts as empty."""

from dragoman.testing.grammar.shape import children
from dragoman.testing.json_value import JSON, Object, is_number


def string(value: Object, member: str) -> str:
    """The text that is a member."""
    inner = value.get(member)
    return inner if isinstance(inner, str) else ""


def strings(value: JSON) -> tuple[str, ...]:
    """The texts in an array, or the one text."""
    if isinstance(value, str):
        return (value,)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def number(value: Object, *members: str) -> float | None:
    """The first member that is a number."""
    for member in members:
        inner = value.get(member)
        if isinstance(inner, int | float) and is_number(inner):
            return inner
    return None


def truth(value: Object, member: str) -> bool | None:
    """The boolean that is a member; None where there is none."""
    inner = value.get(member)
    return inner if isinstance(inner, bool) else None


def objects_in(value: JSON) -> list[Object]:
    """The objects in an array, or the one object."""
    if isinstance(value, dict):
        return [value]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def first(value: Object, member: str) -> Object:
    """The first object in the array that is a member; an empty one where there is none."""
    found = children(value, member)
    return found[0] if found else {}
