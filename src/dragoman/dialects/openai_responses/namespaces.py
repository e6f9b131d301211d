"""Namespaces: named groups of tools, flattened to single names for everybody else.

A tool `search` of the namespace `code` is called `code__search`; its declaration remembers both parts,
so that calls come back with them.
"""

import msgspec

from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import Request, ServerTool
from dragoman.dialects.openai_responses.wire import NAME

FIELD = "namespace"
"""Under which a tool's declaration remembers its namespace, and a call the one it was made in."""

_JOINT = "__"


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool's name inside its namespace, and what the namespace is for."""

    namespace: str
    name: str
    description: str | None = None


_PLACE = msgspec.json.Decoder(Place)


def flat_name(namespace: str | None, name: str) -> str:
    """The one name that stands for a tool of a namespace; the tool's own where it is in none."""
    return f"{namespace}{_JOINT}{name}" if namespace else name


def remembered(place: Place) -> Opaque:
    """What a declaration keeps of its namespace."""
    return Opaque(NAME, FIELD, msgspec.json.encode(place))


def place_of(opaque: tuple[Opaque, ...]) -> Place | None:
    """The namespace that a declaration, or a call in the history, remembers."""
    kept = next((one for one in opaque if one.dialect == NAME and one.field == FIELD), None)
    return None if kept is None else _PLACE.decode(kept.json)


def namespaces(request: Request) -> dict[str, Place]:
    """The tools of a request that stand in a namespace, by their flat names."""
    found: dict[str, Place] = {}
    for tool in request.tools:
        if not isinstance(tool, ServerTool) and (place := place_of(tool.opaque)) is not None:
            found[tool.name] = place
    return found
