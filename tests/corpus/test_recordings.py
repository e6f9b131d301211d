"""Real answers lose nothing on their way through the decoders, and real requests are understood.

What an answer holds is read here from the recorded JSON by a few plain lines that know nothing of
the code under test.
"""

import json
from typing import Any, cast

import pytest

from dragoman.conversation.blocks import Refusal, Text, Thinking, ToolCall
from dragoman.conversation.failure import FailureError
from dragoman.conversation.fold import fold
from dragoman.conversation.response import Response, StopReason
from dragoman.dialects.dialect import Location, Target
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import UNKNOWN

Json = dict[str, Any]
ORIGIN = "recorded/model"

OPENAI_STOPS = {
    "stop": StopReason.END,
    "length": StopReason.MAX_TOKENS,
    "tool_calls": StopReason.TOOL_CALLS,
    "function_call": StopReason.TOOL_CALLS,
    "content_filter": StopReason.REFUSAL,
}
ANTHROPIC_STOPS = {
    "end_turn": StopReason.END,
    "max_tokens": StopReason.MAX_TOKENS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "tool_use": StopReason.TOOL_CALLS,
    "refusal": StopReason.REFUSAL,
}
RESPONSES_STOPS = {
    "completed": StopReason.END,
    "max_output_tokens": StopReason.MAX_TOKENS,
    "content_filter": StopReason.REFUSAL,
}
RESPONSES_ENDS = ("response.completed", "response.incomplete")
LAST_PIECES = ("message_stop", "response.failed", *RESPONSES_ENDS)
RESPONSES_TEXTS = ("response.output_text.delta", "response.refusal.delta")
GEMINI_STOPS = {
    "STOP": StopReason.END,
    "MAX_TOKENS": StopReason.MAX_TOKENS,
    "SAFETY": StopReason.REFUSAL,
    "RECITATION": StopReason.REFUSAL,
}


def frames(recording: Json) -> bytes:
    """The bytes of a recorded stream, framed as its vendor frames them."""
    if recording.get("response_body"):
        body: str = recording["response_body"]
        return body.encode()
    events: list[Json] = recording["events"]
    match recording["dialect"]:
        case "openai_chat":
            return (
                b"".join(b"data: %s\n\n" % json.dumps(one).encode() for one in events) + b"data: [DONE]\n\n"
            )
        case "anthropic" | "openai_responses":
            return b"".join(
                b"event: %s\ndata: %s\n\n" % (one["type"].encode(), json.dumps(one).encode())
                for one in events
            )
        case _:
            return b"".join(b"data: %s\r\n\r\n" % json.dumps(one).encode() for one in events)


def pieces(recording: Json) -> list[Json]:
    """The JSON payloads of a recorded stream; of the first answer, where several stand in a row."""
    payloads = all_pieces(recording)
    ends = [place for place, one in enumerate(payloads) if one.get("type") in LAST_PIECES]
    return payloads[: ends[0] + 1] if ends else payloads


def all_pieces(recording: Json) -> list[Json]:
    """Every JSON payload of a recorded stream."""
    if recording.get("events"):
        return recording["events"]
    body: str = recording["response_body"]
    if body.lstrip().startswith("["):
        return json.loads(body)
    lines = body.replace("\r\n", "\n").split("\n")
    data = [line[5:].strip() for line in lines if line.startswith("data:")]
    return [json.loads(one) for one in data if one and one != "[DONE]"]


def decoded(recording: Json) -> Response:
    """What our decoders make of the recording."""
    dialect = DIALECTS[recording["dialect"]]
    if not recording["streamed"]:
        return dialect.parse_response(recording["response_body"].encode(), ORIGIN)
    decoder = dialect.stream_decoder(ORIGIN)
    data = frames(recording)
    events = [
        event for start in range(0, len(data), 1000) for event in decoder.feed(data[start : start + 1000])
    ]
    return fold([*events, *decoder.close()])


def within(value: Json, name: str) -> Json:
    """A member that is an object; an empty one where there is none."""
    found: object = value.get(name)
    return cast("Json", found) if isinstance(found, dict) else {}


def listed(value: Json, name: str) -> list[Json]:
    """A member that is a list of objects; an empty one where there is none."""
    found: object = value.get(name)
    return cast("list[Json]", found) if isinstance(found, list) else []


def text_of(response: Response, choice: int) -> str:
    return "".join(b.text for b in response.choices[choice].blocks if isinstance(b, Text | Refusal))


def calls_of(response: Response, choice: int) -> list[tuple[str, Any]]:
    return [(b.name, b.arguments) for b in response.choices[choice].blocks if isinstance(b, ToolCall)]


