"""Losses: what a renderer could not say in the target's wire format."""

import enum

import msgspec


class LossKind(enum.StrEnum):
    """What happened to the thing that could not be said as it was."""

    DROPPED = "dropped"
    APPROXIMATED = "approximated"
    EMULATED = "emulated"


class Loss(msgspec.Struct, frozen=True):
    """One thing of the client's request that the target gets differently or not at all.

    `path` is a JSON path into the client's request where that is known (`$.presence_penalty`),
    else the name of the concept. `code` is short and stable, for machines; `detail` is for people.
    """

    kind: LossKind
    code: str
    path: str
    detail: str = ""


def dropped(path: str, code: str, detail: str = "") -> Loss:
    """A tuning knob that the target does not have."""
    return Loss(LossKind.DROPPED, code, path, detail)


def approximated(path: str, code: str, detail: str = "") -> Loss:
    """Something said with less precision than the client used."""
    return Loss(LossKind.APPROXIMATED, code, path, detail)


def emulated(path: str, code: str, detail: str = "") -> Loss:
    """Something that the gateway does itself because the target cannot."""
    return Loss(LossKind.EMULATED, code, path, detail)
