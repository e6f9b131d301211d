"""What will be done for one attempt, decided before anything is sent.

`plan` is pure: the same request to the same target gives the same plan, byte for byte. It runs for
each attempt anew, when routing has fixed the target, because that is when the target's dialect and
abilities are known.
"""

import contextlib
from collections.abc import Collection

import msgspec

from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.loss import Loss
from dragoman.conversation.request import Request
from dragoman.dialects.dialect import Dialect, Emulation, Head, Target, WireRequest
from dragoman.gateway.call import Call
from dragoman.gateway.losses import localized

MOST_COPIES = 8
"""How often one request is sent, at most, to a target that gives one answer at a time: every copy is paid
for in full.
"""


class Passthrough(msgspec.Struct, frozen=True):
    """Client and target speak one dialect: the bytes go through, both ways.

    `hide_usage` says that a frame of usage was asked for only by us.
    """

    dialect: Dialect
    wire: WireRequest
    hide_usage: bool

    @property
    def copies(self) -> int:
        """How often the request is sent."""
        return 1


class Translation(msgspec.Struct, frozen=True):
    """The request in the target's words, and what has to be done to the answer."""

    dialect: Dialect
    """The target's."""
    wire: WireRequest
    request: Request
    losses: tuple[Loss, ...]
    """Their paths lie in the client's own request."""
    emulation: Emulation

    @property
    def copies(self) -> int:
        """How often the request is sent."""
        return self.emulation.fan_out

    def with_hidden_reasoning(self) -> "Translation":
        """The same plan, the text of reasoning kept from the client."""
        hidden = msgspec.structs.replace(self.emulation, hide_reasoning=True)
        return msgspec.structs.replace(self, emulation=hidden)


Plan = Passthrough | Translation


def asked(call: Call, planned: Plan) -> Request | None:
    """The client's request; None where it went through unread and cannot be read."""
    if isinstance(planned, Translation):
        return planned.request
    with contextlib.suppress(FailureError):
        return call.dialect.parse_request(call.body, call.location)
    return None


def plan(dialect: Dialect, head: Head, body: bytes, spoken: Dialect, target: Target) -> Plan:
    """How a request in `dialect` reaches a target where `spoken` is understood.

    Raises `FailureError` for a request that cannot be read, or that the target cannot serve.
    """
    if passes(dialect, head, spoken, target):
        return passthrough(dialect, head, body, target)
    return translation(dialect, dialect.parse_request(body, head.location), spoken, target, head.fields)


def passes(dialect: Dialect, head: Head, spoken: Dialect, target: Target) -> bool:
    """Whether the target can take the bytes as they are."""
    return spoken is dialect and not head.sealed and target.host.rejects.isdisjoint(head.fields)


def passthrough(dialect: Dialect, head: Head, body: bytes, target: Target) -> Passthrough:
    """The plan that leaves every byte alone but the model's name."""
    passed = dialect.passthrough(head, body, target)
    return Passthrough(dialect, passed.wire, passed.hide_usage)


def translation(
    dialect: Dialect, request: Request, spoken: Dialect, target: Target, fields: Collection[str] = ()
) -> Translation:
    """The plan that goes through the conversation, even where both sides speak one dialect. `fields` are
    the top-level members of the client's request, whose names the losses are told in.

    Raises `FailureError` for a request that the target cannot serve.
    """
    rendered = spoken.render_request(request, target)
    losses = localized(rendered.losses, dialect.field_paths, fields)
    if rendered.emulation.fan_out > MOST_COPIES:
        place = next((loss.path for loss in losses if loss.code == "n"), "$.n").removeprefix("$.")
        raise invalid(
            f"'{place}': this model gives one answer to a request, which is then sent once for each; at most "
            f"{MOST_COPIES} are.",
            place,
            "invalid_value",
        )
    return Translation(spoken, rendered.wire, request, losses, rendered.emulation)
