"""What OpenAI's two formats have in common: fields of one name and meaning, and words for them.

The neutral conversation has no place for these fields, because no other vendor knows them; they travel
between Chat Completions and Responses as they are.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from dragoman.conversation.blocks import Text
from dragoman.conversation.loss import dropped
from dragoman.conversation.opaque import Opaque

T = TypeVar("T")

UNMARKED = dropped("$..cache_control", "cache_control", "OpenAI caches prompts by itself")
UNMARKED_PROMPT = dropped("$.cache_control", "cache_control", "OpenAI caches prompts by itself")
"""What becomes of marks for a prompt cache, on parts of a request and on the whole of it."""

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


def own_fields(fields: Sequence[Opaque], dialect: str) -> Sequence[Opaque]:
    """Those fields that can be written in `dialect`."""
    return [field for field in fields if belongs(field, dialect)] if fields else ()


BETWEEN_MESSAGES = "\n\n"
"""Stands in Chat Completions between what are messages of their own in Responses."""


def are_apart(first: Text, second: Text) -> bool:
    """Whether two texts of a turn are of different messages of Responses: of a comment, say, and of the
    final answer.
    """
    return _of_message(first) != _of_message(second)


def _of_message(text: Text) -> list[Opaque]:
    return [one for one in text.opaque if one.dialect == RESPONSES]


def spoken(texts: Iterable[Text]) -> str:
    """The texts of one turn of the model as the one string that Chat Completions has for them."""
    said = ""
    before: Text | None = None
    for text in texts:
        if text.text:
            apart = before is not None and are_apart(before, text)
            said += BETWEEN_MESSAGES + text.text if apart else text.text
            before = text
    return said


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
