"""What OpenAI's two formats have in common: fields of one name and meaning, and web search.

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


class _Place(msgspec.Struct, omit_defaults=True):
    """Where the searching user is; both formats use these words."""

    type: str = ""
    city: str | None = None
    country: str | None = None
    region: str | None = None
    timezone: str | None = None


class _NestedPlace(msgspec.Struct, omit_defaults=True):
    type: str = ""
    approximate: _Place | None = None


class _ChatSearch(msgspec.Struct, omit_defaults=True):
    search_context_size: str | None = None
    user_location: _NestedPlace | None = None


class _Filters(msgspec.Struct, omit_defaults=True):
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None


class _Search(msgspec.Struct, omit_defaults=True):
    """A web search of Responses. The same members mean the same at Anthropic, `filters` apart."""

    type: str = ""
    search_context_size: str | None = None
    user_location: _Place | None = None
    filters: _Filters | None = None


class _AnthropicSearch(_Search, omit_defaults=True):
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None
    max_uses: int | None = None


class FoundSearch(msgspec.Struct, frozen=True):
    """A search in another format's words, and those of the client's settings that it goes without."""

    json: bytes
    lost: tuple[str, ...] = ()


def chat_search(declaration: bytes) -> FoundSearch:
    """`web_search_options` of Chat Completions for a tool of Responses."""
    search = _read(declaration, _Search)
    place = search.user_location
    nested = None if place is None else _NestedPlace("approximate", msgspec.structs.replace(place, type=""))
    filters = search.filters or _Filters()
    lost = ("filters",) if filters.allowed_domains or filters.blocked_domains else ()
    return FoundSearch(msgspec.json.encode(_ChatSearch(search.search_context_size, nested)), lost)


def responses_search(dialect: str, declaration: bytes) -> FoundSearch:
    """The `web_search` tool of Responses for another format's."""
    found = _Search("web_search")
    lost: tuple[str, ...] = ()
    if dialect == CHAT:
        options = _read(declaration, _ChatSearch)
        nested = options.user_location
        found.search_context_size = options.search_context_size
        if nested is not None and nested.approximate is not None:
            found.user_location = msgspec.structs.replace(nested.approximate, type="approximate")
    elif dialect == "anthropic":
        asked = _read(declaration, _AnthropicSearch)
        found.user_location = asked.user_location
        if asked.allowed_domains or asked.blocked_domains:
            found.filters = _Filters(asked.allowed_domains or None, asked.blocked_domains or None)
        lost = ("max_uses",) if asked.max_uses is not None else ()
    return FoundSearch(msgspec.json.encode(found), lost)


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
