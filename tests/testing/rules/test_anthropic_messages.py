"""What the fake Anthropic refuses in messages: blocks, emptiness, order, signatures."""

from collections.abc import Callable

import pytest

from dragoman.testing.json_value import JSON, Object
from dragoman.testing.signatures import issue_signature

Refusal = Callable[..., str | None]


def user(*blocks: JSON) -> Object:
    return {"role": "user", "content": [*blocks]}


def assistant(*blocks: JSON) -> Object:
    return {"role": "assistant", "content": [*blocks]}


def text(words: str = "words") -> Object:
    return {"type": "text", "text": words}


def call(call_id: str = "toolu_1") -> Object:
    return {"type": "tool_use", "id": call_id, "name": "f", "input": {}}


def result(call_id: str = "toolu_1", content: JSON = "5") -> Object:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}


def thinking(signature: str, thoughts: str = "Hm.") -> Object:
    return {"type": "thinking", "thinking": thoughts, "signature": signature}


def image(source: JSON) -> Object:
    return user({"type": "image", "source": source})


def marked(ttl: str, words: str = "words") -> Object:
    return {**text(words), "cache_control": {"type": "ephemeral", "ttl": ttl}}


GENUINE = issue_signature("anthropic", "claude-4.5", "Hm.")
HELLO = user(text("Hello"))

