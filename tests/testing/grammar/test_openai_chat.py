"""What counts as a well-formed answer of OpenAI."""

import msgspec
import pytest

from dragoman.testing.grammar.openai_chat import check_error, check_response, check_stream
from dragoman.testing.json_value import JSON, Object

DONE = b"data: [DONE]\n\n"
USAGE: Object = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


def choice(finish: str | None = None, index: int = 0, **delta: JSON) -> Object:
    return {"index": index, "delta": {**delta}, "finish_reason": finish}


def chunk(*choices: JSON, **fields: JSON) -> bytes:
    whole: Object = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [*choices],
        **fields,
    }
    return b"data: " + msgspec.json.encode(whole) + b"\n\n"


def fragment(index: int, arguments: str, **fields: JSON) -> Object:
    return {"index": index, "function": {"arguments": arguments}, **fields}


def opening(index: int, arguments: str = "") -> Object:
    return {
        "index": index,
        "id": f"call_{index}",
        "type": "function",
        "function": {"name": "f", "arguments": arguments},
    }


FIRST = chunk(choice(role="assistant", content=""))
WORD = chunk(choice(content="Hi"))
STOP = chunk(choice("stop"))
CALLED = chunk(choice("tool_calls"))

GOOD: dict[str, bytes] = {
    "text": FIRST + WORD + STOP + DONE,
    "comments": b": keepalive\n\n" + FIRST + b": keepalive\n\n" + STOP + DONE,
    "a call": FIRST
    + chunk(choice(tool_calls=[opening(0)]))
    + chunk(choice(tool_calls=[fragment(0, "{}")]))
    + CALLED
    + DONE,
    "a call in the first chunk": chunk(choice(role="assistant", content=None, tool_calls=[opening(0, "{}")]))
    + CALLED
    + DONE,
    "calls side by side": FIRST
    + chunk(choice(tool_calls=[opening(0, "{")]))
    + chunk(choice(tool_calls=[opening(1, "{}")]))
    + chunk(choice(tool_calls=[fragment(0, "}")]))
    + CALLED
    + DONE,
    "a call that was cut": FIRST
    + chunk(choice(tool_calls=[opening(0, '{"a')]))
    + chunk(choice("length"))
    + DONE,
    "two choices": FIRST
    + chunk(choice(index=1, role="assistant"))
    + STOP
    + chunk(choice("stop", index=1))
    + DONE,
    "an error": FIRST
    + b'data: {"error":{"message":"No.","type":"server_error","param":null,"code":null}}\n\n'
    + DONE,
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD.keys())
def test_a_good_stream_has_no_faults(body: bytes) -> None:
    assert check_stream(body) == []


def test_usage_comes_alone_after_everything_else() -> None:
    parts = [
        chunk(choice(role="assistant"), usage=None),
        chunk(choice("stop"), usage=None),
        chunk(usage={**USAGE}),
    ]

    assert check_stream(b"".join(parts) + DONE, usage=True) == []


