"""What a target gets differently or not at all: said in the client's own words, or reason to refuse."""

import functools
import re
from collections.abc import Collection, Mapping

import msgspec

from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.loss import Loss, LossKind
from dragoman.dialects.foreign_reasoning import CODE as FOREIGN_REASONING

STRICT = "losses"
"""The code of the refusal of a strict request: another target may lose nothing of it."""

_MOST_NAMED = 20
_ANY = "[*]"
"""Stands in a known path for any index; where it stands in the client's own path, too, the index is kept."""


def localized(
    losses: tuple[Loss, ...], paths: Mapping[str, str], fields: Collection[str] = ()
) -> tuple[Loss, ...]:
    """The losses with their paths as they lie in a request of the client's format, each of them once.

    `fields` are the top-level members of the client's own request: of two names for one thing, the one
    that it has used is said.
    """
    placed = (
        loss
        if (path := _path(loss.path, paths, fields)) == loss.path
        else msgspec.structs.replace(loss, path=path)
        for loss in losses
    )
    return tuple(dict.fromkeys(placed))


def _path(path: str, paths: Mapping[str, str], fields: Collection[str]) -> str:
    for known in sorted(paths, key=len, reverse=True):
        found = _pattern(known).match(path)
        if found is None:
            continue
        own = paths[known]
        if _member(path) in fields and _member(own) not in fields:
            return path
        for index in found.groups():
            own = own.replace(_ANY, f"[{index}]", 1)
        return own + path[found.end() :]
    return path


@functools.lru_cache(maxsize=256)
def _pattern(known: str) -> re.Pattern[str]:
    """What begins with a known path, its indexes in groups."""
    return re.compile(re.escape(known).replace(re.escape(_ANY), r"\[(\d+|\*)\]") + r"(?=[.\[]|$)")


def _member(path: str) -> str:
    """The top-level member that a path leads through."""
    return path.removeprefix("$.").partition(".")[0].partition("[")[0]


def check_losses(losses: tuple[Loss, ...]) -> None:
    """Raise `FailureError` (invalid request) that lists what would be dropped or approximated.

    What the gateway emulates is not lost: the client gets what it asked for. Reasoning of another vendor
    is reported only: it can be read nowhere else, so that no request could be strict about it.
    """
    lost = [loss for loss in losses if loss.kind is not LossKind.EMULATED and loss.code != FOREIGN_REASONING]
    if lost:
        raise refused(lost)


def refused(lost: list[Loss]) -> FailureError:
    """The refusal of a strict request, with every loss in it."""
    items = [
        f"{loss.path} would be {loss.kind} ({loss.code}{': ' + loss.detail if loss.detail else ''})"
        for loss in lost[:_MOST_NAMED]
    ]
    if len(lost) > _MOST_NAMED:
        items.append(f"{len(lost) - _MOST_NAMED} more")
    words = (
        f"The target cannot take this request as it is, and it is to be strict: {'; '.join(items)}. "
        "Leave these out, or send the request without 'x-dragoman-strict'."
    )
    return invalid(words, lost[0].path.removeprefix("$."), STRICT)
