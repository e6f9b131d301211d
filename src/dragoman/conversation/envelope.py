"""Signatures sealed for the journey through a client that speaks another dialect.

A client hands a vendor's opaque reasoning back with the next turn, in whatever slot its own dialect
has. The seal says who issued the signature, so that it returns there and nowhere else:
`dgm1.<issuer>.<value>`, both parts base64url. Sealing is pure; nothing is remembered or encrypted.
"""

import base64
import binascii

from dragoman.conversation.opaque import Signature

PREFIX = "dgm1."

MARKS = (b"dgm1.", b"ZGdtMS")
"""What a sealed signature looks like inside a body: as text, and in base64 once more."""


_LARGE = 262_144
"""Bytes of a body that is large for what it brings along: pictures and files in base64."""
_TRIES = 256


def holds_seals(body: bytes) -> bool:
    """Whether there may be a sealed signature in a body. What is in base64 once more stands by itself in a
    string of JSON.
    """
    plain, in_base64 = MARKS
    if len(body) < _LARGE:
        return body.rfind(plain) >= 0 or body.rfind(in_base64) >= 0
    return _holds(body, plain, -1) or _holds(body, b'"' + in_base64, 0)


def _holds(body: bytes, mark: bytes, rare: int) -> bool:
    """Whether there is a mark in a large body. One of its bytes is in no base64: a search for that alone
    takes a tenth of the time that one for the whole mark does.
    """
    byte = mark[rare:][:1]
    before = rare % len(mark)
    at = before - 1
    for _ in range(_TRIES):
        at = body.find(byte, at + 1)
        if at < 0:
            return False
        if body.startswith(mark, at - before):
            return True
    return body.rfind(mark) >= 0


def seal(signature: Signature) -> str:
    """One string of `[A-Za-z0-9_.-]` that holds the signature and its issuer."""
    issuer = f"{signature.dialect}\n{signature.origin}".encode()
    return PREFIX + _encode(issuer) + "." + _encode(signature.value.encode())


def unseal(text: str) -> Signature | None:
    """The signature inside a sealed string; None for anything that is not one."""
    if not text.startswith(PREFIX):
        return None
    issuer, dot, value = text[len(PREFIX) :].partition(".")
    if not dot:
        return None
    try:
        dialect, newline, origin = _decode(issuer).partition("\n")
        return Signature(dialect, origin, _decode(value)) if newline else None
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> str:
    data = text.encode("ascii")
    return base64.b64decode(data + b"=" * (-len(data) % 4), altchars=b"-_", validate=True).decode()
