"""The demo model's searches of the web: what it finds, and how each vendor's format says so.

Nothing leaves the machine: the pages are made up from the words searched for. What is the same in all
formats is the text of the answer, two sentences, each with the page that it is from.
"""

import hashlib
import re

import msgspec

from dragoman.conversation.blocks import Block, Citation, Text, Unknown
from dragoman.conversation.request import Request, ServerTool
from dragoman.testing.intent import Intent
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.signatures import issue_signature

_SEARCH = re.compile(
    r"(?:please\s+)?(?:search|look)(?:\s+(?:the\s+)?web)?\s+for\s+(?P<words>.+?)[.?!]*",
    re.IGNORECASE | re.DOTALL,
)
_KIND = re.compile(r"web_search.*|google_?search(?:_?retrieval)?", re.IGNORECASE)
_LONGEST_QUERY = 200


class Page(msgspec.Struct, frozen=True):
    """A page that was found, and the sentence that the answer has from it."""

    url: str
    title: str
    sentence: str


def search_for(request: Request, intent: Intent) -> str | None:
    """What the user wants to be searched for on the web; None where nobody can, or nobody asks."""
    searched = _SEARCH.fullmatch(intent.text)
    offered = any(isinstance(tool, ServerTool) and _KIND.fullmatch(tool.kind) for tool in request.tools)
    if searched is None or not offered or intent.results:
        return None
    return " ".join(searched["words"].split())[:_LONGEST_QUERY]


def found_pages(query: str) -> tuple[Page, Page]:
    """What there is to be found."""
    slug = re.sub(r"\W+", "-", query.lower()).strip("-") or "nothing"
    return (
        Page(
            f"https://example.com/{slug}",
            f"{query} \u2013 an overview",
            f"There is much to be said about {query}. ",
        ),
        Page(
            f"https://example.org/{slug}",
            f"More on {query}",
            f"Some of it is on a page of its own: \u201e{query}\u201c.",
        ),
    )


def searched_blocks(request: Request, query: str, included: frozenset[str]) -> list[Block]:
    """The answer in the dialect of the request: the record of the search where it has one, and the text
    with its sources. `included` are the extra parts that a request of OpenAI's asked for.
    """
    pages = found_pages(query)
    match request.dialect:
        case "openai_responses":
            return [_web_search_call(query, pages, included), _cited_text(pages)]
        case "anthropic":
            return _anthropic_blocks(query, pages)
        case _:
            return [_cited_text(pages)]


def _cited_text(pages: tuple[Page, ...]) -> Text:
    text = ""
    citations: list[Citation] = []
    for page in pages:
        end = len(text) + len(page.sentence.rstrip())
        citations.append(Citation(page.url, page.title, start=len(text), end=end))
        text += page.sentence
    return Text(text, tuple(citations))


def _web_search_call(query: str, pages: tuple[Page, ...], included: frozenset[str]) -> Unknown:
    action: Object = {"type": "search", "query": query, "queries": [query]}
    if "web_search_call.action.sources" in included:
        action["sources"] = [{"type": "url", "url": page.url} for page in pages]
    item: Object = {
        "id": f"ws_{_digest(query)}",
        "type": "web_search_call",
        "status": "completed",
        "action": action,
    }
    return _done_here("openai_responses", item)


def _anthropic_blocks(query: str, pages: tuple[Page, ...]) -> list[Block]:
    identity = f"srvtoolu_01{_digest(query)[:22]}"
    call: Object = {
        "type": "server_tool_use",
        "id": identity,
        "name": "web_search",
        "input": {"query": query},
    }
    results: list[JSON] = [
        {
            "type": "web_search_result",
            "url": page.url,
            "title": page.title,
            "encrypted_content": issue_signature("anthropic", "web_search", page.sentence),
            "page_age": None,
        }
        for page in pages
    ]
    result: Object = {"type": "web_search_tool_result", "tool_use_id": identity, "content": results}
    texts = [Text(page.sentence, (_location(page),)) for page in pages]
    return [_done_here("anthropic", call), _done_here("anthropic", result), *texts]


def _location(page: Page) -> Citation:
    cited = page.sentence.strip()
    wire: Object = {
        "type": "web_search_result_location",
        "cited_text": cited,
        "url": page.url,
        "title": page.title,
        "encrypted_index": issue_signature("anthropic", "web_search", cited),
    }
    return Citation(page.url, page.title, cited, dialect="anthropic", json=msgspec.json.encode(wire))


def _done_here(dialect: str, wire: Object) -> Unknown:
    return Unknown(dialect, str(wire["type"]), msgspec.json.encode(wire), server_side=True)


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode("utf-8", "surrogatepass")).hexdigest()[:48]
