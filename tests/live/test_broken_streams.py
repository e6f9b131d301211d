"""A stream that breaks after its first token: the client dialect's own error inside it, never a clean end."""

import json

import pytest
from tests.conftest import LiveGateway
from tests.live.client import MODELS, Ask, Client, Reply
from tests.live.conftest import Journal, noted
from tests.live.raw_upstream import pieces_of, saying, stream_of
from tests.live.vendor_errors import FACES

from dragoman.conversation.blocks import ToolCall
from dragoman.conversation.failure import Failure
from dragoman.conversation.failure import FailureKind as Kind
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.testing.exchange import Answer, Chunk, Ending
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

HELLO = saying("Good morning to you and to all who are with you, wherever you may be on this day.")
BEGUN = 6
"""Frames after which every dialect has said something, and none has finished."""


@pytest.fixture
def pieces(upstream: str, gateway: LiveGateway) -> list[bytes]:
    """What the upstream says when nothing goes wrong, frame by frame."""
    return pieces_of(streaming(upstream, gateway), Scripted(HELLO))


def streaming(upstream: str, gateway: LiveGateway) -> Ask:
    """A request for a stream with usage, as the gateway makes it."""
    client = Client(upstream, gateway)
    body = client.request(MODELS[upstream], stream=True)
    if upstream == "openai_chat":
        body["stream_options"] = {"include_usage": True}
    return client.ask(MODELS[upstream], stream=True, body=body)


def breaks_as(client: Client, reply: Reply, kind: Kind) -> None:
    """The stream holds the beginning of the answer and then an error, and is not finished."""
    told = client.stream_error(reply)
    assert told is not None
    assert told.word == FACES[kind][client.name].word
    assert client.words(reply).startswith("Good morning")
    assert not client.finished(reply.body)


@pytest.mark.parametrize("ending", [Ending.WHOLE, Ending.CLOSED, Ending.RESET])
def test_a_stream_that_ends_early_ends_with_an_error(
    client: Client, route: str, ending: Ending, fake: FakeServer, journal: Journal
) -> None:
    fake.script.add(Scripted(HELLO, frames=BEGUN, ending=ending))
    breaks_as(client, client.get(route, stream=True), Kind.BAD_GATEWAY)
    assert len(fake.script.received) == 1
    assert noted(journal)["failure"] == "bad_gateway"


def test_a_stream_that_falls_silent_ends_with_an_error(
    client: Client, upstream: str, fake: FakeServer, hasty: LiveGateway
) -> None:
    fake.script.add(Scripted(HELLO, frames=BEGUN, ending=Ending.STALLED))
    reply = client.at(hasty).get(f"fake_{upstream}", stream=True)
    breaks_as(client, reply, Kind.TIMEOUT)
    (received,) = fake.script.received
    assert received.wait_left(1)


@pytest.mark.parametrize("kind", [Kind.OVERLOADED, Kind.SERVER, Kind.RATE_LIMIT, Kind.INVALID_REQUEST])
def test_an_error_in_the_middle_is_told_in_the_clients_own_form(
    client: Client, route: str, kind: Kind, fake: FakeServer
) -> None:
    fake.script.add(Scripted(HELLO, frames=BEGUN, failure=Failure(kind, "the kettle is on fire")))
    reply = client.get(route, stream=True)
    breaks_as(client, reply, kind)
    told = client.stream_error(reply)
    assert told is not None
    assert "the kettle is on fire" in told.message


NONSENSE = {
    "no_json": b"data: {not json}\n\n",
    "cut_json": b'data: {"choices": [{"del\n\n',
    "list": b"data: [1, 2]\n\n",
    "number": b"data: 5\n\n",
    "html": b"<html><body>502 Bad Gateway</body></html>\n",
    "half_a_frame": b'data: {"choices": [',
    "wrong_types": (
        b'event: content_block_delta\ndata: {"index": "x", "choices": 5, "candidates": 5, '
        b'"output_index": "x"}\n\n'
    ),
    "invalid_utf_8": (
        b'data: {"type": "\xff", "choices": [{"delta": {"content": "\xff"}}], '
        b'"candidates": [{"content": {"parts": [{"text": "\xff"}]}}]}\n\n'
    ),
}


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("together", [True, False])
def test_nonsense_in_the_middle_is_not_passed_on(
    client: Client, route: str, nonsense: bytes, together: bool, pieces: list[bytes], fake: FakeServer
) -> None:
    said = [*pieces[:BEGUN], nonsense]
    fake.script.add(stream_of([b"".join(said)] if together else said))
    breaks_as(client, client.get(route, stream=True), Kind.BAD_GATEWAY)


