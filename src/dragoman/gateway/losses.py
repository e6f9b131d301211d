"""What a target gets differently or not at all: said in the client's own words, or reason to refuse."""

from collections.abc import Collection, Mapping

import msgspec

from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.loss import Loss, LossKind
from dragoman.dialects.foreign_reasoning import CODE as FOREIGN_REASONING

_MOST_NAMED = 20


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
    found = [known for known in paths if path == known or path.startswith((known + ".", known + "["))]
    if not found:
        return path
    known = max(found, key=len)
    if _member(path) in fields and _member(paths[known]) not in fields:
        return path
    return paths[known] + path[len(known) :]


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
    return invalid(words, lost[0].path.removeprefix("$."), "losses")
