"""Searches of the web in every format's words."""

import json

import pytest

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import FailureError
from dragoman.conversation.request import Message, Request, Role, ServerTool
from dragoman.dialects.dialect import Target
from dragoman.dialects.registry import DIALECTS
from dragoman.dialects.web_search import (
    FoundSearch,
    anthropic_search,
    chat_search,
    responses_search,
    searches_web,
)
from dragoman.models.profile import Profile

PLACE = {"type": "approximate", "city": "Berlin", "timezone": "Europe/Berlin"}
CHAT_PLACE = {"type": "approximate", "approximate": {"city": "Berlin", "timezone": "Europe/Berlin"}}
CHAT = {"search_context_size": "high", "user_location": CHAT_PLACE}
RESPONSES: dict[str, object] = {
    "type": "web_search",
    "search_context_size": "high",
    "user_location": PLACE,
    "filters": {"allowed_domains": ["e.com"]},
}
ANTHROPIC: dict[str, object] = {
    "type": "web_search_20250305",
    "name": "web_search",
    "allowed_domains": ["e.com"],
    "user_location": PLACE,
    "max_uses": 3,
}
KINDS = {
    "openai_chat": "web_search_options",
    "openai_responses": "web_search",
    "anthropic": "web_search_20260318",
    "gemini": "googleSearch",
}


def tool(dialect: str, declared: object) -> ServerTool:
    return ServerTool(dialect, KINDS[dialect], json.dumps(declared).encode())


def without(declared: dict[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in declared.items() if name not in names}


def said(found: FoundSearch) -> object:
    return json.loads(found.json)


def test_a_search_of_responses() -> None:
    asked = tool("openai_responses", RESPONSES)
    assert (said(chat_search(asked)), chat_search(asked).lost) == (CHAT, ("allowed_domains",))
    there = anthropic_search(asked)
    assert (said(there), there.lost) == (without(ANTHROPIC, "max_uses"), ("search_context_size",))


def test_a_search_of_chat_completions() -> None:
    there = responses_search(tool("openai_chat", CHAT))
    assert (said(there), there.lost) == (without(RESPONSES, "filters"), ())


def test_a_search_of_anthropic() -> None:
    there = responses_search(tool("anthropic", ANTHROPIC))
    assert (said(there), there.lost) == (without(RESPONSES, "search_context_size"), ("max_uses",))
    assert chat_search(tool("anthropic", ANTHROPIC)).lost == ("allowed_domains", "max_uses")


def test_a_search_of_google_has_no_settings() -> None:
    asked = tool("gemini", {})
    assert said(chat_search(asked)) == {}
    assert said(responses_search(asked)) == {"type": "web_search"}
    assert said(anthropic_search(asked)) == {"type": "web_search_20250305", "name": "web_search"}


def test_anthropic_takes_domains_of_one_kind() -> None:
    filters = {"allowed_domains": ["a.com"], "blocked_domains": ["b.com"]}
    both = anthropic_search(tool("openai_responses", {"type": "web_search", "filters": filters}))
    assert both.lost == ("blocked_domains",)
    only = {"type": "web_search", "filters": {"blocked_domains": ["b.com"]}}
    blocked = anthropic_search(tool("openai_responses", only))
    assert (said(blocked), blocked.lost) == (
        {"type": "web_search_20250305", "name": "web_search", "blocked_domains": ["b.com"]},
        (),
    )


@pytest.mark.parametrize("declared", [None, 5, {"search_context_size": 5}, {"user_location": "x"}])
@pytest.mark.parametrize("dialect", KINDS)
def test_a_search_that_cannot_be_read_is_a_search(dialect: str, declared: object) -> None:
    assert said(responses_search(tool(dialect, declared))) == {"type": "web_search"}


def test_losses_name_the_setting() -> None:
    (loss,) = responses_search(tool("anthropic", {"max_uses": 3})).losses(2)
    assert (loss.path, loss.code) == ("$.tools[2].max_uses", "web_search")


def test_only_searches_are_searches() -> None:
    assert all(searches_web(tool(dialect, {})) for dialect in KINDS)
    assert not searches_web(ServerTool("anthropic", "web_fetch_20250910", b"{}"))
    assert not searches_web(ServerTool("gemini", "codeExecution", b"{}"))


@pytest.mark.parametrize("dialect", KINDS)
@pytest.mark.parametrize("client", KINDS)
def test_every_client_can_have_the_web_searched_everywhere(client: str, dialect: str) -> None:
    messages = (Message(Role.USER, (Text("hi"),)),)
    asked = Request(client, "m", messages, tools=(tool(client, {"type": KINDS[client]}),))
    searching = Profile(family="x", web_search=True)
    rendered = DIALECTS[dialect].render_request(asked, Target("p", "m", "p/x", searching))
    assert b"search" in rendered.wire.body.lower()


def test_other_tools_that_a_vendor_runs_are_refused() -> None:
    messages = (Message(Role.USER, (Text("hi"),)),)
    asked = Request("gemini", "m", messages, tools=(ServerTool("gemini", "codeExecution", b"{}"),))
    for dialect in KINDS.keys() - {"gemini"}:
        with pytest.raises(FailureError) as caught:
            DIALECTS[dialect].render_request(
                asked, Target("p", "m", "p/x", Profile(family="x", web_search=True))
            )
        assert caught.value.failure.param == "tools[0]"