ERRORS = {
    "openai_chat": b'data: {"error": {"message": "busy", "type": "server_error"}}\n\n',
    "openai_responses": (
        b'event: error\ndata: {"type":"error","sequence_number":6,"error":{"type":"server_error","code":null,'
        b'"message":"busy","param":null}}\n\n'
    ),
    "anthropic": b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"busy"}}\n\n',
    "gemini": b'data: {"error": {"code": 500, "message": "busy", "status": "INTERNAL"}}\r\n\r\n',
}


@pytest.mark.parametrize("together", [True, False])
def test_what_follows_an_error_is_not_passed_on(
    client: Client, upstream: str, route: str, together: bool, pieces: list[bytes], fake: FakeServer
) -> None:
    said = [*pieces[:BEGUN], ERRORS[upstream], *pieces[BEGUN:]]
    fake.script.add(stream_of([b"".join(said)] if together else said))
    reply = client.get(route, stream=True)
    assert client.words(reply).startswith("Good morning")
    assert not client.finished(reply.body)
    errors = [frame for frame in client.frames(reply.body) if "error" in frame]
    assert len(errors) == 1
    behind = client.frames(reply.body)[client.frames(reply.body).index(errors[0]) + 1 :]
    assert [frame["type"] for frame in behind] == (
        ["response.failed"] if client.name == "openai_responses" else []
    )


@pytest.mark.parametrize("ending", [Ending.WHOLE, Ending.CLOSED])
@pytest.mark.parametrize("upstream", ["openai_chat", "anthropic"], indirect=True)
def test_a_stream_without_its_last_frame_is_complete_where_a_finish_was_seen(
    client: Client, route: str, ending: Ending, pieces: list[bytes], fake: FakeServer
) -> None:
    """`[DONE]` and `message_stop` add nothing: some hosts leave them out."""
    fake.script.add(stream_of(pieces[:-1], ending=ending))
    reply = client.get(route, stream=True)
    assert reply.status == 200
    assert not [frame for frame in client.frames(reply.body) if "error" in frame]
    assert client.finished(reply.body)
    assert client.words(reply).endswith("on this day.")
    assert client.stream_error(reply) is None


def test_an_upstream_that_never_hangs_up_behind_its_answer_makes_no_error(
    client: Client, upstream: str, pieces: list[bytes], fake: FakeServer, hasty: LiveGateway
) -> None:
    fake.script.add(stream_of(pieces, ending=Ending.STALLED))
    reply = client.at(hasty).get(f"fake_{upstream}", stream=True)
    assert client.stream_error(reply) is None
    assert client.words(reply).endswith("on this day.")


@pytest.mark.parametrize("media_type", ["text/plain", "application/octet-stream", "application/x-ndjson", ""])
def test_a_stream_under_another_content_type_is_a_stream(
    client: Client, route: str, media_type: str, pieces: list[bytes], fake: FakeServer
) -> None:
    fake.script.add(stream_of(pieces, media_type))
    reply = client.get(route, stream=True)
    assert client.stream_error(reply) is None
    assert client.words(reply).endswith("on this day.")


def whole(upstream: str, gateway: LiveGateway, response: Response, media_type: str) -> Answer:
    (piece,) = pieces_of(Client(upstream, gateway).ask(MODELS[upstream]), Scripted(response))
    return Answer(200, {"content-type": media_type}, (Chunk(0.0, piece),))


TWO_CALLS = Response(
    "",
    "",
    (
        Choice(
            0,
            (
                ToolCall("call_00000001", "look", '{"city":"Oslo"}'),
                ToolCall("call_00000002", "look", '{"city":"Rome"}'),
            ),
            Stop(StopReason.TOOL_CALLS),
        ),
    ),
    Usage(input=5, output=20),
)


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
def test_a_whole_answer_to_a_request_for_a_stream_is_streamed(
    client: Client, upstream: str, route: str, media_type: str, gateway: LiveGateway, fake: FakeServer
) -> None:
    fake.script.add(whole(upstream, gateway, HELLO, media_type))
    reply = client.get(route, stream=True)
    assert client.stream_error(reply) is None
    assert client.finished(reply.body)
    assert client.words(reply) == client.words(reply).strip()
    assert client.words(reply).endswith("on this day.")