def same_json(text: str, other: str) -> bool:
    """Whether two texts are the same JSON, or the same text where they are no JSON; `null` and no text
    are calls without arguments.
    """
    text, other = ("{}" if each in {"", "null"} else each for each in (text, other))
    try:
        return json.loads(text) == json.loads(other)
    except ValueError:
        return text == other


# --- OpenAI Chat Completions ---


def openai_text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = cast("list[Json]", content) if isinstance(content, list) else []
    return "".join(part.get("text", "") for part in parts if part.get("type") in {"text", "output_text"})


def openai_message(recording: Json) -> dict[int, Json]:
    """The choices of an answer, a stream's deltas put together."""
    choices: dict[int, Json] = {}
    bodies = pieces(recording) if recording["streamed"] else [json.loads(recording["response_body"])]
    for body in bodies:
        for position, choice in enumerate(listed(body, "choices")):
            own = choices.setdefault(
                choice.get("index", position), {"text": "", "refusal": "", "calls": {}, "reason": None}
            )
            message = within(choice, "delta" if recording["streamed"] else "message")
            own["text"] += openai_text(message.get("content"))
            own["refusal"] += message.get("refusal") or ""
            calls = listed(message, "tool_calls")[:]
            if message.get("function_call"):
                calls.append({"index": 0, "function": message["function_call"]})
            for place, call in enumerate(calls):
                key = call.get("index", place) if recording["streamed"] else place
                function = call.get("function") or {
                    "name": call["custom"]["name"],
                    "arguments": call["custom"]["input"],
                }
                entry = own["calls"].setdefault(key, ["", ""])
                entry[0] = entry[0] or function.get("name") or ""
                arguments = function.get("arguments") or ""
                entry[1] += arguments if isinstance(arguments, str) else json.dumps(arguments)
            own["reason"] = choice.get("finish_reason") or own["reason"]
    return choices


@pytest.mark.recordings(good=True)
def test_a_recorded_answer_keeps_its_text_calls_stop_reason_and_usage(recording: Json) -> None:
    if is_broken(recording):
        with pytest.raises(FailureError):
            decoded(recording)
        return
    response = decoded(recording)
    match recording["dialect"]:
        case "openai_chat":
            check_openai(recording, response)
        case "openai_responses":
            check_responses(recording, response)
        case "anthropic":
            check_anthropic(recording, response)
        case _:
            check_gemini(recording, response)


def is_broken(recording: Json) -> bool:
    """Whether the answer was recorded incomplete, or made up to be wrong: Google's without an end; or is
    an OpenAI response that failed.
    """
    if recording["dialect"] == "openai_responses" and recording["streamed"]:
        return any(body.get("type") == "response.failed" for body in pieces(recording))
    if recording["dialect"] != "gemini":
        return False
    try:
        bodies = pieces(recording) if recording["streamed"] else [json.loads(recording["response_body"])]
    except ValueError:
        return True
    if any("error" in body for body in bodies) or '\n  "error": {' in (recording.get("response_body") or ""):
        return True
    candidates = [one for body in bodies for one in listed(body, "candidates")]
    if not candidates:
        return not any(within(body, "promptFeedback").get("blockReason") for body in bodies)
    answered = any(listed(within(one, "content"), "parts") for one in candidates)
    return not any(one.get("finishReason") for one in candidates) and (recording["streamed"] or not answered)


def check_openai(recording: Json, response: Response) -> None:
    expected = openai_message(recording)
    assert len(response.choices) == len(expected)
    for place, (_, choice) in enumerate(sorted(expected.items())):
        assert text_of(response, place) == choice["text"] + choice["refusal"]
        calls = calls_of(response, place)
        wanted = [tuple(call) for _, call in sorted(choice["calls"].items())]
        assert [name for name, _ in calls] == [name for name, _ in wanted]
        assert all(same_json(a, b) for (_, a), (_, b) in zip(calls, wanted, strict=True))
        reason = OPENAI_STOPS.get(choice["reason"])
        if calls and reason is StopReason.END:
            reason = StopReason.TOOL_CALLS
        if not calls and reason is StopReason.TOOL_CALLS:
            reason = StopReason.END
        if choice["refusal"] and reason is StopReason.END:
            reason = StopReason.REFUSAL
        assert reason is None or response.choices[place].stop.reason is reason
    usages = [
        body["usage"]
        for body in (pieces(recording) if recording["streamed"] else [json.loads(recording["response_body"])])
        if body.get("usage")
    ]
    if usages:
        usage = usages[-1]
        assert response.usage is not None
        total = usage.get("total_tokens") or 0
        prompt, completion = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
        reasoning: int = within(usage, "completion_tokens_details").get("reasoning_tokens") or 0
        # some hosts leave reasoning or sound out of the sums that OpenAI counts them in
        assert response.usage.prompt in {prompt, total - completion}
        assert response.usage.output in {completion, completion + reasoning, total - prompt}
        if reasoning <= completion:
            assert response.usage.total in {total, prompt + completion}
        details = within(usage, "prompt_tokens_details")
        if details.get("cached_tokens"):
            assert response.usage.cache_read == details["cached_tokens"]


