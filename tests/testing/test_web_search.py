"""Searches of the web, and how each format cites what they find."""

import msgspec
import pytest

from dragoman.testing.exchange import Answer
from dragoman.testing.json_value import JSON, Object, decode_json, decode_object
from dragoman.testing.provider import FakeProvider

QUESTION = "Search for blue whales"
URLS = ["https://example.com/blue-whales", "https://example.org/blue-whales"]
TOOL: Object = {"type": "web_search_20250305", "name": "web_search"}


def call(path: str, body: Object, **headers: str) -> Answer:
    named = {"content-type": "application/json"}
    named.update({name.replace("_", "-"): value for name, value in headers.items()})
    return FakeProvider().answer("POST", path, "", named, msgspec.json.encode(body))


def at(value: JSON, *path: str | int) -> JSON:
    for step in path:
        match value, step:
            case list() as elements, int() as place:
                value = elements[place]
            case dict() as members, str() as name:
                value = members[name]
            case _:
                raise AssertionError(f"{step} leads nowhere")
    return value


def things(value: JSON) -> list[Object]:
    assert isinstance(value, list)
    return [one for one in value if isinstance(one, dict)]


def answered(answer: Answer) -> Object:
    assert answer.status == 200, answer.body
    return decode_object(answer.body)


def test_chat_completions_cites_in_annotations() -> None:
    body: Object = {"model": "gpt-4o-search-preview", "messages": [{"role": "user", "content": QUESTION}]}

    message = at(
        answered(call("/v1/chat/completions", {**body, "web_search_options": {}})), "choices", 0, "message"
    )
    without = at(answered(call("/v1/chat/completions", body)), "choices", 0, "message")

    cited = [one["url_citation"] for one in things(at(message, "annotations"))]
    assert [at(one, "url") for one in cited] == URLS
    text = str(at(message, "content"))
    spans = [(int(str(at(one, "start_index"))), int(str(at(one, "end_index")))) for one in cited]
    assert [text[start:end][-1] for start, end in spans] == [".", "."]
    assert isinstance(message, dict)
    assert "tool_calls" not in message
    assert isinstance(without, dict)
    assert not without.get("annotations")


def test_responses_records_the_search_and_cites_in_annotations() -> None:
    body: Object = {
        "model": "gpt-4o",
        "input": QUESTION,
        "tools": [{"type": "web_search"}],
        "include": ["web_search_call.action.sources"],
    }

    items = things(answered(call("/v1/responses", body))["output"])

    assert [item["type"] for item in items] == ["web_search_call", "message"]
    assert at(items[0], "action", "query") == "blue whales"
    assert [one["url"] for one in things(at(items[0], "action", "sources"))] == URLS
    annotations = things(at(items[1], "content", 0, "annotations"))
    assert [(one["type"], one["url"]) for one in annotations] == [("url_citation", url) for url in URLS]


def test_google_grounds_its_answer_in_bytes() -> None:
    body: Object = {"contents": [{"parts": [{"text": QUESTION}]}], "tools": [{"googleSearch": {}}]}

    candidate = at(answered(call("/v1beta/models/gemini-2.5-flash:generateContent", body)), "candidates", 0)

    grounding = at(candidate, "groundingMetadata")
    assert [at(one, "web", "uri") for one in things(at(grounding, "groundingChunks"))] == URLS
    text = str(at(candidate, "content", "parts", 0, "text")).encode()
    segment = at(things(at(grounding, "groundingSupports"))[1], "segment")
    start, end = int(str(at(segment, "startIndex"))), int(str(at(segment, "endIndex")))
    assert text[start:end].decode() == at(segment, "text")
    assert end - start > len(str(at(segment, "text")))


def searched() -> tuple[Object, list[JSON]]:
    """A request that asked for a search, and the answer's content."""
    body: Object = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 500,
        "tools": [TOOL],
        "messages": [{"role": "user", "content": QUESTION}],
    }
    content = answered(call("/v1/messages", body, anthropic_version="2023-06-01"))["content"]
    assert isinstance(content, list)
    return body, content


def test_anthropic_shows_the_search_and_cites_with_each_text() -> None:
    _, content = searched()
    blocks = things(content)

    kinds = [block["type"] for block in blocks]
    assert kinds == ["server_tool_use", "web_search_tool_result", "text", "text"]
    assert blocks[1]["tool_use_id"] == blocks[0]["id"]
    assert [one["url"] for one in things(blocks[1]["content"])] == URLS
    assert [at(block["citations"], 0, "url") for block in blocks[2:]] == URLS


def replayed(body: Object, content: list[JSON]) -> Answer:
    messages = body["messages"]
    assert isinstance(messages, list)
    turns: list[JSON] = [
        *messages,
        {"role": "assistant", "content": content},
        {"role": "user", "content": "Thanks"},
    ]
    return call("/v1/messages", {**body, "messages": turns}, anthropic_version="2023-06-01")


def test_anthropic_takes_its_own_search_back() -> None:
    body, content = searched()

    assert replayed(body, content).status == 200


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"encrypted_content":"',
            '"encrypted_content":"x',
            "Invalid `encrypted_content` in `web_search_result` block",
        ),
        (
            '"encrypted_index":"',
            '"encrypted_index":"x',
            "Invalid `encrypted_index` in `web_search_result_location` citation",
        ),
        (
            '"tool_use_id":"srvtoolu_',
            '"tool_use_id":"srvtoolu_x',
            "unexpected `tool_use_id` found in `web_search_tool_result` blocks",
        ),
    ],
)
def test_anthropic_refuses_a_search_that_was_altered(old: str, new: str, message: str) -> None:
    body, content = searched()
    altered = decode_json(msgspec.json.encode(content).decode().replace(old, new))
    assert isinstance(altered, list)

    answer = replayed(body, altered)

    assert answer.status == 400
    assert message in answer.body.decode()


def test_anthropic_refuses_half_a_search() -> None:
    body, content = searched()

    without_result = replayed(body, [content[0], *content[2:]])
    without_call = replayed(body, content[1:])

    assert "was found without a corresponding `web_search_tool_result` block" in without_result.body.decode()
    assert "must have a corresponding `server_tool_use` block before it" in without_call.body.decode()
    assert (without_result.status, without_call.status) == (400, 400)


def test_a_search_beside_other_tools_is_not_taken_for_their_call() -> None:
    function: Object = {"type": "function", "name": "find_whales", "parameters": {"type": "object"}}
    body: Object = {"model": "gpt-4o", "input": QUESTION, "tools": [function, {"type": "web_search"}]}

    searched_for = things(answered(call("/v1/responses", body))["output"])
    called = things(answered(call("/v1/responses", {**body, "tools": [function]}))["output"])

    assert searched_for[0]["type"] == "web_search_call"
    assert called[0]["type"] == "function_call"