BAD: list[tuple[bytes, str]] = [
    (FIRST + STOP, "the stream ends without [DONE]"),
    (FIRST + STOP + DONE + WORD, "frame 3: comes after [DONE]"),
    (DONE, "the stream has no choices"),
    (FIRST + WORD + DONE, "choice 0: has no finish reason"),
    (WORD + STOP + DONE, "choice 0: the first delta has no role"),
    (FIRST + FIRST + STOP + DONE, "choice 0: the role is repeated"),
    (FIRST + STOP + WORD + DONE, "choice 0: goes on after its finish reason"),
    (FIRST + chunk(choice("end_turn")) + DONE, "choice 0: `finish_reason` is wrong"),
    (FIRST + chunk(choice("stop"), id="other") + DONE, "id, created or model differ"),
    (FIRST + chunk(choice("stop"), created=2) + DONE, "id, created or model differ"),
    (FIRST + CALLED + DONE, "ends with `tool_calls` where `stop` is due"),
    (
        FIRST + chunk(choice(tool_calls=[opening(0, "{}")])) + STOP + DONE,
        "ends with `stop` where `tool_calls` is due",
    ),
    (
        FIRST + chunk(choice(tool_calls=[opening(0, "{")])) + CALLED + DONE,
        "choice 0: call 0: the arguments are not JSON",
    ),
    (
        FIRST + chunk(choice(tool_calls=[opening(1, "{}")])) + CALLED + DONE,
        "call 1 begins where call 0 is due",
    ),
    (FIRST + chunk(choice(tool_calls=[fragment(0, "{}")])) + CALLED + DONE, "tool_calls: `id` is missing"),
    (
        FIRST + chunk(choice(tool_calls=[opening(0, "{}")])) * 2 + CALLED + DONE,
        "`id` of call 0 is repeated",
    ),
    (FIRST + chunk(choice("stop", content=5)) + DONE, "choice 0.delta: `content` is wrong"),
    (FIRST + chunk() + STOP + DONE, "has neither choices nor usage"),
    (chunk(choice("stop", 1, role="assistant")) + DONE, "the choices are numbered [1]"),
    (FIRST + chunk(choice("stop"), usage={**USAGE}) + DONE, "usage stands beside choices"),
    (
        FIRST + STOP + chunk(usage={**USAGE}) + DONE,
        "a chunk before the one with usage lacks `usage: null`",
    ),
    (
        FIRST + STOP + chunk(usage={**USAGE, "total_tokens": 8}) + DONE,
        "`total_tokens` is not the sum",
    ),
    (FIRST + b'data: {"error":{"message":"No."}}\n\n', "error: `type` is missing"),
    (b"data: {\n\n" + DONE, "frame 0: "),
    (b"event: x\ndata: {}\n\n" + DONE, "is not one line that begins with `data: `"),
]


@pytest.mark.parametrize(("body", "fault"), BAD)
def test_a_fault_in_a_stream_is_found(body: bytes, fault: str) -> None:
    assert any(fault in one for one in check_stream(body))


def test_usage_is_expected_exactly_where_it_was_asked_for() -> None:
    without = FIRST + STOP + DONE
    having = chunk(choice("stop", role="assistant"), usage=None) + chunk(usage={**USAGE}) + DONE

    assert check_stream(without, usage=True) == ["usage was asked for and did not come"]
    assert check_stream(having, usage=False) == ["usage came and was not asked for"]


MESSAGE: Object = {"role": "assistant", "content": "Hi", "refusal": None}


def answer(finish: str = "stop", message: Object = MESSAGE, **fields: JSON) -> bytes:
    whole: Object = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": USAGE,
        **fields,
    }
    return msgspec.json.encode(whole)


def test_a_good_answer_has_no_faults() -> None:
    assert check_response(answer()) == []
    calling: Object = {
        **MESSAGE,
        "content": None,
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "type": "custom", "custom": {"name": "f", "input": "x"}},
        ],
    }
    assert check_response(answer("tool_calls", calling)) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"[]", "the answer is not a JSON object"),
        (answer(object="chat"), "`object` is wrong"),
        (answer(choices=[]), "has no choices"),
        (answer("tool_calls"), "ends with `tool_calls` where `stop` is due"),
        (answer(message={"role": "assistant", "content": "Hi"}), "`refusal` is missing"),
        (answer(message={**MESSAGE, "tool_calls": []}), "`tool_calls` is empty instead of absent"),
        (answer(usage={"prompt_tokens": -1}), "usage: `prompt_tokens` is wrong"),
        (answer(usage={**USAGE, "prompt_tokens_details": {"cached_tokens": 6}}), "more tokens are cached"),
        (
            answer(usage={**USAGE, "completion_tokens_details": {"reasoning_tokens": 3}}),
            "more tokens are reasoning",
        ),
    ],
)
def test_a_fault_in_an_answer_is_found(body: bytes, fault: str) -> None:
    assert any(fault in one for one in check_response(body))


def test_errors_have_a_form_too() -> None:
    assert check_error(b'{"error":{"message":"No.","type":"x","param":null,"code":null}}') == []
    assert check_error(b'{"error":"No."}') != []
    assert check_error(b"No.") != []