def check_responses(recording: Json, response: Response) -> None:
    if recording["streamed"]:
        events = pieces(recording)
        ends = [event["response"] for event in events if event["type"] in RESPONSES_ENDS]
        answer = ends[-1]
        output = [event["item"] for event in events if event["type"] == "response.output_item.done"]
        said = "".join(event["delta"] for event in events if event["type"] in RESPONSES_TEXTS)
    else:
        answer = json.loads(recording["response_body"])
        output = listed(answer, "output")
        said = "".join(part.get("text") or part.get("refusal") or "" for part in parts_of(output))
    calls: list[tuple[str, Any]] = []
    for item in output:
        if item["type"] in {"function_call", "custom_tool_call"}:
            space = f"{item['namespace']}__" if item.get("namespace") else ""
            calls.append((space + item["name"], item.get("arguments", item.get("input"))))
    assert text_of(response, 0) == said
    found = calls_of(response, 0)
    assert [name for name, _ in found] == [name for name, _ in calls]
    assert all(same_json(a, b) for (_, a), (_, b) in zip(found, calls, strict=True))
    reason = RESPONSES_STOPS.get(within(answer, "incomplete_details").get("reason") or "completed")
    if reason is StopReason.END and calls:
        reason = StopReason.TOOL_CALLS
    elif reason is StopReason.END and any(part["type"] == "refusal" for part in parts_of(output)):
        reason = StopReason.REFUSAL
    assert response.choices[0].stop.reason is reason
    encrypted = [item["encrypted_content"] for item in output if item.get("encrypted_content")]
    signatures = [block.signature for block in response.choices[0].blocks if isinstance(block, Thinking)]
    if all(item["type"] == "reasoning" for item in output if item.get("encrypted_content")):
        assert [
            one.value.partition(" ")[2] for one in signatures if one is not None and " " in one.value
        ] == encrypted
    usage = within(answer, "usage")
    if usage:
        assert response.usage is not None
        assert response.usage.prompt == usage["input_tokens"]
        assert response.usage.output == usage["output_tokens"]
        assert response.usage.total == usage["total_tokens"]
        details = within(usage, "input_tokens_details")
        assert (response.usage.cache_read or 0) == (details.get("cached_tokens") or 0)
        assert (response.usage.cache_write or 0) == (details.get("cache_write_tokens") or 0)
        made = within(usage, "output_tokens_details")
        assert (response.usage.reasoning or 0) == (made.get("reasoning_tokens") or 0)


def parts_of(output: list[Json]) -> list[Json]:
    """The parts of all messages among the items of an OpenAI response."""
    return [part for item in output if item["type"] == "message" for part in item["content"]]


def check_anthropic(recording: Json, response: Response) -> None:
    text, calls, usage, reason = "", list[tuple[str, Any]](), dict[str, Any](), None
    if recording["streamed"]:
        blocks: dict[int, Json] = {}
        for body in pieces(recording):
            match body["type"]:
                case "message_start":
                    usage.update(body["message"]["usage"])
                case "content_block_start":
                    blocks[body["index"]] = {**body["content_block"], "json": ""}
                case "content_block_delta":
                    delta = body["delta"]
                    block = blocks[body["index"]]
                    if delta["type"] == "text_delta":
                        block["text"] += delta["text"]
                    elif delta["type"] == "input_json_delta":
                        block["json"] += delta["partial_json"]
                case "message_delta":
                    reason = body["delta"].get("stop_reason") or reason
                    usage.update({k: v for k, v in within(body, "usage").items() if v is not None})
                case _:
                    pass
        content = [block for _, block in sorted(blocks.items())]
    else:
        body = json.loads(recording["response_body"])
        content, usage, reason = body["content"], body["usage"], body["stop_reason"]
    for block in content:
        if block["type"] == "text":
            text += block["text"]
        elif block["type"] == "tool_use":
            calls.append((block["name"], block.get("json") or json.dumps(block["input"])))
    assert text_of(response, 0) == text
    found = calls_of(response, 0)
    assert [name for name, _ in found] == [name for name, _ in calls]
    assert all(same_json(a, b) for (_, a), (_, b) in zip(found, calls, strict=True))
    if reason in ANTHROPIC_STOPS:
        assert response.choices[0].stop.reason is ANTHROPIC_STOPS[reason]
    assert response.usage is not None
    # passes beside the answer itself are missing in the vendor's sums
    beside: list[Json] = [
        one for one in usage.get("iterations") or () if one["type"] in {"compaction", "advisor_message"}
    ]
    assert response.usage.input == usage["input_tokens"] + sum(one["input_tokens"] for one in beside)
    assert response.usage.output == usage["output_tokens"] + sum(one["output_tokens"] for one in beside)
    assert (response.usage.cache_read or 0) == (usage.get("cache_read_input_tokens") or 0)
    assert (response.usage.cache_write or 0) == (usage.get("cache_creation_input_tokens") or 0)


