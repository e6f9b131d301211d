"""An upstream that breaks before it has answered: an error with a status, in time, or the next target."""

import time
from collections.abc import Callable

import pytest
from tests.conftest import LiveGateway
from tests.live.client import MODELS, Client, Reply
from tests.live.conftest import CONNECT, SECOND_MODELS, SILENCE, Journal, noted
from tests.live.raw_upstream import Line, RawUpstream, pieces_of, saying
from tests.live.vendor_errors import FACES

from dragoman.conversation.failure import Failure
from dragoman.conversation.failure import FailureKind as Kind
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

HELLO = saying("Good morning to you and to all who are with you, wherever you may be on this day.")

SLACK = 1.0
"""Seconds that a busy machine may take on top of a limit."""

Play = Callable[[Line], None]


def say(data: bytes, *, reset: bool = False) -> Play:
    """Send bytes, then close or reset the connection."""

    def play(line: Line) -> None:
        line.send(data)
        if reset:
            line.reset()

    return play


def fall_silent(data: bytes = b"") -> Play:
    """Send bytes, then nothing more."""

    def play(line: Line) -> None:
        line.send(data)
        line.wait_left()

    return play


OK = b"HTTP/1.1 200 OK\r\n"
# a connection that the gateway kept, and that is closed at this very moment, would not be asked at all
CLOSING = OK + b"connection: close\r\n"
JSON = CLOSING + b"content-type: application/json\r\n"
STREAM = CLOSING + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
PING = b"6\r\n: hi\n\n\r\n"

