"""Taking secrets out of text, whatever way they came into it."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "[redacted]"

_ESCAPED = re.compile("%[0-9A-F]{2}")

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
        self._known: dict[str, list[str]] = {}
        """By their first characters: many keys begin alike, and most texts hold no such beginning."""
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Take out these secrets too from now on. What was secret before stays so."""
        for secret in secrets:
            if len(secret) >= SHORTEST:
                for form in _forms(secret):
                    known = self._known.setdefault(form[:SHORTEST], [])
                    if form not in known:
                        known.append(form)

    def text(self, text: str) -> str:
        """The text without secrets."""
        found = [form for head, forms in self._known.items() if head in text for form in forms]
        # longest first: a secret may hold another one
        for form in sorted(found, key=lambda form: (-len(form), form)):
            text = text.replace(form, MASK)
        lower = text.lower()
        return _SHAPES.sub(_masked, text) if any(hint in lower for hint in _HINTS) else text


def _masked(match: re.Match[str]) -> str:
    return (match["before"] or "") + MASK


def _forms(secret: str) -> set[str]:
    """How a secret may be written: as it is, in a URL, and as text within text, once or twice over."""
    forms = {secret}
    for _ in range(2):
        forms |= {written for form in forms for written in _written(form)}
    # with a slash or without, with capitals or without: programs differ
    addressed = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    return forms | addressed | {_ESCAPED.sub(lambda found: found[0].lower(), url) for url in addressed}


def _written(text: str) -> set[str]:
    """Text as JSON and Python write it between quotes, of either kind."""
    return {
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        repr('"' + text)[2:-1],
        repr(text.encode("utf-8", "surrogatepass"))[2:-1],
    }
