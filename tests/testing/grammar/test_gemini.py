"""What counts as a well-formed answer of Google."""

import msgspec
import pytest

from dragoman.testing.grammar.gemini import check_error, check_response, check_stream
from dragoman.testing.json_value import JSON, Object

USAGE: Object = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}


def candidate(*parts: JSON, finish: str | None = None, **fields: JSON) -> Object:
    body: Object = {"content": {"role": "model", "parts": [*parts]}, "index": 0, **fields}
    return {**body, "finishReason": finish} if finish else body


def chunk(*candidates: JSON, **fields: JSON) -> Object:
    return {"candidates": [*candidates], "responseId": "r", "modelVersion": "m", **fields}


def sse(*chunks: Object, ending: bytes = b"\r\n\r\n") -> bytes:
    return b"".join(b"data: " + msgspec.json.encode(one) + ending for one in chunks)


HI = chunk(candidate({"text": "Hi"}))
END = chunk(candidate({"text": ""}, finish="STOP"), usageMetadata={**USAGE})
CALL: Object = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}

GOOD: dict[str, bytes] = {
    "text": sse(HI, END),
    "plain line ends": sse(HI, END, ending=b"\n\n"),
    "a call": sse(chunk(candidate(CALL)), END),
    "a candidate without content": sse(chunk({"finishReason": "SAFETY"}, usageMetadata={**USAGE})),
    "a blocked prompt": sse(
        {
            "promptFeedback": {"blockReason": "SAFETY"},
            "responseId": "r",
            "modelVersion": "m",
            "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5},
        }
    ),
    "two candidates": sse(
        HI,
        chunk(candidate({"text": "Ho"}, finish="STOP", index=1)),
        END,
    ),
    "an error": sse(HI, {"error": {"code": 503, "message": "Busy.", "status": "UNAVAILABLE"}}),
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD.keys())
def test_a_good_stream_has_no_faults(body: bytes) -> None:
    assert check_stream(body) == []


BAD: list[tuple[bytes, str]] = [
    (sse(HI), "candidate 0: has no finish reason"),
    (sse(END, HI), "goes on after its finish reason"),
    (sse(HI, chunk(candidate(finish="STOP"))), "the answer has no usageMetadata"),
    (sse(HI, chunk(candidate(finish="stop"))), "`finishReason` is wrong"),
    (sse(HI, {**END, "responseId": "s"}), "responseId or modelVersion differ"),
    (sse({**HI, "response_id": "r"}, END), "`response_id` does not belong there"),
    (sse(chunk(), chunk(usageMetadata={**USAGE})), "neither candidates nor a reason for blocking"),
    (sse(chunk(candidate({"thought": True})), END), "holds 0 kinds of data where one is due"),
    (sse(chunk(candidate({"text": "a", **CALL})), END), "holds 2 kinds of data where one is due"),
    (sse(chunk(candidate({"functionCall": {"args": {}}})), END), "functionCall: `name` is missing"),
    (sse(chunk(candidate({"functionCall": {"name": "f", "args": "{}"}})), END), "`args` is wrong"),
    (
        sse(chunk(candidate({"functionCall": {"name": "f", "arguments": {}}})), END),
        "`arguments` does not belong",
    ),
    (sse(chunk(candidate({"text": "a", "thoughtSignature": "a b"})), END), "`thoughtSignature` is wrong"),
    (
        sse(chunk(candidate({"text": "a", "thought_signature": "c2ln"})), END),
        "`thought_signature` does not belong",
    ),
    (sse(HI, {**END, "usageMetadata": {**USAGE, "totalTokenCount": 9}}), "do not add up to totalTokenCount"),
    (
        sse(HI, {**END, "usageMetadata": {**USAGE, "cachedContentTokenCount": 6}}),
        "more tokens are cached",
    ),
    (sse(chunk({"content": {"parts": []}}), END), "`role` is missing"),
    (sse(HI, END) + b"data: [DONE]\n\n", "frame 2: "),
    (sse(HI, {"error": {"code": 503}}), "error: `message` is missing"),
    (b"data:{}\n\n", "is not one line that begins with `data: `"),
]


@pytest.mark.parametrize(("body", "fault"), BAD)
def test_a_fault_in_a_stream_is_found(body: bytes, fault: str) -> None:
    assert any(fault in one for one in check_stream(body))


def test_an_array_is_a_stream_too() -> None:
    encoded = [msgspec.json.encode(one) for one in (HI, END)]

    assert check_stream(b"[" + b",\r\n".join(encoded) + b"]", sse=False) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"[", "the stream is not JSON"),
        (b"[{}", "the stream is not JSON"),
        (b"{}", "the stream is not a JSON array"),
        (b"[5]", "an element of the array is not an object"),
        (b": keepalive\n\n[]", "the stream is not JSON"),
    ],
)
def test_a_fault_in_an_array_is_found(body: bytes, fault: str) -> None:
    assert any(fault in one for one in check_stream(body, sse=False))


def test_answers_are_checked_alike() -> None:
    whole = chunk(candidate({"text": "Hi"}, finish="STOP"), usageMetadata={**USAGE})

    assert check_response(msgspec.json.encode(whole)) == []
    assert check_response(msgspec.json.encode(HI)) != []
    assert check_response(b"[]") != []


def test_usage_is_expected_of_google_but_not_of_everyone() -> None:
    ended = chunk(candidate({"text": "Hi"}, finish="STOP"))

    assert check_stream(sse(ended)) == ["the answer has no usageMetadata"]
    assert check_stream(sse(ended), usage=False) == []
    assert check_response(msgspec.json.encode(ended), usage=False) == []


def test_errors_have_a_form_too() -> None:
    assert check_error(b'{"error":{"code":400,"message":"No.","status":"INVALID_ARGUMENT"}}') == []
    assert check_error(b'{"error":{"message":"No."}}') != []
