"""Long lists, a page at a time."""

import base64
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from dragoman.console.problem import invalid

Place = tuple[float | str, str]
"""Where something stands in a list: what the list is sorted by, and the id."""

T = TypeVar("T")

_DECODER = msgspec.json.Decoder(Place)


def page(
    things: Sequence[tuple[Place, T]], limit: int, cursor: str | None, *, falling: bool = False
) -> tuple[list[T], str | None]:
    """So many of the things behind a cursor, and the cursor of what follows. The cursor says where the last
    one stood: what comes and goes meanwhile moves nothing. Raises `ProblemError` for one that is none of
    ours.
    """
    listed = sorted(things, key=lambda one: one[0], reverse=falling)
    if cursor is not None:
        last = _parse(cursor)
        try:
            listed = [one for one in listed if (one[0] < last if falling else one[0] > last)]
        except TypeError:
            raise _unknown() from None
    following = _render(listed[limit - 1][0]) if len(listed) > limit else None
    return [thing for _, thing in listed[:limit]], following


def _render(place: Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _parse(cursor: str) -> Place:
    try:
        return _DECODER.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, msgspec.MsgspecError):
        raise _unknown() from None


def _unknown() -> Exception:
    return invalid("'cursor': send the `next` of an answer as it is.", "cursor")
