"""Text that clients or upstreams may have written, as it goes to a terminal."""

import re

_UNSEEN = re.compile(r"[^\n -~]")
"""What may not stand for itself."""


def printable(text: str) -> str:
    """The text without anything that a terminal would obey, lines included."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def printable_json(data: bytes) -> str:
    """JSON that means the same, with everything escaped that a terminal would obey. JSON itself demands that
    only of some of it.
    """
    return _UNSEEN.sub(_escaped, data.decode())


def _escaped(found: re.Match[str]) -> str:
    if found[0].isprintable():
        return found[0]
    units = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
