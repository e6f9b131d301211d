"""What OpenAI's two formats have in common: fields of one name and meaning, and words for them.

The neutral conversation has no place for these fields, because no other vendor knows them; they travel
between Chat Completions and Responses as they are.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from dragoman.conversation.opaque import Opaque

T = TypeVar("T")

CHAT = "openai_chat"
RESPONSES = "openai_responses"
FAMILY = frozenset({CHAT, RESPONSES})
"""The formats that are meant here, by name."""

SHARED = frozenset(
    {
        "store",
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "safety_identifier",
        "moderation",
        "access_programs",
        "prompt_cache_breakpoint",
        "phase",
    }
)
"""Fields of requests, messages and parts that both formats have. `metadata`, `user`, `service_tier` and
`verbosity` have places of their own in the neutral conversation.
"""


def belongs(field: Opaque, dialect: str) -> bool:
    """Whether a field that only some formats have can be written in `dialect`."""
    if field.dialect == dialect:
        return True
    return field.field in SHARED and field.dialect in FAMILY and dialect in FAMILY


def own_fields(fields: Iterable[Opaque], dialect: str) -> Iterator[Opaque]:
    """Those fields that can be written in `dialect`."""
    return (field for field in fields if belongs(field, dialect))


_TIERS = {
    "auto": "auto",
    "default": "default",
    "flex": "flex",
    "scale": "scale",
    "priority": "priority",
    "fast": "fast",
    "standard": "default",
    "standard_only": "default",
    "batch": "flex",
}
"""OpenAI's words for a service tier, and its words for those of others."""


def service_tier(asked: str, client: str, dialect: str) -> str | None:
    """OpenAI's word for the tier that a client of the format `client` asks for, in a request written in
    `dialect`; None where there is none. Words of the same format that are not known go as they are.
    """
    return _TIERS.get(asked) or (asked if client == dialect else None)


MAX_USER = 64


def user_identifier(user: str) -> str:
    """Who asks, within what OpenAI takes: ids that are too long by their SHA-256 in hex."""
    return hashlib.sha256(user.encode()).hexdigest() if len(user) > MAX_USER else user


class _Grammar(msgspec.Struct, omit_defaults=True):
    syntax: str | None = None
    definition: str | None = None


class _Format(msgspec.Struct, omit_defaults=True):
    """What the text of a custom tool looks like: its grammar flat at Responses, in an object of its own
    at Chat Completions.
    """

    type: str = ""
    syntax: str | None = None
    definition: str | None = None
    grammar: _Grammar | None = None


def nested_format(form: bytes) -> bytes:
    """The `format` of a custom tool as Chat Completions has it, from either format's."""
    found = _read(form, _Format)
    if found.grammar is not None or found.definition is None:
        return form
    return msgspec.json.encode(_Format(found.type, grammar=_Grammar(found.syntax, found.definition)))


def flat_format(form: bytes) -> bytes:
    """The `format` of a custom tool as Responses has it, from either format's."""
    found = _read(form, _Format)
    if found.grammar is None:
        return form
    return msgspec.json.encode(_Format(found.type, found.grammar.syntax, found.grammar.definition))


def _read(declaration: bytes, form: type[T]) -> T:
    """A declaration as far as it can be read: its vendor checks it, not we."""
    try:
        return msgspec.json.decode(declaration, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return form()
