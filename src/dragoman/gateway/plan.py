"""What will be done for one attempt, decided before anything is sent.

`plan` is pure: the same request to the same target gives the same plan, byte for byte. It runs for
each attempt anew, when routing has fixed the target, because that is when the target's dialect and
abilities are known.
"""

import msgspec

from dragoman.conversation.loss import Loss
from dragoman.conversation.request import Request
from dragoman.dialects.dialect import Dialect, Emulation, Head, Location, Target, WireRequest


class Passthrough(msgspec.Struct, frozen=True):
    """Client and target speak one dialect: the bytes go through, both ways.

    `hide_usage` says that a frame of usage was asked for only by us.
    """

    dialect: Dialect
    wire: WireRequest
    hide_usage: bool


class Translation(msgspec.Struct, frozen=True):
    """The request in the target's words, and what has to be done to the answer."""

    dialect: Dialect
    """The target's."""
    wire: WireRequest
    request: Request
    losses: tuple[Loss, ...]
    emulation: Emulation


Plan = Passthrough | Translation


def plan(dialect: Dialect, head: Head, body: bytes, spoken: Dialect, target: Target) -> Plan:
    """How a request in `dialect` reaches a target where `spoken` is understood.

    Raises `FailureError` for a request that cannot be read, or that the target cannot serve.
    """
    if spoken is dialect and not head.sealed and target.host.rejects.isdisjoint(head.fields):
        passed = dialect.passthrough(head, body, target)
        return Passthrough(dialect, passed.wire, passed.hide_usage)
    return translation(dialect, body, head.location, spoken, target)


def translation(
    dialect: Dialect, body: bytes, location: Location, spoken: Dialect, target: Target
) -> Translation:
    """The plan that goes through the conversation, even where both sides speak one dialect."""
    request = dialect.parse_request(body, location)
    rendered = spoken.render_request(request, target)
    return Translation(spoken, rendered.wire, request, rendered.losses, rendered.emulation)
