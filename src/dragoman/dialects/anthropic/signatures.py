"""Where sealed signatures of other vendors stand in this format.

The format signs `thinking` blocks only. Google signs tool calls and plain text as well, and some
vendors send reasoning without any signature, where this format's clients want one. So a sealed
signature says at its end whose it is:

- nothing: that of the thinking block it stands in;
- `.next`: that of the tool call after the thinking block;
- `.last`: that of the text or tool call before the `redacted_thinking` block;
- `.alone`: that of a text block without text, which this format cannot hold.

The signature of the text that an answer ends with is left out: clients take the last block for what the
model says to them. The gateway remembers it.

Pure functions of the answer on the way out and of the history on the way back: nothing is remembered.
"""

import enum

from dragoman.conversation import envelope
from dragoman.conversation.opaque import Signature
from dragoman.dialects.anthropic.wire import DIALECT


class Slot(enum.StrEnum):
    """Whose signature a sealed one is."""

    OWN = ""
    NEXT = "next"
    LAST = "last"
    ALONE = "alone"


def wire_signature(signature: Signature) -> str:
    """A thinking block's own signature as a client of this dialect gets it: the vendor's as it is,
    that of anybody else sealed, and so what another gateway has sealed before.
    """
    if signature.dialect == DIALECT and not signature.value.startswith(envelope.PREFIX):
        return signature.value
    return envelope.seal(signature)


def sealed(signature: Signature, slot: Slot) -> str:
    """A signature that belongs to another block than the one it will stand in."""
    return f"{envelope.seal(signature)}.{slot}"


def opened(text: str) -> tuple[Signature | None, Slot] | None:
    """The signature in a sealed string and whose it is; None for what the vendor itself has signed.

    The signature is None where there was none, or where the seal is damaged.
    """
    if not text.startswith(envelope.PREFIX):
        return None
    slot = Slot.OWN
    head, _, tail = text.rpartition(".")
    if tail in _SLOTS:
        slot = Slot(tail)
        text = head
    signature = envelope.unseal(text)
    return (signature if signature is not None and signature.dialect else None), slot


_SLOTS = frozenset({Slot.NEXT, Slot.LAST, Slot.ALONE})

UNSIGNED = envelope.seal(Signature("", "", ""))
"""Stands in for the signature of reasoning that has none: clients refuse an empty one."""
