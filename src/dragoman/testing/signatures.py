"""Signatures of the demo model: what a vendor issues over hidden reasoning, and checks on its return.

A signature names the wire format and the model family that issued it and seals both together with
the visible text and, where the vendor binds it to that, the conversation before it. Anyone can issue
one (scripted answers do), nobody gets one past the check that was made for another format or was
altered on the way.
"""

import base64
import binascii
import enum
import hashlib

_MARK = b"demo-signature"
_SEPARATOR = b"\x00"


class Verdict(enum.StrEnum):
    """What the check of a returned signature finds."""

    VALID = "valid"
    UNDECODABLE = "undecodable"
    """Not even base64."""
    FOREIGN = "foreign"
    """Not issued here, or altered."""
    OTHER_FAMILY = "other_family"
    """Issued here, by another model family."""
    OTHER_TEXT = "other_text"
    """Issued here, over another text."""
    OTHER_PREFIX = "other_prefix"
    """Issued here, after another conversation."""


def issue_signature(dialect: str, family: str, text: str = "", prefix: str = "") -> str:
    """The signature over a visible text, as base64. Google's signatures stand for themselves, over ``""``.

    `prefix` is the digest of the conversation that it is bound to; empty for none.
    """
    fields = (_MARK, dialect.encode(), family.encode(), _digest(text), prefix.encode())
    head = _SEPARATOR.join(fields)
    return base64.b64encode(head + _SEPARATOR + _seal(head)).decode()


def check_signature(value: str, dialect: str, family: str, text: str = "", prefix: str = "") -> Verdict:
    """Whether a signature that came back is the one issued over `text`, after `prefix` where both the
    signature and the check name one.
    """
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return Verdict.UNDECODABLE
    head, _, seal = data.rpartition(_SEPARATOR)
    fields = head.split(_SEPARATOR)
    if len(fields) != 5 or fields[0] != _MARK or seal != _seal(head) or fields[1] != dialect.encode():
        return Verdict.FOREIGN
    if fields[2] != family.encode():
        return Verdict.OTHER_FAMILY
    if fields[3] != _digest(text):
        return Verdict.OTHER_TEXT
    bound = fields[4] and prefix
    return Verdict.OTHER_PREFIX if bound and fields[4] != prefix.encode() else Verdict.VALID


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16].encode()


def _seal(head: bytes) -> bytes:
    return hashlib.sha256(b"sealed by the demo model:" + head).hexdigest()[:32].encode()
