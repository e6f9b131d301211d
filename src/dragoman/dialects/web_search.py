"""Searches of the web that a vendor does itself, from one format's words to another's."""

from typing import TypeVar

import msgspec

from dragoman.conversation.loss import Loss, dropped
from dragoman.conversation.request import ServerTool
from dragoman.dialects.openai_family import CHAT, RESPONSES

T = TypeVar("T")

_ANTHROPIC = "anthropic"
_VERSION = "web_search_20250305"
"""The version of Anthropic's tool that all of its models have."""

_SEARCHES = ("web_search", "googleSearch", "google_search")
"""How the tools begin that search the web, whoever runs them."""


class _Location(msgspec.Struct, omit_defaults=True):
    """Where the searching user is, in the words of all three."""

    type: str = ""
    city: str | None = None
    country: str | None = None
    region: str | None = None
    timezone: str | None = None


class _NestedLocation(msgspec.Struct, omit_defaults=True):
    type: str = ""
    approximate: _Location | None = None


class _ChatSearch(msgspec.Struct, omit_defaults=True):
    """`web_search_options`."""

    search_context_size: str | None = None
    user_location: _NestedLocation | None = None


class _Filters(msgspec.Struct, omit_defaults=True):
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None


class _ResponsesSearch(msgspec.Struct, omit_defaults=True):
    """The `web_search` tool of Responses."""

    type: str = ""
    search_context_size: str | None = None
    user_location: _Location | None = None
    filters: _Filters | None = None


class _AnthropicSearch(msgspec.Struct, omit_defaults=True):
    """Anthropic's tool."""

    type: str = ""
    name: str = ""
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None
    user_location: _Location | None = None
    max_uses: int | None = None


class _Wish(msgspec.Struct, frozen=True):
    """What a client asks of the search; its fields are named as the settings that losses name."""

    user_location: _Location | None = None
    search_context_size: str | None = None
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None
    max_uses: int | None = None

    def lost(self, *settings: str) -> tuple[str, ...]:
        """Those of the settings that the client gave."""
        return tuple(name for name in settings if getattr(self, name))


class FoundSearch(msgspec.Struct, frozen=True):
    """A search in another format's words, and those of the client's settings that it goes without."""

    json: bytes
    lost: tuple[str, ...] = ()

    def losses(self, place: int) -> list[Loss]:
        """What could not be said of the tool at a place of `tools`."""
        return [
            dropped(f"$.tools[{place}].{name}", "web_search", "search without this setting")
            for name in self.lost
        ]


def searches_web(tool: ServerTool) -> bool:
    """Whether a vendor's own tool is its search of the web."""
    return tool.kind.startswith(_SEARCHES)


def chat_search(tool: ServerTool) -> FoundSearch:
    """`web_search_options` of Chat Completions for another format's search."""
    wish = _wish(tool)
    nested = None
    if wish.user_location is not None:
        nested = _NestedLocation("approximate", msgspec.structs.replace(wish.user_location, type=""))
    options = _ChatSearch(wish.search_context_size, nested)
    return FoundSearch(
        msgspec.json.encode(options), wish.lost("allowed_domains", "blocked_domains", "max_uses")
    )


def responses_search(tool: ServerTool) -> FoundSearch:
    """The `web_search` tool of Responses for another format's search."""
    wish = _wish(tool)
    found = _ResponsesSearch("web_search", wish.search_context_size, wish.user_location)
    if wish.allowed_domains or wish.blocked_domains:
        found.filters = _Filters(wish.allowed_domains or None, wish.blocked_domains or None)
    return FoundSearch(msgspec.json.encode(found), wish.lost("max_uses"))


def anthropic_search(tool: ServerTool) -> FoundSearch:
    """Anthropic's tool for another format's search. It takes domains of one kind only: those allowed."""
    wish = _wish(tool)
    allowed = wish.allowed_domains or None
    found = _AnthropicSearch(
        _VERSION,
        "web_search",
        allowed,
        None if allowed else wish.blocked_domains or None,
        wish.user_location,
        wish.max_uses,
    )
    lost = wish.lost("search_context_size", *(["blocked_domains"] if allowed else []))
    return FoundSearch(msgspec.json.encode(found), lost)


def _wish(tool: ServerTool) -> _Wish:
    """What is asked of a search; the settings of formats that are not known here are left out."""
    match tool.dialect:
        case dialect if dialect == CHAT:
            chat = _read(tool.json, _ChatSearch)
            nested = None if chat.user_location is None else chat.user_location.approximate
            location = None if nested is None else msgspec.structs.replace(nested, type="approximate")
            return _Wish(location, chat.search_context_size)
        case dialect if dialect == RESPONSES:
            own = _read(tool.json, _ResponsesSearch)
            filters = own.filters or _Filters()
            return _Wish(
                own.user_location, own.search_context_size, filters.allowed_domains, filters.blocked_domains
            )
        case dialect if dialect == _ANTHROPIC:
            asked = _read(tool.json, _AnthropicSearch)
            return _Wish(
                asked.user_location,
                allowed_domains=asked.allowed_domains,
                blocked_domains=asked.blocked_domains,
                max_uses=asked.max_uses,
            )
        case _:
            return _Wish()


def _read(declaration: bytes, form: type[T]) -> T:
    """A declaration as far as it can be read: its vendor checks it, not we."""
    try:
        return msgspec.json.decode(declaration, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return form()
