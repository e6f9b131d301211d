"""Types of JSON members, checked with a note of what is wrong and where."""

from collections.abc import Callable

from dragoman.testing.json_value import JSON, Object, is_integer, is_number

Check = Callable[[JSON], bool]


def text(value: JSON) -> bool:
    """A string."""
    return isinstance(value, str)


def name(value: JSON) -> bool:
    """A string that is not empty."""
    return isinstance(value, str) and value != ""


def count(value: JSON) -> bool:
    """A whole number from 0 on."""
    return isinstance(value, int) and is_integer(value) and value >= 0


def number(value: JSON) -> bool:
    """A number."""
    return is_number(value)


def flag(value: JSON) -> bool:
    """A boolean."""
    return isinstance(value, bool)


def array(value: JSON) -> bool:
    """An array."""
    return isinstance(value, list)


def thing(value: JSON) -> bool:
    """An object."""
    return isinstance(value, dict)


def null(value: JSON) -> bool:
    """Null."""
    return value is None


def maybe(check: Check) -> Check:
    """What `check` takes, or null."""
    return lambda value: value is None or check(value)


def one_of(*words: str) -> Check:
    """One of the words."""
    return lambda value: value in words


def require(value: Object, members: dict[str, Check], where: str, found: list[str]) -> bool:
    """Whether every member is there and right; notes on those that are not are added to `found`."""
    before = len(found)
    for member, check in members.items():
        if member not in value:
            found.append(f"{where}: `{member}` is missing")
        elif not check(value[member]):
            found.append(f"{where}: `{member}` is wrong: {str(value[member])[:80]!r}")
    return len(found) == before


def allow(value: Object, members: dict[str, Check], where: str, found: list[str]) -> None:
    """Note members that are there and wrong."""
    require(value, {member: check for member, check in members.items() if member in value}, where, found)


def only(value: Object, members: frozenset[str], where: str, found: list[str]) -> None:
    """Note members that do not belong there."""
    found.extend(f"{where}: `{member}` does not belong there" for member in value if member not in members)


def child(value: Object, member: str) -> Object:
    """The object that is a member; an empty one where there is none."""
    inner = value.get(member)
    return inner if isinstance(inner, dict) else {}


def children(value: Object, member: str) -> list[Object]:
    """The objects in the array that is a member."""
    inner = value.get(member)
    return [element for element in inner if isinstance(element, dict)] if isinstance(inner, list) else []


def whole(value: Object, member: str) -> int:
    """The whole number that is a member; 0 where there is none."""
    inner = value.get(member)
    return inner if isinstance(inner, int) and not isinstance(inner, bool) else 0
