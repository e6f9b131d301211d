"""Taking secrets out of text, whatever way they came into it."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "[redacted]"

_PERCENT = re.compile("%[0-9A-F]{2}")
_PLAIN = re.compile(r"[ !#-&(-\[\]-~]+")
"""Characters that are written as they are in JSON and in Python."""

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

    __slots__ = ("_escapable", "_plain")

    def __init__(self, secrets: Iterable[str]) -> None:
        self._plain: dict[str, list[str]] = {}
        """By their first characters: many keys begin alike, and most texts hold no such beginning."""
        self._escapable: dict[str, re.Pattern[str]] = {}
        """Those that text within text writes in another way."""
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Take out these secrets too from now on. What was secret before stays so."""
        for secret in secrets:
            if len(secret) < SHORTEST:
                continue
            for form in _forms(secret):
                known = self._plain.setdefault(form[:SHORTEST], [])
                if form not in known:
                    known.append(form)
            if not _PLAIN.fullmatch(secret):
                self._escapable[secret] = re.compile("".join(map(_written, secret)))

    def finds(self, text: str) -> bool:
        """Whether there is a known secret in the text."""
        return any(
            form in text for head, forms in self._plain.items() if head in text for form in forms
        ) or any(pattern.search(text) for pattern in self._escapable.values())

    def text(self, text: str) -> str:
        """The text without secrets."""
        # longest first: a secret may hold another one
        for secret in sorted(self._escapable, key=_by_length):
            text = self._escapable[secret].sub(MASK, text)
        found = [form for head, forms in self._plain.items() if head in text for form in forms]
        for form in sorted(found, key=_by_length):
            text = text.replace(form, MASK)
        lower = text.lower()
        return _SHAPES.sub(_masked, text) if any(hint in lower for hint in _HINTS) else text


def _by_length(text: str) -> tuple[int, str]:
    return -len(text), text


def _masked(match: re.Match[str]) -> str:
    return (match["before"] or "") + MASK


def _forms(secret: str) -> set[str]:
    """A secret as it is, as PHP has it in JSON, and in URLs, with slashes and small letters or not."""
    addressed = {
        quote(secret, safe="", errors="surrogatepass"),
        quote(secret, errors="surrogatepass"),
        quote_plus(secret, errors="surrogatepass"),
    }
    return (
        {secret, secret.replace("/", r"\/")}
        | addressed
        | {_PERCENT.sub(lambda found: found[0].lower(), url) for url in addressed}
    )


def _written(char: str) -> str:
    """A pattern of all ways in which JSON and Python write a character. Text within text may be as deep as it
    likes: every layer only puts more backslashes.
    """
    if _PLAIN.fullmatch(char):
        return re.escape(char)
    forms = {
        char,
        json.dumps(char)[1:-1],
        repr(char)[1:-1],
        repr(char.encode("utf-8", "surrogatepass"))[2:-1],
        quote(char, safe="", errors="surrogatepass"),
    }
    patterns = {r"\\+".join(map(re.escape, re.split(r"\\+", form))) for form in forms}
    optional = r"\\*" if char in "\"'" else ""
    return f"{optional}(?:{'|'.join(sorted(patterns))})"
