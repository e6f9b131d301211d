"""Taking secrets out of text, whatever way they came into it."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "[redacted]"

SHORTEST = 4
"""Known secrets shorter than this are left alone: they would blot out ordinary words."""

_KEY = r"""
    (?<![a-z0-9])
    (?: c?sk-[\w-]{6,} | (?:gsk_|xai-|fw_|hf_|tgp_)[\w-]{16,}  # vendors' own prefixes
      | aiza[\w-]{10,} | ya29\.[\w.-]{10,} | eyj[\w-]{8,}(?:\.[\w-]+)*
    )
"""
_INTRODUCED = r"""
    (?P<before>
        (?: \bbearer[ ]+ | [?&](?:key|api_key|access_token)=
          | \b(?:x-goog-api-key|x-api-key|api[-_]?key|authorization)\b
            [\\"']* [ ]* [:=,] [ ]* (?:b(?=["']))? [\\"']* (?:(?:bearer|basic)[ ]+)?
        )
    )
    (?! \[redacted | (?:bearer|basic)[ ] ) [^\s"'\\&,;)\]}<>]{3,}
"""
_SHAPES = re.compile(f"{_KEY}|{_INTRODUCED}", re.IGNORECASE | re.ASCII | re.VERBOSE)

_HINTS = (
    *("sk-", "gsk_", "xai-", "fw_", "hf_", "tgp_", "aiza", "ya29.", "eyj", "bearer ", "authorization"),
    *("api-key", "api_key", "apikey", "?key=", "&key=", "access_token="),
)
"""Without any of these, no part of a text can match: looking for them is much quicker."""


class Redactor:
    """Replaces known secrets, and whatever has the shape of one, by `[redacted]`."""

    __slots__ = ("_known",)

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        # longest first: a secret may begin with another one
        self._known = sorted(forms, key=lambda form: (-len(form), form))

    def text(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        lower = text.lower()
        return _SHAPES.sub(_masked, text) if any(hint in lower for hint in _HINTS) else text


def _masked(match: re.Match[str]) -> str:
    return (match["before"] or "") + MASK


def _forms(secret: str) -> set[str]:
    """How a secret may be written: as it is, in a URL, in JSON and in a Python literal."""
    return {
        secret,
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }
