"""What the fake OpenAI refuses in messages."""

from collections.abc import Callable

import pytest

from dragoman.testing.json_value import JSON, Object

Refusal = Callable[[Object], Object | None]

CALL: Object = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
USER: Object = {"role": "user", "content": "Hi"}


def messages(*items: JSON) -> Object:
    return {"messages": list(items)}


def tool_result(call_id: str = "call_1") -> Object:
    return {"role": "tool", "tool_call_id": call_id, "content": "5"}


def user_part(part: JSON) -> Object:
    return messages({"role": "user", "content": [part]})


REFUSED: list[tuple[Object, str, str | None, str | None]] = [
    (
        messages(),
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array",
        "messages",
        "empty_array",
    ),
    (
        messages({"role": "robot", "content": ""}),
        "'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
        "messages[0].role",
        "invalid_value",
    ),
    (
        messages({"content": ""}),
        "Missing required parameter: 'messages[0].role'.",
        "messages[0].role",
        "missing_required_parameter",
    ),
    (messages({"role": "user"}), "Missing required parameter: 'messages[0].content'.", None, None),
    (
        messages({"role": "user", "content": None}),
        "Invalid value for 'content': expected a string, got null.",
        "messages.[0].content",
        None,
    ),
    (messages({"role": "assistant", "content": None}), "expected a string, got null", None, None),
    (
        messages({"role": "user", "content": 5}),
        "expected one of a string or array of objects, but got an integer instead",
        "messages[0].content",
        "invalid_type",
    ),
    (messages({"role": "user", "content": []}), "empty array", "messages[0].content", "empty_array"),
    (
        messages(USER, {"role": "user", "content": [{"text": "x"}]}),
        "Missing required parameter: 'messages[1].content[0].type'.",
        "messages[1].content[0].type",
        "missing_required_parameter",
    ),
    (
        messages(USER, CALL, USER),
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each",
        "messages.[1].role",
        None,
    ),
    (messages(USER, CALL), "did not have response messages: call_1", "messages.[1].role", None),
    (
        messages(USER, tool_result()),
        "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
        "messages.[1].role",
        None,
    ),
    (
        messages(USER, CALL, tool_result("call_2")),
        "'tool_call_id' of 'call_2' not found in 'tool_calls' of previous message.",
        "messages.[2].tool_call_id",
        None,
    ),
    (
        messages(
            USER,
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "c" * 41, "type": "function", "function": {"name": "f", "arguments": "{}"}}
                ],
            },
        ),
        "Expected a string with maximum length 40, but got a string with length 41 instead.",
        "messages[1].tool_calls[0].id",
        "string_above_max_length",
    ),
    (
        messages(
            USER,
            CALL,
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "image_url", "image_url": {}}]},
        ),
        "Invalid value: 'image_url'. Supported values are: 'text'.",
        "messages[2].content[0].type",
        "invalid_value",
    ),
    (
        messages(
            USER, {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {}}]}
        ),
        "Missing required parameter: 'messages[1].tool_calls[0].function.name'.",
        None,
        None,
    ),
    (
        messages(
            {
                "role": "system",
                "content": [{"type": "image_url", "image_url": {"url": "https://a.example/b"}}],
            }
        ),
        "Image URLs are only allowed for messages with role 'user', but this message with role 'system'",
        "messages[0]",
        "invalid_value",
    ),
    (
        user_part({"type": "image_url", "image_url": {"url": "data:text/plain;base64,aGk="}}),
        "Expected a base64-encoded data URL with an image MIME type",
        "messages[0].content[0].image_url.url",
        "invalid_value",
    ),
    (user_part({"type": "image_url", "image_url": {"url": "a.png"}}), "Expected a valid URL", None, None),
    (
        user_part({"type": "image_url", "image_url": {"url": "https://a.example/b", "detail": "most"}}),
        "Invalid value: 'most'.",
        "messages[0].content[0].image_url.detail",
        "invalid_value",
    ),
    (
        user_part({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "ogg"}}),
        "Supported values are: 'wav' and 'mp3'.",
        "messages[0].content[0].input_audio.format",
        "invalid_value",
    ),
    (
        user_part({"type": "file", "file": {"filename": "a.pdf", "file_data": "aGk="}}),
        "a value without the 'data:' prefix",
        "messages[0].content[0].file.file_data",
        "invalid_value",
    ),
    (
        user_part({"type": "video", "video": {}}),
        "Invalid value: 'video'.",
        "messages[0].content[0].type",
        "invalid_value",
    ),
]


@pytest.mark.parametrize(("fields", "message", "param", "code"), REFUSED)
def test_a_request_is_refused_in_the_vendors_words(
    openai_refusal: Refusal, fields: Object, message: str, param: str | None, code: str | None
) -> None:
    error = openai_refusal(fields)

    assert error is not None
    assert (error["status"], error["type"]) == (400, "invalid_request_error")
    assert message in str(error["message"])
    if param is not None:
        assert error["param"] == param
    if code is not None:
        assert error["code"] == code


ACCEPTED: dict[str, Object] = {
    "unknown members of messages": messages({"role": "user", "content": "Hi", "reasoning": "none"}),
    "two system messages": messages(
        {"role": "system", "content": "a"}, {"role": "developer", "content": "b"}
    ),
    "an answered call": messages(USER, CALL, tool_result(), USER),
    "a trailing assistant message": messages(USER, {"role": "assistant", "content": "so"}),
    "an image": user_part({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}),
    "a file": user_part(
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}}
    ),
}


@pytest.mark.parametrize("fields", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_good_request_is_accepted(openai_refusal: Refusal, fields: Object) -> None:
    assert openai_refusal(fields) is None
