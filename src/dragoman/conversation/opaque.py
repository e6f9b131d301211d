"""Data that only its own wire format understands, carried beside what all of them share."""

import msgspec


class Opaque(msgspec.Struct, frozen=True):
    """One wire field that only one dialect has; rendered only back to that dialect.

    `json` is the field's value as JSON text, byte for byte as it was received.
    """

    dialect: str
    field: str
    json: bytes


class Signature(msgspec.Struct, frozen=True):
    """A vendor's proof over hidden reasoning; valid only at the origin that issued it.

    `origin` names provider and model family, `anthropic/claude-4.5` for example. It is empty for a
    signature that a client sent in its vendor's own form, where only `dialect` is known.
    `value` is never altered: vendors compare it byte for byte.
    """

    dialect: str
    origin: str
    value: str

    def readable_at(self, dialect: str, origin: str) -> bool:
        """Whether the vendor at `origin` can be expected to accept this signature."""
        return self.dialect == dialect and self.origin in {"", origin}
