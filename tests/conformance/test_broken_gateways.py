"""The suite catches what gateways do wrong: one fault each, found by the feature that is about it."""

import asyncio
import json
import re

import pytest
from tests.conformance.faulty import Fault, measure, measure_pretender

from dragoman.conformance.cell import Verdict
from dragoman.conformance.runner import Pattern
from dragoman.conformance.subject import UPSTREAM_KEY
from dragoman.testing.json_value import Object, decode_object

_ERROR_FRAME = re.compile(rb'data: \{"error".*?\n\n', re.DOTALL)
_LAST: Object = {
    "id": "x",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
}
_CLEAN = b"data: " + json.dumps(_LAST).encode() + b"\n\ndata: [DONE]\n\n"


def _without(member: str) -> Fault:
    """Leaves a member of the request out."""

    def change(body: bytes) -> bytes:
        asked = decode_object(body) if body else {}
        asked.pop(member, None)
        return json.dumps(asked).encode()

    return Fault(asked=change)


def _reread(body: bytes) -> bytes:
    """JSON read as JavaScript does, and written anew."""
    try:
        return json.dumps(json.loads(body, parse_float=_rounded), separators=(",", ":")).encode()
    except ValueError:
        return body


def _rounded(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number


def _replacing(old: bytes, new: bytes) -> Fault:
    return Fault(answered=lambda body: body.replace(old, new))


def _no_system(body: bytes) -> bytes:
    asked = json.loads(body)
    asked["messages"] = [one for one in asked["messages"] if one["role"] != "system"]
    return json.dumps(asked).encode()


FAULTS = {
    "loses the system prompt": (Fault(asked=_no_system), "system", "openai_chat"),
    "loses the tools": (_without("tools"), "tool-declaration", "openai_chat"),
    "loses the tool choice": (_without("tool_choice"), "choice-required", "openai_chat"),
    "loses the schema": (_without("response_format"), "json-schema", "openai_chat"),
    "loses stop sequences": (_without("stop"), "stop", "openai_chat"),
    "loses cache marks": (
        Fault(asked=lambda body: body.replace(b',"cache_control":{"type":"ephemeral"}', b"")),
        "cache-marks",
        "anthropic",
    ),
    "sends the wrong arguments": (_replacing(b"Oslo", b"Rome"), "call-parallel", "openai_chat"),
    "rounds numbers": (Fault(asked=_reread), "history-exact-numbers", "anthropic"),
    "cuts signatures": (
        Fault(answered=lambda body: re.sub(rb'"signature":"[^"]{9}', b'"signature":"', body)),
        "signature-round-trip",
        "anthropic",
    ),
    "ends calls as if they were text": (
        _replacing(b'"finish_reason":"tool_calls"', b'"finish_reason":"stop"'),
        "call-nested",
        "openai_chat",
    ),
    "repeats the role": (
        _replacing(b'"delta":{"content"', b'"delta":{"role":"assistant","content"'),
        "grammar-text",
        "openai_chat",
    ),
    "counts the cache twice": (
        _replacing(b'"input_tokens":100', b'"input_tokens":120'),
        "usage-cached",
        "anthropic",
    ),
    "answers 200 for errors": (Fault(status=200), "error-400", "openai_chat"),
    "forgets how long to wait": (Fault(header="retry-after"), "error-429", "openai_chat"),
    "ends errors cleanly": (
        Fault(answered=lambda body: _ERROR_FRAME.sub(_CLEAN, body)),
        "stream-error-later",
        "openai_chat",
    ),
    "sends the answer at the end": (Fault(hoards=True), "streams-at-once", "openai_chat"),
    "does not see that the client has left": (Fault(stays=True), "departure-whole", "openai_chat"),
    "loses a call": (
        Fault(answered=lambda body: re.sub(rb'data: [^\n]*"index":1,"id"[^\n]*\n\n', b"", body)),
        "call-parallel",
        "openai_chat",
    ),
    "sends a whole stream again": (Fault(answered=lambda body: body + body), "grammar-text", "anthropic"),
    "says that Google's calls are named otherwise": (
        _replacing(b'"name":"get_weather"', b'"name":"weather"'),
        "call-nested",
        "gemini",
    ),
    "changes what Responses encrypted": (
        Fault(answered=lambda body: re.sub(rb'"encrypted_content":"[^"]{5}', b'"encrypted_content":"', body)),
        "signature-round-trip",
        "openai_responses",
    ),
    "loses unknown fields": (_without("x_conformance"), "unknown-fields", "openai_chat"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_gateway_that_is_caught(what: str) -> None:
    fault, feature, upstream = FAULTS[what]
    good = asyncio.run(measure(Fault(), Pattern(feature, upstream, upstream)))
    assert {cell.verdict for cell in good} == {Verdict.PASS}, good
    bad = asyncio.run(measure(fault, Pattern(feature, upstream, upstream)))
    found = [cell for cell in bad if cell.verdict is Verdict.FAIL]
    assert found, f"nobody noticed a gateway that {what}"
    assert all(finding.reason and finding.rule for cell in found for finding in cell.findings)


def test_the_upstreams_key_in_an_error_is_a_leak() -> None:
    pattern = Pattern("error-401", "openai_chat", "openai_chat")
    cells = asyncio.run(measure(Fault(), pattern))
    assert {cell.verdict for cell in cells} == {Verdict.FAIL}
    assert any("key is in the answer" in one.reason for one in cells[0].findings)
    hiding = Fault(answered=lambda body: body.replace(UPSTREAM_KEY.encode(), b"***"))
    assert {cell.verdict for cell in asyncio.run(measure(hiding, pattern))} == {Verdict.PASS}


def test_a_pair_that_is_not_served_is_no_failure() -> None:
    cells = asyncio.run(measure(Fault(), Pattern("text", "anthropic", "openai_chat")))
    assert {cell.verdict for cell in cells} == {Verdict.UNOFFERED}


def test_a_request_that_the_vendor_refuses_is_told_in_its_words() -> None:
    fault = Fault(asked=lambda body: body.replace(b'"max_completion_tokens":8000', b'"temperature":9'))
    cells = asyncio.run(measure(fault, Pattern("text-exact", "openai_chat", "openai_chat")))
    assert "the upstream refused" in cells[0].findings[0].reason
    assert "temperature" in cells[0].findings[0].reason


def test_a_gateway_that_says_nothing_of_what_cannot_be_done_misleads() -> None:
    pattern = Pattern("logprobs", "openai_chat", "anthropic")
    cells = asyncio.run(measure_pretender(pattern))
    assert {cell.verdict for cell in cells} == {Verdict.MISLED}
    assert cells[0].findings[0].reason == "HTTP 200 where a refusal (400) is due"
    assert "log probabilities" in cells[0].impossible


@pytest.mark.parametrize("feature", ["text-exact", "system", "tool-declaration", "max-tokens", "json-schema"])
def test_a_gateway_that_only_pretends_to_translate_is_caught(feature: str) -> None:
    cells = asyncio.run(measure_pretender(Pattern(feature, "openai_chat", "anthropic")))
    assert {cell.verdict for cell in cells} == {Verdict.FAIL}


def test_a_whole_answer_in_place_of_a_stream_is_caught() -> None:
    cells = asyncio.run(measure_pretender(Pattern("grammar-text", "openai_chat", "anthropic")))
    assert {cell.mode: cell.verdict for cell in cells} == {"whole": Verdict.PASS, "streamed": Verdict.FAIL}
