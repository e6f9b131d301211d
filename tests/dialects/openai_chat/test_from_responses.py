"""What Responses and Chat Completions have in common survives on the way from the one to the other."""

import json
from typing import Any

import pytest

from dragoman.conversation.fold import unfold
from dragoman.conversation.request import Request
from dragoman.dialects.dialect import Location, Rendered, Reply, Target
from dragoman.dialects.openai_chat import DIALECT
from dragoman.dialects.openai_responses import DIALECT as RESPONSES
from dragoman.dialects.openai_responses.parse_request import parse_request
from dragoman.models.profile import UNKNOWN, Profile

SEARCHING = Profile(family="search", web_search=True)


def render(profile: Profile = UNKNOWN, **members: object) -> Rendered:
    body = json.dumps({"model": "m", "input": "hi", **members}).encode()
    return DIALECT.render_request(parse_request(body, Location()), Target("p", "up", "p/x", profile))


def body(profile: Profile = UNKNOWN, **members: object) -> dict[str, Any]:
    return json.loads(render(profile, **members).wire.body)


def test_the_phase_of_what_the_model_said() -> None:
    said = {"type": "message", "role": "assistant", "content": "let me see", "phase": "commentary"}
    got = body(input=[{"role": "user", "content": "hi"}, said])["messages"]
    assert got[1] == {"role": "assistant", "content": "let me see", "phase": "commentary"}


@pytest.mark.parametrize("phases", [("commentary", "final_answer"), (None, None)])
def test_two_messages_of_one_turn_are_one_with_a_blank_line_between(phases: tuple[str | None, ...]) -> None:
    said = [
        {"type": "message", "role": "assistant", "content": text, **({"phase": phase} if phase else {})}
        for text, phase in zip(("let me see", "done"), phases, strict=True)
    ]
    got = body(input=[{"role": "user", "content": "hi"}, *said])["messages"]
    assert got[1]["content"] == "let me see\n\ndone"
    assert got[1].get("phase") == phases[1]


def test_parts_of_one_message_stay_together() -> None:
    parts = [{"type": "output_text", "text": text} for text in ("one, ", "two")]
    said = {"type": "message", "id": "msg_1", "role": "assistant", "content": parts}
    assert body(input=[{"role": "user", "content": "hi"}, said])["messages"][1]["content"] == "one, two"


def test_what_belongs_to_items_alone_stays_behind() -> None:
    said = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": "x"}
    call = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "c",
        "name": "f",
        "arguments": "{}",
        "status": "x",
    }
    output = {"type": "function_call_output", "id": "fc_2", "call_id": "c", "output": "y"}
    got = body(input=[{"role": "user", "content": "hi"}, said, call, output])["messages"]
    assert got[1:] == [
        {
            "role": "assistant",
            "content": "x",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "y"},
    ]


def test_breakpoints_for_the_cache() -> None:
    part = {"type": "input_text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}
    got = body(input=[{"role": "user", "content": [part]}])["messages"]
    assert got[0]["content"] == [
        {"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}
    ]


def test_grammars_of_free_text_tools_are_nested() -> None:
    form = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
    (tool,) = body(tools=[{"type": "custom", "name": "sh", "format": form}])["tools"]
    assert tool["custom"]["format"] == {
        "type": "grammar",
        "grammar": {"syntax": "lark", "definition": "start: x"},
    }


def test_a_search_keeps_its_settings() -> None:
    place = {"type": "approximate", "city": "Berlin"}
    tool = {"type": "web_search", "search_context_size": "low", "user_location": place}
    assert body(SEARCHING, tools=[tool])["web_search_options"] == {
        "search_context_size": "low",
        "user_location": {"type": "approximate", "approximate": {"city": "Berlin"}},
    }


def test_a_search_goes_without_filters_and_says_so() -> None:
    tool = {"type": "web_search", "filters": {"allowed_domains": ["e.com"]}}
    rendered = render(SEARCHING, tools=[tool])
    assert [(loss.path, loss.code) for loss in rendered.losses] == [
        ("$.tools[0].allowed_domains", "web_search")
    ]


def test_a_namespace_is_flattened() -> None:
    inner = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    got = body(tools=[{"type": "namespace", "name": "ns", "description": "d", "tools": [inner]}])
    assert [tool["function"]["name"] for tool in got["tools"]] == ["ns__f"]


def test_added_tools_are_declared_from_the_beginning() -> None:
    added = {
        "type": "additional_tools",
        "role": "developer",
        "tools": [{"type": "function", "name": "late", "parameters": {"type": "object"}}],
    }
    rendered = render(input=[{"role": "user", "content": "hi"}, added])
    got = json.loads(rendered.wire.body)
    assert [tool["function"]["name"] for tool in got["tools"]] == ["late"]
    assert [message["role"] for message in got["messages"]] == ["user"]
    assert "server_tool_history" in {loss.code for loss in rendered.losses}


def test_media_of_results_move_into_a_message_of_the_user() -> None:
    history = [
        {"role": "user", "content": "hi"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [{"type": "input_image", "image_url": "https://e.com/a.png"}],
        },
    ]
    roles = [message["role"] for message in body(input=history)["messages"]]
    assert roles == ["user", "assistant", "tool", "user"]


def test_the_messages_of_an_answer_are_one_with_a_blank_line_between_streamed_and_whole() -> None:
    output: list[dict[str, Any]] = [
        {
            "type": "message",
            "id": f"msg_{phase}",
            "role": "assistant",
            "phase": phase,
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }
        for phase, text in (("commentary", "let me see"), ("final_answer", "done"))
    ]
    answer: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "model": "m",
        "status": "completed",
        "output": output,
    }
    response = RESPONSES.parse_response(json.dumps(answer).encode(), "p/x")
    request = Request("openai_chat", "m", (), stream=True)
    reply = Reply(request, Location(), 7, "chatcmpl-x", "fp", "p/x")
    whole = json.loads(DIALECT.render_response(response, reply))
    assert whole["choices"][0]["message"]["content"] == "let me see\n\ndone"
    encoder = DIALECT.stream_encoder(reply)
    frames = b"".join(encoder.encode(event) for event in unfold(response)).split(b"\n\n")
    chunks = [json.loads(frame.removeprefix(b"data: ")) for frame in frames if frame]
    deltas = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
    assert "".join(deltas) == "let me see\n\ndone"