def check_gemini(recording: Json, response: Response) -> None:
    bodies = pieces(recording) if recording["streamed"] else [json.loads(recording["response_body"])]
    choices: dict[int, Json] = {}
    usage: Json = {}
    blocked = False
    for body in bodies:
        blocked = blocked or bool(within(body, "promptFeedback").get("blockReason"))
        usage.update({k: v for k, v in within(body, "usageMetadata").items() if v is not None})
        for position, candidate in enumerate(listed(body, "candidates")):
            own = choices.setdefault(
                candidate.get("index", position), {"text": "", "calls": [], "reason": None}
            )
            for part in listed(within(candidate, "content"), "parts"):
                if "text" in part and not part.get("thought"):
                    own["text"] += part["text"]
                call = within(part, "functionCall")
                if call.get("name"):
                    own["calls"].append((call["name"], json.dumps(call.get("args") or {})))
            own["reason"] = candidate.get("finishReason") or own["reason"]
    if not choices:
        assert blocked
        assert response.choices[0].stop.reason is StopReason.REFUSAL
    for place, (_, choice) in enumerate(sorted(choices.items())):
        assert text_of(response, place) == choice["text"]
        found = calls_of(response, place)
        if choice["calls"]:
            assert [name for name, _ in found] == [name for name, _ in choice["calls"]]
            if "partialArgs" not in json.dumps(bodies):
                assert all(same_json(a, b) for (_, a), (_, b) in zip(found, choice["calls"], strict=True))
        reason = GEMINI_STOPS.get(choice["reason"])
        if found and reason is StopReason.END:
            reason = StopReason.TOOL_CALLS
        assert reason is None or response.choices[place].stop.reason is reason
    if "promptTokenCount" in usage:
        assert response.usage is not None
        assert response.usage.prompt == usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0)
        if "candidatesTokenCount" in usage:
            assert response.usage.output == usage["candidatesTokenCount"] + usage.get("thoughtsTokenCount", 0)


def location_of(recording: Json) -> Location:
    path: str = recording["path"] or ""
    if recording["dialect"] != "gemini":
        return Location()
    name = path.partition("?")[0].rpartition("/")[2].partition(":")[0] or "model"
    return Location(name, "stream" in path, "alt=sse" in path)


@pytest.mark.recordings(has_request=True)
def test_a_recorded_request_is_read_unless_its_vendor_refused_it_too(recording: Json) -> None:
    dialect = DIALECTS[recording["dialect"]]
    body = json.dumps(recording["request"]).encode()
    location = location_of(recording)
    try:
        head = dialect.read_head(body, location)
        request = dialect.parse_request(body, location)
    except FailureError:
        if recording["status"] == 200:
            raise
        return
    assert request.model == head.model
    assert request.stream == head.stream


@pytest.mark.recordings(has_request=True)
def test_a_recorded_request_passes_through_byte_for_byte_but_for_the_model(recording: Json) -> None:
    dialect = DIALECTS[recording["dialect"]]
    body = json.dumps(recording["request"], ensure_ascii=False).encode("utf-8", "surrogatepass")
    location = location_of(recording)
    target = Target("p", "another-model", "p/unknown", UNKNOWN)
    try:
        head = dialect.read_head(body, location)
    except FailureError:
        if recording["status"] == 200:
            raise
        return
    passed = dialect.passthrough(head, body, target)
    if recording["dialect"] == "gemini":
        assert passed.wire.body == body
        return
    model = json.dumps(recording["request"]["model"]).encode()
    assert passed.wire.body.count(b'"another-model"') == 1
    if not passed.hide_usage:
        assert passed.wire.body.replace(b'"another-model"', model, 1) == body
    else:
        sent = json.loads(passed.wire.body)
        assert {**sent, "model": recording["request"]["model"]} == {
            **recording["request"],
            "stream_options": {**(recording["request"].get("stream_options") or {}), "include_usage": True},
        }
