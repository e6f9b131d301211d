"""Whatever a client sends, it gets an answer or an error of its own dialect, and never a fault of ours."""

import copy
import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.conftest import ROUTES
from tests.live.client import Client, Reply

from dragoman.testing.json_value import JSON, Object

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4DwABBAEAX+XDSwAAAABJRU5ErkJggg=="
SCHEMA: Object = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

RICH: dict[str, Object] = {
    "openai_chat": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "name": "ann", "content": [{"type": "text", "text": "Look"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "look", "arguments": '{"city":"Oslo"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "And here?"},
                    {
                        "type": "image_url",
                        "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"},
                    },
                ],
            },
        ],
        "tools": [
            {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": SCHEMA}}
        ],
        "tool_choice": "auto",
        "temperature": 0.5,
        "stop": ["END"],
        "max_completion_tokens": 500,
        "n": 1,
        "metadata": {"a": "b"},
        "response_format": {"type": "text"},
    },
    "openai_responses": {
        "instructions": "Be brief.",
        "input": [
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "input_text", "text": "Look"}]},
            {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"city":"Oslo"}'},
            {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "And here?"},
                    {
                        "type": "input_image",
                        "image_url": f"data:image/png;base64,{PIXEL}",
                        "detail": "low",
                    },
                ],
            },
        ],
        "tools": [
            {
                "type": "function",
                "name": "look",
                "description": "Look.",
                "parameters": SCHEMA,
                "strict": False,
            }
        ],
        "tool_choice": "auto",
        "temperature": 0.5,
        "max_output_tokens": 500,
        "metadata": {"a": "b"},
        "store": False,
        "text": {"format": {"type": "text"}},
    },
    "anthropic": {
        "max_tokens": 500,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": "Look"},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "So be it."},
                    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"city": "Oslo"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_1",
                        "content": [{"type": "text", "text": "rain"}],
                    },
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                ],
            },
        ],
        "tools": [{"name": "look", "description": "Look.", "input_schema": SCHEMA}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "temperature": 0.5,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "ann"},
        "thinking": {"type": "disabled"},
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Look"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {"city": "Oslo"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"sky": "rain"}}}]},
            {"role": "model", "parts": [{"text": "Rain."}]},
            {
                "role": "user",
                "parts": [{"text": "And?"}, {"inlineData": {"mimeType": "image/png", "data": PIXEL}}],
            },
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "look", "description": "Look.", "parametersJsonSchema": SCHEMA}
                ]
            }
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {
            "temperature": 0.5,
            "topK": 5,
            "maxOutputTokens": 500,
            "stopSequences": ["END"],
            "thinkingConfig": {"thinkingBudget": 0},
        },
    },
}
"""A request of each dialect with much that can be spoilt."""

WORDS = st.sampled_from(
    [
        "type",
        "text",
        "role",
        "user",
        "model",
        "content",
        "parts",
        "name",
        "id",
        "function",
        "tool_use",
        "object",
        "",
        "auto",
    ]
)
NUMBERS = st.integers() | st.sampled_from([0, -1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30])
VALUES: st.SearchStrategy[JSON] = st.recursive(
    st.none()
    | st.booleans()
    | NUMBERS
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)

Path = tuple[str | int, ...]


def paths(value: JSON, path: Path = ()) -> list[Path]:
    """The path of every value inside."""
    inner: list[tuple[str | int, JSON]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [found for step, one in inner for found in ((*path, step), *paths(one, (*path, step)))]


def spoil(value: JSON, path: Path, new: JSON, how: str) -> None:
    """Replace, remove or double one value inside."""
    step, *rest = path
    match value:
        case dict() if isinstance(step, str):
            if rest:
                spoil(value[step], tuple(rest), new, how)
            elif how == "remove":
                del value[step]
            else:
                value[step] = new
        case list() if isinstance(step, int):
            if rest:
                spoil(value[step], tuple(rest), new, how)
            elif how == "replace":
                value[step] = new
            else:
                value[step : step + 1] = [] if how == "remove" else [value[step]] * 2
        case _:
            raise AssertionError(path)


@st.composite
def spoilt(draw: st.DrawFn, name: str) -> Object:
    """A rich request of a dialect with up to three faults."""
    body = copy.deepcopy(RICH[name])
    for _ in range(draw(st.integers(1, 3))):
        spoil(
            body,
            draw(st.sampled_from(paths(body))),
            draw(VALUES),
            draw(st.sampled_from(["replace", "remove", "double"])),
        )
    return body


modest = settings(
    max_examples=100,
    deadline=None,
    # the fixtures hold servers, which every example may share
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def well_formed(client: Client, reply: Reply, *, stream: bool) -> None:
    assert reply.status == 200 or 400 <= reply.status < 500, reply
    if reply.status != 200:
        client.read_error(reply)
    elif stream and reply.headers["content-type"].startswith("text/event-stream"):
        assert client.grammar.check_stream(reply.body) == []
    else:
        assert client.grammar.check_response(reply.body) == []


@pytest.mark.parametrize("route", ROUTES.values())
def test_the_request_that_is_to_be_spoilt_is_good(client: Client, route: str, stream: bool) -> None:
    body = RICH[client.name] | client.request(route, stream=stream)
    for name in ("messages", "input", "contents", "max_tokens"):
        if name in RICH[client.name]:
            body[name] = RICH[client.name][name]
    reply = client.get(route, stream=stream, body=body)
    assert reply.status == 200, reply
    well_formed(client, reply, stream=stream)


@modest
@given(data=st.data(), route=st.sampled_from(list(ROUTES.values())), stream=st.booleans())
def test_a_spoilt_request_is_answered_or_refused(
    client: Client, data: st.DataObject, route: str, stream: bool
) -> None:
    body = data.draw(spoilt(client.name))
    if client.name != "gemini":
        body = {"model": route, "stream": stream, **body}
    reply = client.get(route, stream=stream, body=body)
    well_formed(client, reply, stream=stream)


@modest
@given(body=st.binary(max_size=60), stream=st.booleans())
@example(body=b"\x00", stream=True)
def test_random_bytes_are_refused(client: Client, body: bytes, stream: bool) -> None:
    reply = client.get("gpt-4o", stream=stream, body=body)
    assert reply.status == 400
    client.read_error(reply)


@modest
@given(cut=st.integers(0, 2000), noise=st.binary(max_size=8), stream=st.booleans())
def test_noise_in_the_middle_of_a_request_is_no_fault_of_ours(
    client: Client, cut: int, noise: bytes, stream: bool
) -> None:
    body = json.dumps({"model": "gpt-4o", **RICH[client.name]}).encode()
    cut %= len(body)
    reply = client.get("gpt-4o", stream=stream, body=body[:cut] + noise + body[cut + len(noise) :])
    well_formed(client, reply, stream=stream)