REFUSED: list[tuple[list[Object], str]] = [
    # emptiness
    ([HELLO, assistant(text("")), HELLO], "messages: text content blocks must be non-empty"),
    ([HELLO, assistant(text(""), call()), user(result())], "messages: text content blocks must be non-empty"),
    ([HELLO, assistant(text(" ")), HELLO], "messages: text content blocks must contain non-whitespace text"),
    ([{"role": "user", "content": ""}], "messages.0: user messages must have non-empty content"),
    ([user()], "messages.0: user messages must have non-empty content"),
    ([user(text(" "))], "messages: text content blocks must contain non-whitespace text"),
    ([{"role": "user", "content": "\n"}], "messages: text content blocks must contain non-whitespace text"),
    ([user(text(""), text("x"))], "messages: text content blocks must be non-empty"),
    # order
    ([{"role": "robot", "content": "x"}], "messages.0.role: Input should be 'user', 'assistant' or 'system'"),
    ([assistant(text()), HELLO], 'messages: first message must use the "user" role'),
    ([HELLO, {"role": "system", "content": "x"}], "role 'system' is not supported on this model"),
    ([HELLO, assistant(text("So "))], "final assistant content cannot end with trailing whitespace"),
    # tool traffic
    (
        [HELLO, assistant(call()), user(text())],
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.",
    ),
    (
        [HELLO, assistant(call(), call("toolu_2")), user(result()), user(text())],
        "without `tool_result` blocks immediately after: toolu_2.",
    ),
    ([HELLO, assistant(call())], "`tool_use` ids were found without `tool_result` blocks immediately after"),
    (
        [HELLO, assistant(call()), user(text(), result())],
        "`tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.",
    ),
    (
        [HELLO, assistant(text()), user(result())],
        "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1.",
    ),
    (
        [HELLO, assistant(call()), user(result(), result())],
        "messages.2.content.1: each tool_use must have a single result.",
    ),
    (
        [HELLO, assistant(call()), user(result()), assistant(call()), user(result())],
        "messages.3.content.0: `tool_use` ids must be unique",
    ),
    (
        [HELLO, assistant(call("call.1")), user(result("call.1"))],
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    # blocks
    ([user({"text": "x"})], "messages.0.content.0.type: Field required"),
    (
        [user({"type": "video"})],
        "Input tag 'video' found using 'type' does not match any of the expected tags",
    ),
    ([user({"type": "text"})], "messages.0.content.0.text.text: Field required"),
    ([user({**text(), "index": 0})], "messages.0.content.0.text.index: Extra inputs are not permitted"),
    ([user(call())], "messages.0: `tool_use` blocks can only be in `assistant` messages"),
    ([HELLO, assistant(result())], "messages.1: `tool_result` blocks can only be in `user` messages"),
    (
        [HELLO, assistant({**call(), "input": "{}"}), user(result())],
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    (
        [image({"type": "base64", "media_type": "image/bmp", "data": "aGk="})],
        "source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
    ),
    ([image({"type": "base64", "media_type": "image/png", "data": "a b"})], "data: Invalid base64 data"),
    ([image({"type": "url", "url": "http://a.example/b"})], "Only HTTPS URLs are supported."),
    (
        [
            user(
                {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": "aGk="}}
            )
        ],
        "media_type: Input should be 'application/pdf'",
    ),
    # cache marks
    (
        [user(*(marked("5m") for _ in range(5)))],
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    (
        [user(marked("5m"), marked("1h"))],
        "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.",
    ),
    (
        [user(marked("2h"))],
        "cache_control.ttl: Input should be '5m' or '1h'",
    ),
    (
        [user(marked("5m", ""))],
        "messages.0.content.0.text.text: cache_control cannot be set for empty text blocks",
    ),
    # signatures
    (
        [HELLO, assistant(thinking("c2lnbmF0dXJl"), text()), HELLO],
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    ([HELLO, assistant(thinking("not base64!"), text()), HELLO], "Invalid `signature` in `thinking` block"),
    (
        [HELLO, assistant(thinking(issue_signature("gemini", "claude-4.5", "Hm.")), text()), HELLO],
        "Invalid `signature` in `thinking` block",
    ),
    (
        [HELLO, assistant(thinking(GENUINE, "Hm!"), text()), HELLO],
        "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.",
    ),
    (
        [HELLO, assistant({"type": "thinking", "thinking": "Hm."}), HELLO],
        "messages.1.content.0.thinking.signature: Field required",
    ),
    (
        [HELLO, assistant({"type": "redacted_thinking", "data": "AAAA"}, text()), HELLO],
        "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
    ),
]


@pytest.mark.parametrize(("messages", "message"), REFUSED)
def test_messages_are_refused_in_the_vendors_words(
    anthropic_refusal: Refusal, messages: list[Object], message: str
) -> None:
    refused = anthropic_refusal({"messages": [*messages]})

    assert message in (refused or "accepted")


ACCEPTED: dict[str, list[Object]] = {
    "blank text before more": [HELLO, assistant(text(" "), text("ok")), HELLO],
    "blank text before a call": [HELLO, assistant(text("\n\n"), call()), user(result())],
    "an assistant without content": [HELLO, assistant(), HELLO],
    "an assistant with an empty text": [HELLO, {"role": "assistant", "content": ""}, HELLO],
    "an empty result": [HELLO, assistant(call()), user(result(content=""))],
    "a result without blocks": [HELLO, assistant(call()), user(result(content=[]))],
    "a result with an empty block": [HELLO, assistant(call()), user(result(content=[text("")]))],
    "text after results": [HELLO, assistant(call()), user(result(), text())],
    "results in two messages of one turn": [
        HELLO,
        assistant(call(), call("toolu_2")),
        user(result()),
        user(result("toolu_2")),
    ],
    "neighbours of one role": [HELLO, HELLO, assistant(text()), assistant(text()), HELLO],
    "a prefill": [HELLO, assistant(text("So"))],
    "genuine thoughts": [HELLO, assistant(thinking(GENUINE), text()), HELLO],
    "thoughts of another family": [
        HELLO,
        assistant(thinking(issue_signature("anthropic", "claude-opus-5", "Hm.")), text()),
        HELLO,
    ],
    "an image by URL": [image({"type": "url", "url": "https://a.example/b.png"})],
}


@pytest.mark.parametrize("messages", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_good_messages_are_accepted(anthropic_refusal: Refusal, messages: list[Object]) -> None:
    assert anthropic_refusal({"messages": [*messages]}) is None


def test_a_newer_model_refuses_a_prefill(anthropic_refusal: Refusal) -> None:
    messages: list[JSON] = [HELLO, assistant(text("So"))]

    refused = anthropic_refusal({"model": "claude-opus-4-6", "messages": messages})

    assert refused is not None
    assert refused.startswith("This model does not support assistant message prefill.")


def test_a_tool_loop_with_a_budget_has_to_keep_its_thoughts(anthropic_refusal: Refusal) -> None:
    messages: list[JSON] = [HELLO, assistant(call()), user(result())]
    budget: Object = {"type": "enabled", "budget_tokens": 1024}

    refused = anthropic_refusal({"messages": messages, "max_tokens": 2000, "thinking": budget})

    assert refused is not None
    assert "Expected `thinking` or `redacted_thinking`, but found `tool_use`." in refused


def instruction(words: str = "Be brief.") -> Object:
    return {"role": "system", "content": words}


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([HELLO, instruction()], None),
        ([HELLO, instruction(), assistant(text()), HELLO], None),
        ([instruction(), HELLO], 'first message must use the "user" role'),
        ([HELLO, assistant(text()), instruction()], "role 'system' must follow a user message"),
        ([HELLO, instruction(), HELLO], "must be the last message or be followed by an assistant message"),
    ],
)
def test_an_instruction_in_between_has_its_places(
    anthropic_refusal: Refusal, messages: list[Object], message: str | None
) -> None:
    refused = anthropic_refusal({"model": "claude-opus-4-8", "messages": [*messages]})

    assert refused is None if message is None else message in (refused or "accepted")


def test_the_newest_version_refuses_documents_and_citations_where_they_do_not_belong(
    anthropic_refusal: Refusal,
) -> None:
    document: Object = {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "x"},
    }
    in_assistant: Object = {"messages": [HELLO, assistant(document), HELLO]}
    cited: Object = {"messages": [user({**text(), "citations": [{"type": "char_location"}]})]}

    for fields in (in_assistant, cited):
        assert anthropic_refusal(fields) is None
        assert anthropic_refusal(fields, anthropic_version="2026-10-21") is not None
