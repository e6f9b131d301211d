"""Errors about content name its place in the client's own request."""

import json

import pytest

from dragoman.conversation.failure import FailureError
from dragoman.dialects.dialect import Location, Target
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import UNKNOWN

STORED_FILE = {"type": "file", "file": {"file_id": "file-1"}}
CALLS = [
    {"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}} for name in ("a", "b")
]
RESULT_WITH_FILE = {
    "type": "tool_result",
    "tool_use_id": "toolu_1",
    "content": [
        {"type": "text", "text": "see"},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    ],
}
ANTHROPIC_TURNS: list[object] = [
    {"role": "user", "content": "x"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]},
]
KEPT_PICTURE = {"type": "input_image", "file_id": "file-1"}
GOOGLE_FILE = {"fileData": {"fileUri": "files/abc", "mimeType": "image/png"}}

MISPLACED: dict[str, tuple[str, str, list[object], str]] = {
    "after an instruction": (
        "openai_chat",
        "messages",
        [
            {"role": "system", "content": "x"},
            {"role": "user", "content": "x"},
            {"role": "user", "content": [{"type": "text", "text": "x"}, STORED_FILE]},
        ],
        "messages[2].content[1]",
    ),
    "after results": (
        "openai_chat",
        "messages",
        [
            {"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": CALLS},
            {"role": "tool", "tool_call_id": "a", "content": "x"},
            {"role": "tool", "tool_call_id": "b", "content": "x"},
            {"role": "user", "content": [STORED_FILE]},
        ],
        "messages[4].content[0]",
    ),
    "inside a result": (
        "openai_chat",
        "messages",
        [
            {"role": "developer", "content": "x"},
            {"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": CALLS},
            {"role": "tool", "tool_call_id": "a", "content": "x"},
            {"role": "tool", "tool_call_id": "b", "content": [STORED_FILE]},
        ],
        "messages[4].content[0]",
    ),
    "after instructions of several parts": (
        "openai_chat",
        "messages",
        [
            {"role": "system", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]},
            {"role": "system", "content": "z"},
            {"role": "user", "content": [STORED_FILE]},
        ],
        "messages[2].content[0]",
    ),
    "in Anthropic's turns": (
        "anthropic",
        "messages",
        [*ANTHROPIC_TURNS, {"role": "user", "content": [RESULT_WITH_FILE]}],
        "messages[2].content[0].content[1]",
    ),
    "among the items of Responses": (
        "openai_responses",
        "input",
        [
            {"role": "developer", "content": "x"},
            {"role": "user", "content": "x"},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"role": "assistant", "content": "x"},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "x"},
            {"role": "user", "content": [{"type": "input_text", "text": "x"}, KEPT_PICTURE]},
        ],
        "input[6].content[1]",
    ),
    "inside an output of Responses": (
        "openai_responses",
        "input",
        [
            {"role": "user", "content": "x"},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": [KEPT_PICTURE]},
        ],
        "input[2].output[0]",
    ),
    "an item that only Responses has": (
        "openai_responses",
        "input",
        [{"role": "user", "content": "x"}, {"type": "item_reference", "id": "msg_1"}],
        "input[1]",
    ),
    "in Google's contents": (
        "gemini",
        "contents",
        [{"role": "user", "parts": [{"text": "x"}]}, {"role": "user", "parts": [{"text": "x"}, GOOGLE_FILE]}],
        "contents[1].parts[1]",
    ),
}


@pytest.mark.parametrize("case", MISPLACED)
def test_content_that_cannot_be_sent_is_named_by_its_place(case: str) -> None:
    client, field, turns, place = MISPLACED[case]
    body = {"model": "m", "max_tokens": 10, field: turns}
    request = DIALECTS[client].parse_request(json.dumps(body).encode(), Location("m"))
    for name, dialect in DIALECTS.items():
        if name != client and {name, client} != {"openai_chat", "openai_responses"}:
            with pytest.raises(FailureError) as caught:
                dialect.render_request(request, Target("p", "m", "p/unknown", UNKNOWN))
            assert caught.value.failure.param == place
            assert f"'{place}'" in caught.value.failure.message


def test_files_of_openai_are_known_in_both_of_its_formats() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": [STORED_FILE]}]}
    request = DIALECTS["openai_chat"].parse_request(json.dumps(body).encode(), Location("m"))
    rendered = DIALECTS["openai_responses"].render_request(request, Target("p", "m", "p/unknown", UNKNOWN))
    assert b'"file_id":"file-1"' in rendered.wire.body


def test_a_picture_kept_by_openai_has_no_place_in_chat_completions() -> None:
    body = {"model": "m", "input": [{"role": "user", "content": [KEPT_PICTURE]}]}
    request = DIALECTS["openai_responses"].parse_request(json.dumps(body).encode(), Location("m"))
    with pytest.raises(FailureError) as caught:
        DIALECTS["openai_chat"].render_request(request, Target("p", "m", "p/unknown", UNKNOWN))
    assert caught.value.failure.param == "input[0].content[0]"