BROKEN: dict[str, Play] = {
    "closed": say(b""),
    "reset": say(b"", reset=True),
    "noise": say(bytes(range(256))),
    "another_protocol": say(b"220 mail.example.com ESMTP\r\n250 welcome\r\n"),
    "half_a_status_line": say(b"HTTP/1.1 2"),
    "half_a_head": say(OK + b"content-type: appl"),
    "half_a_head_and_reset": say(OK + b"content-type: appl", reset=True),
    "no_status": say(b"HTTP/1.1 abc OK\r\n\r\n"),
    "long_head": say(OK + b"x-filler: " + b"x" * 200_000 + b"\r\n\r\n{}"),
    "bad_length": say(JSON + b"content-length: many\r\n\r\n{}"),
    "switching_protocols": say(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"),
    "no_content": say(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"),
    "shorter_than_announced": say(JSON + b'content-length: 100\r\n\r\n{"id": "x"}'),
    "reset_in_the_body": say(JSON + b'content-length: 100\r\n\r\n{"id": "x"', reset=True),
    "bad_chunk": say(JSON + b'transfer-encoding: chunked\r\n\r\nzz\r\n{"id": "x"}\r\n'),
    "no_last_chunk": say(JSON + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"),
    "empty_stream": say(STREAM + b"0\r\n\r\n"),
    "stream_of_comments": say(STREAM + PING * 3 + b"0\r\n\r\n"),
    "stream_of_comments_cut_off": say(STREAM + PING),
    "stream_of_comments_reset": say(STREAM + PING, reset=True),
    "stream_of_nonsense": say(STREAM + b'e\r\ndata: {"x": 1}\r\n0\r\n\r\n'),
    "stream_of_no_json": say(STREAM + b"e\r\ndata: hello\r\n\r\n\r\n0\r\n\r\n"),
    "only_the_end": say(STREAM + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"),
}


def fails_as(client: Client, reply: Reply, kind: Kind) -> str:
    """The message of the error that an answer is: of this kind, in the client's own form."""
    told = client.read_error(reply)
    face = FACES[kind][client.name]
    assert (reply.status, told.word) == (face.status, face.word)
    return told.message


@pytest.mark.parametrize("play", BROKEN.values(), ids=BROKEN)
def test_an_upstream_that_breaks_is_a_bad_gateway(
    client: Client, upstream: str, play: Play, stream: bool, raw: RawUpstream, hasty: LiveGateway
) -> None:
    raw.play = play
    fails_as(client, client.at(hasty).get(f"raw_{upstream}", stream=stream), Kind.BAD_GATEWAY)
    assert len(raw.asked) == 1


def test_an_upstream_that_refuses_connections_is_a_bad_gateway(
    client: Client, upstream: str, stream: bool, hasty: LiveGateway
) -> None:
    reply = client.at(hasty).get(f"closed_{upstream}", stream=stream)
    assert "connection refused" in fails_as(client, reply, Kind.BAD_GATEWAY)


def in_time(client: Client, gateway: LiveGateway, route: str, limit: float, *, stream: bool) -> Reply:
    """An answer that takes as long as the limit, and no longer."""
    began = time.monotonic()
    reply = client.at(gateway).get(route, stream=stream)
    assert limit <= time.monotonic() - began < limit + SLACK
    return reply


@pytest.mark.parametrize("upstream", ["openai_chat"], indirect=True)
def test_an_upstream_that_does_not_take_the_connection_is_timed_out(
    client: Client, upstream: str, stream: bool, hasty: LiveGateway
) -> None:
    reply = in_time(client, hasty, f"full_{upstream}", CONNECT, stream=stream)
    assert str(CONNECT) in fails_as(client, reply, Kind.TIMEOUT)


def test_an_upstream_that_says_nothing_is_timed_out(
    client: Client, upstream: str, stream: bool, raw: RawUpstream, hasty: LiveGateway
) -> None:
    raw.play = fall_silent()
    reply = in_time(client, hasty, f"raw_{upstream}", SILENCE, stream=stream)
    assert "timeouts.first_event" in fails_as(client, reply, Kind.TIMEOUT)


@pytest.mark.parametrize(
    ("begun", "limit", "stream"),
    [
        (JSON + b'content-length: 100\r\n\r\n{"id": "x"', "between_events", False),
        (STREAM + PING, "first_event", True),
    ],
    ids=["in_the_body", "no_token"],
    indirect=["stream"],
)
def test_an_upstream_that_falls_silent_before_its_first_token_is_timed_out(
    client: Client,
    upstream: str,
    begun: bytes,
    limit: str,
    stream: bool,
    raw: RawUpstream,
    hasty: LiveGateway,
) -> None:
    raw.play = fall_silent(begun)
    reply = in_time(client, hasty, f"raw_{upstream}", SILENCE, stream=stream)
    assert f"timeouts.{limit}" in fails_as(client, reply, Kind.TIMEOUT)


@pytest.mark.parametrize("upstream", ["anthropic"], indirect=True)
@pytest.mark.parametrize(
    ("begun", "more", "stream"),
    [(JSON + b"content-length: 100\r\n\r\n", b" ", False), (STREAM, PING, True)],
    ids=["white_space", "comments"],
    indirect=["stream"],
)
def test_an_upstream_that_dribbles_is_timed_out_like_one_that_says_nothing(
    client: Client,
    upstream: str,
    begun: bytes,
    more: bytes,
    stream: bool,
    raw: RawUpstream,
    hasty: LiveGateway,
) -> None:
    def dribble(line: Line) -> None:
        line.send(begun)
        while True:
            line.send(more)
            time.sleep(0.05)

    raw.play = dribble
    reply = in_time(client, hasty, f"raw_{upstream}", SILENCE, stream=stream)
    assert "timeouts.first_event" in fails_as(client, reply, Kind.TIMEOUT)


def test_white_space_ahead_of_an_answer_is_passed_over(
    client: Client, upstream: str, raw: RawUpstream, hasty: LiveGateway
) -> None:
    """Hosts that are busy for long send it so that nothing on the way gives up."""
    (answer,) = pieces_of(Client(upstream, hasty).ask(MODELS[upstream]), Scripted(HELLO))

    def answer_late(line: Line) -> None:
        line.begin("application/json")
        for _ in range(3):
            line.chunk(b"\n")
            time.sleep(SILENCE / 8)
        line.chunk(answer)
        line.chunk(b"")

    raw.play = answer_late
    reply = client.at(hasty).get(f"raw_{upstream}")
    assert reply.status == 200
    assert "Good morning" in client.words(reply)


# --- the next target -----------------------------------------------------------------------------


def refused(status: int, body: bytes = b"no") -> Play:
    head = f"HTTP/1.1 {status} No\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}\r\n\r\n"
    return say(head.encode() + body)


ELSEWHERE: dict[str, Play] = {
    **{name: BROKEN[name] for name in ("closed", "reset", "noise", "shorter_than_announced", "empty_stream")},
    **{str(status): refused(status) for status in (301, 401, 402, 403, 404, 408, 429, 500, 502, 503, 529)},
}


def answered_by_the_second(client: Client, upstream: str, reply: Reply, fake: FakeServer) -> None:
    assert reply.status == 200, reply.body
    assert "demo model" in client.words(reply)
    (received,) = fake.script.received
    assert SECOND_MODELS[upstream] in received.path + received.body.decode()


@pytest.mark.parametrize("play", ELSEWHERE.values(), ids=ELSEWHERE)
def test_the_next_target_answers_what_the_first_does_not(
    client: Client,
    upstream: str,
    play: Play,
    stream: bool,
    raw: RawUpstream,
    fake: FakeServer,
    hasty: LiveGateway,
    journal: Journal,
) -> None:
    raw.play = play
    reply = client.at(hasty).get(f"raw_{upstream}_or_fake", stream=stream)
    answered_by_the_second(client, upstream, reply, fake)
    assert len(raw.asked) == 1
    assert noted(journal)["attempts"] == 2


@pytest.mark.parametrize(
    ("said", "stream"),
    [(b"", False), (STREAM + PING, True)],
    ids=["nothing", "no_token"],
    indirect=["stream"],
)
def test_the_next_target_answers_where_the_first_is_silent(
    client: Client,
    upstream: str,
    said: bytes,
    stream: bool,
    raw: RawUpstream,
    fake: FakeServer,
    hasty: LiveGateway,
) -> None:
    raw.play = fall_silent(said)
    reply = client.at(hasty).get(f"raw_{upstream}_or_fake", stream=stream)
    answered_by_the_second(client, upstream, reply, fake)


@pytest.mark.parametrize(
    ("place", "stream"), [("closed", False), ("closed", True), ("full", False)], indirect=["stream"]
)
def test_the_next_target_answers_where_the_first_cannot_be_reached(
    client: Client, upstream: str, place: str, stream: bool, fake: FakeServer, hasty: LiveGateway
) -> None:
    reply = client.at(hasty).get(f"{place}_{upstream}_or_fake", stream=stream)
    answered_by_the_second(client, upstream, reply, fake)


def test_the_next_target_answers_what_the_first_breaks_off_before_its_first_token(
    client: Client, upstream: str, raw: RawUpstream, fake: FakeServer, hasty: LiveGateway
) -> None:
    """OpenAI's first frame holds the role, Anthropic's the message: neither is anything yet."""
    (first, *_) = pieces_of(Client(upstream, hasty).ask(MODELS[upstream], stream=True), Scripted(HELLO))
    opening = b"" if upstream == "gemini" else b"%x\r\n%b\r\n" % (len(first), first)
    raw.play = say(STREAM + opening + b"0\r\n\r\n")
    reply = client.at(hasty).get(f"raw_{upstream}_or_fake", stream=True)
    answered_by_the_second(client, upstream, reply, fake)


def test_the_next_target_answers_a_stream_that_begins_with_an_error(
    client: Client, upstream: str, fake: FakeServer, hasty: LiveGateway
) -> None:
    overloaded = Failure(Kind.OVERLOADED, "busy")
    fake.script.add(Scripted(HELLO, model=MODELS[upstream], frames=0, failure=overloaded))
    reply = client.at(hasty).get(f"fake_{upstream}_or_fake", stream=True)
    assert reply.status == 200
    assert client.stream_error(reply) is None
    assert "demo model" in client.words(reply)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_at_fault_is_not_tried_elsewhere(
    client: Client,
    upstream: str,
    status: int,
    stream: bool,
    raw: RawUpstream,
    fake: FakeServer,
    hasty: LiveGateway,
) -> None:
    raw.play = refused(status)
    reply = client.at(hasty).get(f"raw_{upstream}_or_fake", stream=stream)
    assert 400 <= reply.status < 500
    client.read_error(reply)
    assert fake.script.received == ()


@pytest.mark.parametrize("ending", ["closed", "reset", "silence"])
def test_no_other_target_is_asked_after_the_first_token(
    client: Client, upstream: str, ending: str, raw: RawUpstream, fake: FakeServer, hasty: LiveGateway
) -> None:
    pieces = pieces_of(Client(upstream, hasty).ask(MODELS[upstream], stream=True), Scripted(HELLO))
    begun = next(number for number, piece in enumerate(pieces) if b"morning" in piece) + 1

    def break_off(line: Line) -> None:
        line.begin()
        line.chunk(b"".join(pieces[:begun]))
        if ending == "reset":
            line.reset()
        elif ending == "silence":
            line.wait_left()

    raw.play = break_off
    reply = client.at(hasty).get(f"raw_{upstream}_or_fake", stream=True)
    told = client.stream_error(reply)
    assert told is not None
    assert told.word == FACES[Kind.TIMEOUT if ending == "silence" else Kind.BAD_GATEWAY][client.name].word
    assert "morning" in client.words(reply)
    assert not client.finished(reply.body)
    assert fake.script.received == ()
