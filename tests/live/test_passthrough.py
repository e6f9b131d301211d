"""Client and upstream of one dialect: what goes through is byte for byte what was sent, but for the model."""

import contextlib
import http.client
import json

import pytest
from tests.conftest import ROUTES
from tests.live.client import MODELS, Client
from tests.live.conftest import Journal, noted
from tests.live.raw_upstream import pieces_of, saying, stream_of

from dragoman.testing.exchange import Answer, Chunk
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

pytestmark = pytest.mark.parametrize(
    ("client", "upstream"), [(name, name) for name in ROUTES], indirect=True, ids=list(ROUTES)
)

HELLO = saying("Good morning to you and to all who are with you, wherever you may be on this day.")

ODD = (
    b'"x_float": 1.0, "x_exponent": 1e5,"x_Exponent":-1.50E+02, "x_big": 123456789012345678901234567890,\n\t'
    b'"x_tiny": 0.1000000000000000055511151231257827, "z": [ ], "a" : { },  "x_null":null, '
    b'"x_text": "caf\\u00e9 caf\xc3\xa9 \\/ \\ud83d\\ude00 \xf0\x9f\x98\x80 \\u0041 \\n", "": 0, '
    b'"x_nested": {"model": "gpt-4o", "b": 1, "a": [1, 2.50, {"model": "sonnet"}]}'
)
"""Members that no dialect knows, in every spelling that JSON has."""

REQUESTS = {
    "openai_chat": (
        b' {\r\n "messages" : [{"content":"Hi \\"model\\": \\u0041","role":"user", "x_in": 1.0,"name":"a"}]'
        b' ,%b,\n"temperature":1.0, "seed":9007199254740993,"mo\\u0064el": "gpt-4\\u006f" ,"user":"model"}\n '
    ),
    "openai_responses": (
        b' {\r\n "input" : [{"content":"Hi \\"model\\": \\u0041","role":"user", "x_in": 1.0}]'
        b' ,%b,\n"temperature":1.0, "store" :false,"mo\\u0064el": "gpt-4\\u002e1" ,"user":"model"}\n '
    ),
    "anthropic": (
        b' {\r\n "max_tokens": 10 ,"messages" : [{"content":[{"text":"Hi","type":"text","x_in": 1.0,'
        b'"cache_control":{"type":"ephemeral","ttl":"1h"}}],"role":"user"}] ,%b,\n'
        b'"top_k": 1 , "mo\\u0064el": "son\\u006eet" , "metadata": {"user_id":"model"} }\n '
    ),
    "gemini": (
        b' {\r\n "contents" : [{"parts":[{"text":"Hi","x_in": 1.0}], "role":"user"}] ,%b,\n'
        b'"generation_config": {"topK": 1.0e0 , "response_mime_type": "text/plain", "x_new": 1.50}, '
        b'"model": "x" }\n '
    ),
}
"""Requests as no serialiser would write them."""

MODEL_TEXTS = {
    "openai_chat": b'"gpt-4\\u006f"',
    "openai_responses": b'"gpt-4\\u002e1"',
    "anthropic": b'"son\\u006eet"',
    "gemini": b"absent",
}


def odd_answer(client: Client) -> bytes:
    """A good answer with members that nobody knows, oddly spelt."""
    (body,) = pieces_of(client.ask(MODELS[client.name]), Scripted(HELLO))
    return b" " + body.rstrip()[:-1] + b" ,\n " + ODD + b" }\r\n"


def test_a_request_arrives_byte_for_byte_but_for_its_model(
    client: Client, route: str, fake: FakeServer
) -> None:
    sent = REQUESTS[client.name] % ODD
    expected = sent.replace(MODEL_TEXTS[client.name], json.dumps(MODELS[client.name]).encode())
    answer = Answer(200, {"content-type": "application/json"}, (Chunk(0.0, odd_answer(client)),))
    fake.script.add(Scripted(answer, checked=False))
    assert client.get(route, body=sent).status == 200
    (received,) = fake.script.received
    assert received.body == expected
    assert received.headers["content-type"] == "application/json"


def test_an_answer_comes_back_byte_for_byte(client: Client, route: str, fake: FakeServer) -> None:
    body = odd_answer(client)
    fake.script.add(Answer(200, {"content-type": "application/json; x=1"}, (Chunk(0.0, body),)))
    reply = client.get(route)
    assert (reply.status, reply.body) == (200, body)
    assert reply.headers["content-type"] == "application/json"