def test_whole_tool_calls_are_streamed_too(
    client: Client, upstream: str, route: str, gateway: LiveGateway, fake: FakeServer
) -> None:
    fake.script.add(whole(upstream, gateway, TWO_CALLS, "application/json"))
    reply = client.get(route, stream=True)
    assert client.stream_error(reply) is None
    assert b"Oslo" in reply.body
    assert b"Rome" in reply.body


def test_a_stream_in_answer_to_a_plain_request_is_gathered(
    client: Client, route: str, pieces: list[bytes], fake: FakeServer
) -> None:
    fake.script.add(stream_of(pieces))
    reply = client.get(route)
    assert reply.status == 200
    assert client.grammar.check_response(reply.body) == []
    assert client.words(reply).endswith("on this day.")


def test_a_broken_stream_in_answer_to_a_plain_request_is_a_bad_gateway(
    client: Client, route: str, pieces: list[bytes], fake: FakeServer
) -> None:
    fake.script.add(stream_of(pieces[:BEGUN]))
    reply = client.get(route)
    assert reply.status == 502
    client.read_error(reply)


@pytest.mark.parametrize("stream", [True], indirect=True)
def test_a_tool_call_that_is_cut_off_is_no_tool_call(
    client: Client, upstream: str, route: str, stream: bool, gateway: LiveGateway, fake: FakeServer
) -> None:
    pieces = pieces_of(streaming(upstream, gateway), Scripted(TWO_CALLS))
    cut = next(number for number, piece in enumerate(pieces) if b'"look"' in piece) + 1
    fake.script.add(stream_of(pieces[:cut]))
    reply = client.get(route, stream=stream)
    if reply.status == 200:
        assert client.stream_error(reply) is not None
        assert not client.finished(reply.body)
    else:
        assert client.read_error(reply).word == FACES[Kind.BAD_GATEWAY][client.name].word


@pytest.mark.parametrize("client", ["gemini"], indirect=True)
@pytest.mark.parametrize("frames", [0, BEGUN])
def test_googles_array_is_closed_behind_an_error(
    client: Client, route: str, frames: int, fake: FakeServer
) -> None:
    fake.script.add(Scripted(HELLO, frames=frames, failure=Failure(Kind.OVERLOADED, "busy")))
    ask = client.ask(route, stream=True)
    reply = client.send(ask._replace(target=ask.target.removesuffix("?alt=sse")))
    if not frames:
        assert (reply.status, client.read_error(reply).word) == (503, "UNAVAILABLE")
        return
    assert reply.headers["content-type"].startswith("application/json")
    assert client.grammar.check_stream(reply.body, sse=False) == []
    last: Object = json.loads(reply.body)[-1]
    assert client.told(last).word == "UNAVAILABLE"


def candidates(client: Client, route: str) -> Object:
    body = client.request(route, stream=True)
    wanted: JSON = {"candidateCount": 3}
    return body | ({"n": 3} if client.name == "openai_chat" else {"generationConfig": wanted})


@pytest.mark.parametrize("client", ["openai_chat", "gemini"], indirect=True)
@pytest.mark.parametrize("upstream", ["anthropic"], indirect=True)
@pytest.mark.parametrize("broken", [0, 1, 2])
def test_one_of_several_answers_that_breaks_ends_them_all(
    client: Client, route: str, broken: int, fake: FakeServer
) -> None:
    for number in range(3):
        cut = BEGUN if number == broken else None
        fake.script.add(Scripted(HELLO, pace=0.005, frames=cut, ending=Ending.RESET if cut else Ending.WHOLE))
    reply = client.get(route, stream=True, body=candidates(client, route))
    assert client.stream_error(reply) is not None


@pytest.mark.parametrize("client", ["openai_chat", "gemini"], indirect=True)
@pytest.mark.parametrize("upstream", ["anthropic"], indirect=True)
def test_one_of_several_answers_that_is_refused_refuses_them_all(
    client: Client, route: str, stream: bool, fake: FakeServer
) -> None:
    fake.script.add(HELLO, Failure(Kind.OVERLOADED, "busy"), Scripted(HELLO, delay=20))
    body = candidates(client, route)
    if client.name == "openai_chat":
        body["stream"] = stream
    reply = client.get(route, stream=stream, body=body)
    assert reply.status == 503
    client.read_error(reply)
