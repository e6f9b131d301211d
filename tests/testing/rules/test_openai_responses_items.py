"""Input items of Responses that OpenAI takes, and those that it refuses."""

from collections.abc import Callable

import pytest

from dragoman.testing.json_value import JSON, Object
from dragoman.testing.signatures import issue_signature

Refusal = Callable[[Object], Object | None]

USER: Object = {"role": "user", "content": "What is the weather?"}
CALL: Object = {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"}
OUTPUT: Object = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
CUSTOM_CALL: Object = {"type": "custom_tool_call", "call_id": "call_2", "name": "note", "input": "free"}
CUSTOM_OUTPUT: Object = {"type": "custom_tool_call_output", "call_id": "call_2", "output": "noted"}
ANSWER: Object = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "phase": "final_answer",
    "content": [{"type": "output_text", "text": "Sunny.", "annotations": []}],
}
REASONING: Object = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Hm."}],
    "encrypted_content": issue_signature("openai_responses", "gpt-5"),
}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0="


@pytest.mark.parametrize(
    "items",
    [
        [USER],
        [{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Hi"}]}, USER],
        [USER, ANSWER, USER],
        [USER, {"role": "assistant", "content": "Sunny."}, USER],
        [USER, CALL, OUTPUT],
        [USER, CALL, {**CALL, "call_id": "call_3"}, {**OUTPUT, "call_id": "call_3"}, OUTPUT],
        [USER, CUSTOM_CALL, CUSTOM_OUTPUT],
        [USER, REASONING, CALL, OUTPUT],
        [USER, REASONING, {**REASONING, "id": "rs_2"}, ANSWER, USER],
        [USER, {"type": "reasoning", "summary": []}],
        [{"role": "user", "content": [{"type": "input_image", "image_url": PIXEL, "detail": "low"}]}],
        [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}],
        [{"role": "user", "content": [{"type": "input_file", "file_data": PDF, "filename": "a.pdf"}]}],
        [{"role": "user", "content": [{"type": "input_file", "file_url": "https://example.com/a.pdf"}]}],
        [USER, CALL, {**OUTPUT, "output": [{"type": "input_image", "image_url": PIXEL}]}],
        [
            USER,
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
            ANSWER,
        ],
        [{"type": "item_reference", "id": "msg_1"}],
        [{"id": "msg_1"}],
    ],
)
def test_items_by_the_rules_are_accepted(responses_refusal: Refusal, items: list[JSON]) -> None:
    assert responses_refusal({"input": items}) is None


@pytest.mark.parametrize(
    ("items", "message", "param", "code"),
    [
        (
            [{"role": "tool", "content": "x"}],
            "Invalid value: 'tool'. Supported values are: 'assistant', 'system', 'developer', and 'user'.",
            "input[0].role",
            "invalid_value",
        ),
        (
            [{"role": "user", "content": "x", "name": "me"}],
            "Unknown parameter: 'input[0].name'.",
            "input[0].name",
            "unknown_parameter",
        ),
        (
            [{"role": "user"}],
            "Missing required parameter: 'input[0].content'.",
            "input[0].content",
            "missing_required_parameter",
        ),
        (
            [{"role": "user", "content": "x", "phase": "commentary"}],
            "Unknown parameter: 'input[0].phase'.",
            "input[0].phase",
            "unknown_parameter",
        ),
        (
            [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
            "Invalid value: 'text'. Supported values are: 'input_text', 'input_image', and 'input_file'.",
            "input[0].content[0].type",
            "invalid_value",
        ),
        (
            [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}],
            "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
            "input[0].content[0].type",
            "invalid_value",
        ),
        (
            [
                {
                    "role": "user",
                    "content": [{"type": "input_text", "text": "x", "cache_control": {"type": "ephemeral"}}],
                }
            ],
            "Unknown parameter: 'input[0].content[0].cache_control'.",
            "input[0].content[0].cache_control",
            "unknown_parameter",
        ),
        (
            [{"role": "user", "content": [{"type": "input_image", "image_url": {"url": PIXEL}}]}],
            "Invalid type for 'input[0].content[0].image_url': expected a string, but got an object instead.",
            "input[0].content[0].image_url",
            "invalid_type",
        ),
        (
            [{"role": "user", "content": [{"type": "input_image", "image_url": "ftp://x"}]}],
            (
                "Invalid 'input[0].content[0].image_url': Expected a valid URL, but got a value with an "
                "invalid format."
            ),
            "input[0].content[0].image_url",
            "invalid_value",
        ),
        (
            [{"role": "user", "content": [{"type": "input_file", "file_data": "JVBERi0=", "filename": "a"}]}],
            (
                "Invalid 'input[0].content[0].file_data': Expected a base64-encoded data URL with an "
                "application/pdf MIME type (e.g. 'data:application/pdf;base64,aGVsbG8gd29ybGQ='), but got a "
                "value without the 'data:' prefix."
            ),
            "input[0].content[0].file_data",
            "invalid_value",
        ),
        (
            [USER, {**CALL, "call_id": "c" * 65}],
            (
                "Invalid 'input[1].call_id': string too long. Expected a string with maximum length 64, but "
                "got a string with length 65 instead."
            ),
            "input[1].call_id",
            "string_above_max_length",
        ),
        (
            [USER, {**CALL, "id": "call_1"}, OUTPUT],
            "Invalid 'input[1].id': 'call_1'. Expected an ID that begins with 'fc'.",
            "input[1].id",
            "invalid_value",
        ),
        (
            [USER, {**CALL, "arguments": {}}, OUTPUT],
            "Invalid type for 'input[1].arguments': expected a string, but got an object instead.",
            "input[1].arguments",
            "invalid_type",
        ),
        ([USER, CALL, USER], "No tool output found for function call call_1.", "input", None),
        ([USER, CUSTOM_CALL], "No tool output found for custom tool call call_2.", "input", None),
        (
            [USER, OUTPUT],
            "No tool call found for function call output with call_id call_1.",
            "input",
            None,
        ),
        (
            [USER, OUTPUT, CALL],
            "No tool call found for function call output with call_id call_1.",
            "input",
            None,
        ),
        (
            [USER, CUSTOM_CALL, {**OUTPUT, "call_id": "call_2"}],
            "No tool call found for function call output with call_id call_2.",
            "input",
            None,
        ),
        (
            [USER, REASONING],
            "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
            "input",
            None,
        ),
        (
            [USER, CALL, REASONING, OUTPUT],
            "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
            "input",
            None,
        ),
        (
            [USER, {"type": "reasoning", "id": "rs_1"}, ANSWER],
            "Missing required parameter: 'input[1].summary'.",
            "input[1].summary",
            "missing_required_parameter",
        ),
        (
            [USER, {**REASONING, "encrypted_content": "gAAAAfalse"}, ANSWER],
            (
                "The encrypted content gAAA...alse could not be verified. Reason: Encrypted content could "
                "not be decrypted or parsed."
            ),
            None,
            "invalid_encrypted_content",
        ),
        (
            [{"type": "thing"}],
            None,
            "input[0].type",
            "invalid_value",
        ),
        (
            [{"type": "web_search_call", "id": "ws_1", "status": "completed"}, ANSWER],
            "Missing required parameter: 'input[0].action'.",
            "input[0].action",
            "missing_required_parameter",
        ),
    ],
)
def test_items_are_refused_in_the_vendors_words(
    responses_refusal: Refusal, items: list[JSON], message: str | None, param: JSON, code: JSON
) -> None:
    error = responses_refusal({"input": items})

    assert error is not None
    assert (error["status"], error["param"], error["code"]) == (400, param, code)
    assert message is None or error["message"] == message


def test_reasoning_that_another_vendor_signed_is_refused(responses_refusal: Refusal) -> None:
    foreign: Object = {**REASONING, "encrypted_content": issue_signature("anthropic", "claude-4.5")}

    error = responses_refusal({"input": [USER, foreign, ANSWER]})

    assert error is not None
    assert error["code"] == "invalid_encrypted_content"