_ODD_TEXT = b'"\\u0041 \xf0\x9f\x98\x80"'
EXTRAS = {
    "openai_chat": [
        b": keep-alive\n\n",
        b'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","x_new":1.0,"choices":'
        b'[{"index":0,"x_more":[1e5],"delta":{"content":%b},"finish_reason":null}]}\n\n' % _ODD_TEXT,
    ],
    "openai_responses": [
        b": keep-alive\n\n",
        b'event: response.output_text.delta\nid: 7\ndata: {"output_index":0,"content_index":0,"x_new": 1.0,'
        b'"type":"response.output_text.delta","sequence_number":5,"item_id":"x","delta":%b,"logprobs":[]}\n\n'
        % _ODD_TEXT,
        b'event: response.x_new\ndata: {"type":"response.x_new","sequence_number":6,"x": 1.0}\n\n',
    ],
    "anthropic": [
        b"event: ping\ndata: {}\n\n",
        b": a comment\n\n",
        b'event: content_block_delta\nid: 7\ndata: {"index":0,"x_new": 1.0,"type":"content_block_delta",'
        b'"delta":{"text":%b,"type":"text_delta","x_more":[1e5]}}\n\n' % _ODD_TEXT,
        b'event: x_new_event\ndata: {"type":"x_new_event","x": 1.0}\n\n',
    ],
    "gemini": [
        b'data: {"candidates": [{"content": {"parts": [{"text": %b, "x_new": 1.0}], "role": "model"}, '
        b'"index": 0, "x_more": [1e5]}], "x_top": 1.0}\r\n\r\n' % _ODD_TEXT,
        b": a comment\n\n",
    ],
}
"""Frames that may come in the middle of a stream."""


def odd_stream(client: Client) -> list[bytes]:
    pieces = pieces_of(client.ask(MODELS[client.name], stream=True), Scripted(HELLO))
    return [*pieces[:4], *EXTRAS[client.name], *pieces[4:]]


@pytest.mark.parametrize("size", [0, 1, 7, 100_000], ids=["frames", "bytes", "sevens", "whole"])
def test_a_stream_comes_back_byte_for_byte_in_whatever_pieces_it_came(
    client: Client, route: str, size: int, fake: FakeServer
) -> None:
    frames = odd_stream(client)
    whole = b"".join(frames)
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)] if size else frames
    fake.script.add(stream_of(pieces))
    reply = client.get(route, stream=True)
    assert reply.status == 200
    assert reply.body == whole
    assert reply.headers["cache-control"] == "no-cache"


def test_frames_come_one_by_one(client: Client, route: str, fake: FakeServer) -> None:
    """Nothing is kept back until more has come: each frame is there while the next is still to be made."""
    pieces = odd_stream(client)
    begun = next(number for number, piece in enumerate(pieces) if b"Good morning" in piece) + 1
    good = stream_of(pieces)
    early, late = good.chunks[:begun], good.chunks[begun:]
    chunks = (*early, *(Chunk(0.05, chunk.data) for chunk in late))
    fake.script.add(Answer(200, good.headers, chunks, streamed=True))
    ask = client.ask(route, stream=True)
    connection = http.client.HTTPConnection("127.0.0.1", client.gateway.port, timeout=10)
    with contextlib.closing(connection):
        connection.request(ask.method, ask.target, ask.body, ask.headers)
        answer = connection.getresponse()
        came: list[bytes] = []
        while data := answer.read1(65536):
            came.append(data)
    assert b"".join(came) == b"".join(pieces)
    assert len(came) >= len(pieces) - begun


def test_the_record_knows_what_went_through_unread(
    client: Client, route: str, stream: bool, fake: FakeServer, journal: Journal
) -> None:
    assert client.get(route, stream=stream).status == 200
    entry = noted(journal)
    assert (entry["plan"], entry["stop"]) == ("passthrough", "end")
    assert sum(int(str(entry.get(name, 0))) for name in ("input_tokens", "cache_write_tokens")) > 0
    assert int(str(entry["output_tokens"])) > 0
    provider = {"openai_chat": "openai", "openai_responses": "responses"}.get(client.name, client.name)
    assert entry["target"] == f"{provider}/{MODELS[client.name]}"


def test_headers_of_the_format_go_on_and_others_stay(client: Client, route: str, fake: FakeServer) -> None:
    own = {
        "openai_chat": {"openai-beta": "assistants=v2"},
        "openai_responses": {"openai-beta": "assistants=v2"},
        "anthropic": {
            "anthropic-version": "2026-10-21",
            "anthropic-beta": "context-1m-2025-08-07,x-new-thing",
            "anthropic-user-profile-id": "p1",
        },
        "gemini": {"x-goog-api-client": "genai/3", "x-server-timeout": "60"},
    }
    others = {
        "x-forwarded-for": "10.0.0.1",
        "cookie": "a=b",
        "x-request-id": "mine",
        "accept-encoding": "gzip",
    }
    ask = client.ask(route)
    every = {name: value for headers in own.values() for name, value in headers.items()}
    assert client.send(ask._replace(headers={**ask.headers, **every, **others})).status == 200
    (received,) = fake.script.received
    expected = {name: own[client.name].get(name) for headers in own.values() for name in headers}
    assert {name: received.headers.get(name) for name in expected} == expected
    assert not {"x-forwarded-for", "cookie", "x-request-id"} & received.headers.keys()
    assert received.headers["accept-encoding"] == "identity"


def test_a_version_is_sent_where_the_client_names_none(client: Client, route: str, fake: FakeServer) -> None:
    ask = client.ask(route)
    headers = {name: value for name, value in ask.headers.items() if name != "anthropic-version"}
    assert client.send(ask._replace(headers=headers)).status == 200
    (received,) = fake.script.received
    expected = "2023-06-01" if client.name == "anthropic" else None
    assert received.headers.get("anthropic-version") == expected
