"""How many tokens a request may take, as far as that can be told without reading it: the limit that it sets
to its answer, and whether the bytes of its prompt tell anything.

Vendors count reasoning inside the limit, with one exception: Anthropic's thinking budget may be larger than
`max_tokens` where the model thinks between calls of tools, and is then written besides. Some hosts of
compatible formats leave reasoning out of it all the same.
"""

import re
from collections.abc import Mapping

import msgspec

from dragoman.dialects.dialect import Head
from dragoman.models.profile import Profile

DEFAULT_OUTPUT = 4096
"""What counts where neither the request nor what is known of the model has a limit."""
_COMPLETION = 16
"""OpenAI's own limit for requests to go on with a text that name none."""

MOST_SEARCHES = 10
"""Searches for one answer where nobody has said how many there may be."""
MOST_OUTPUT = 10**9
"""More than any model writes: what a request names beyond it, its vendor refuses."""

_KEPT = frozenset({"previous_response_id", "conversation", "cachedContent", "cached_content"})
_TOOLS = frozenset({"tools", "web_search_options", "plugins", "mcp_servers", "container"})
_HOSTED = (
    b"earch",
    b"fetch",
    b"rl_context",
    b"rlContext",
    b"mcp",
    b"computer",
    b"code",
    b"maps",
    b"bash",
    b"editor",
)

Fields = Mapping[str, msgspec.Raw]

_NAMES = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_MOST_USES = re.compile(rb'"max_uses"\s*:\s*(\d{1,9})')
_LETTERS = re.compile(rb"\\u00[4-7]")
"""ASCII letters that are written as escapes. Nobody does so but who wants a word not to be found."""
_RENDERED = re.compile(rb'"max(?:_completion|_output)?_tokens":(\d+)|"maxOutputTokens":(\d+)')
"""As requests are written here: without spaces. In a text, the marks would have a backslash before them."""

_MEMBERS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PROMPTS = msgspec.json.Decoder(list[msgspec.Raw])


def output_bound(dialect: str, head: Head, profile: Profile) -> int:
    """The most tokens that the answer to a request of a dialect has, all its candidates together, where the
    request is passed on as it is. `profile` is that of the model that it goes to.
    """
    return min(_output(dialect, head, profile), MOST_OUTPUT)


def _output(dialect: str, head: Head, profile: Profile) -> int:
    fields = head.fields
    match dialect:
        case "gemini":
            return _gemini(fields, profile)
        case "openai_completions":
            limit = _limit(fields)
            texts = max(_number(fields, "n") or 1, _number(fields, "best_of") or 1) * _prompts(fields)
            return (_COMPLETION if limit is None else limit) * texts
        case "anthropic" if "thinking" in fields:
            limit = _limit(fields)
            budget = _number(_members(fields, "thinking"), "budget_tokens") or 0
            whole = _otherwise(profile) if limit is None else limit
            return whole + budget if budget >= whole else whole
        case _:
            limit = _limit(fields)
            whole = _otherwise(profile) if limit is None else limit
            return whole * head.candidates


def outlasts(dialect: str, head: Head) -> bool:
    """Whether the answer is made in the background: nobody who sends the request hears what it has taken."""
    return dialect == "openai_responses" and bytes(head.fields.get("background", b"")) == b"true"


def plain(head: Head, body: bytes) -> bool:
    """Whether there is nothing in a request whose tokens the bytes of its body do not tell: no media, no
    files, no tool of the vendor's, nothing that the vendor keeps. Only a look at the bytes: text that speaks
    of such things counts as if it had them.
    """
    fields = head.fields
    if not _KEPT.isdisjoint(fields):
        return False
    if _speaks_of_media(body):
        return False
    if body.find(b"\\u") >= 0 and _LETTERS.search(body):
        return False
    if "reasoning" in fields and b'"pro"' in bytes(fields["reasoning"]):
        return False  # the prompt is read several times
    if "prompt" in fields and bytes(fields["prompt"]).startswith(b"{"):
        return False  # one that OpenAI keeps
    return _TOOLS.isdisjoint(fields) or not any(
        mark in bytes(fields[name]) for name in _TOOLS if name in fields for mark in _HOSTED
    )


def _speaks_of_media(body: bytes) -> bool:
    find = body.find  # for a small body it takes half the time of `in`
    return (
        find(b"image") >= 0
        or find(b"file") >= 0
        or find(b"audio") >= 0
        or find(b"video") >= 0
        or find(b"document") >= 0
        or find(b"nline") >= 0
    )


def searches_bound(head: Head) -> int:
    """How often the vendor may search the web for an answer, at most. Those who set no limit to it are taken
    not to need more than some searches.
    """
    if _TOOLS.isdisjoint(head.fields):
        return 0
    tools = b" ".join(bytes(head.fields[name]) for name in _TOOLS if name in head.fields)
    searching = b"earch" in tools or b'"web"' in tools or _LETTERS.search(tools)
    if not (searching or "web_search_options" in head.fields):
        return 0
    limits = sum(int(found) for found in _MOST_USES.findall(tools))
    return min(limits or MOST_SEARCHES, MOST_OUTPUT)


def rendered_bound(body: bytes, profile: Profile, candidates: int = 1) -> int:
    """The same for a request that was written here for a model: the largest limit that is in its body. What a
    client's tools are called cannot make it smaller.
    """
    found = [int(one or other) for one, other in _RENDERED.findall(body)]
    return min((max(found) if found else _otherwise(profile)) * candidates, MOST_OUTPUT)


def _gemini(fields: Fields, profile: Profile) -> int:
    config = _members(fields, "generationConfig") or _members(fields, "generation_config")
    limit = _number(config, "maxOutputTokens") or _number(config, "max_output_tokens")
    candidates = _number(config, "candidateCount") or _number(config, "candidate_count") or 1
    return (_otherwise(profile) if limit is None else limit) * candidates


def _otherwise(profile: Profile) -> int:
    return DEFAULT_OUTPUT if profile.max_output_tokens is None else profile.max_output_tokens


def _limit(fields: Fields) -> int | None:
    """The largest of the limits, where a request has several."""
    largest: int | None = None
    for name in _NAMES:
        if name in fields:
            number = _number(fields, name)
            if number is not None and (largest is None or number > largest):
                largest = number
    return largest


def _number(fields: Fields, name: str) -> int | None:
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        # Google takes numbers as text, too
        return int(bytes(raw).strip(b'"'))
    except ValueError:
        return _whole(bytes(raw))


def _whole(raw: bytes) -> int | None:
    """A number with a point or an exponent; None for anything else, which the vendor will refuse."""
    try:
        return int(float(raw))
    except (ValueError, OverflowError):
        return None


def _members(fields: Fields, name: str) -> Fields:
    raw = fields.get(name)
    if raw is None:
        return {}
    try:
        return _MEMBERS.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _prompts(fields: Fields) -> int:
    """How many texts there are to go on with: several, or the tokens of one."""
    raw = bytes(fields.get("prompt", b""))
    if raw[:1] != b"[":
        return 1
    try:
        prompts = _PROMPTS.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 1
    return sum(bytes(one)[:1] in (b'"', b"[") for one in prompts) or 1
