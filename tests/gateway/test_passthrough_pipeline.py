"""Bytes of the client's own format go through in whole frames, whatever pieces they come in."""

import json

import pytest

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.dialects import anthropic, gemini, openai_chat, openai_responses
from dragoman.dialects.dialect import Dialect, Location
from dragoman.gateway.pipeline import PassthroughPipeline

GOOD = b'[{"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"index":0}]}'
ERROR = b',\r\n{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}'


def pipeline(dialect: Dialect, location: Location) -> PassthroughPipeline:
    def clean(failure: Failure) -> Failure:
        return failure

    return PassthroughPipeline(dialect, "p/m", location, clean, hide_usage=False)


@pytest.mark.parametrize(
    "pieces",
    [
        (GOOD + ERROR + b"\n]",),
        (GOOD, ERROR, b"\n]"),
        (GOOD, ERROR + b"\n", b"]"),
        (GOOD, ERROR + b"\n]"),
        (GOOD + ERROR,),
    ],
)
def test_an_array_that_ends_in_the_upstreams_error_is_closed_exactly_once(pieces: tuple[bytes, ...]) -> None:
    through = pipeline(gemini.DIALECT, Location("m", stream=True, sse=False))
    out = b""
    for piece in pieces:
        out += through.feed(piece)
        if through.finished:
            break
    assert through.reading.failure is not None
    answer: list[dict[str, object]] = json.loads(out + through.fail(through.reading.failure))
    assert [[*element] for element in answer] == [["candidates"], ["error"]]


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_what_goes_through_is_what_came(size: int) -> None:
    frame = b'data: {"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
    end = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    data = frame * 9 + end + b"data: [DONE]\n\n"
    through = pipeline(openai_chat.DIALECT, Location())
    out = [through.feed(data[start : start + size]) for start in range(0, len(data), size)]
    assert b"".join(out) + through.close() == data
    assert all(piece.endswith(b"\n\n") for piece in out if piece)


def event(kind: str, number: int, **members: object) -> bytes:
    """An event of OpenAI's Responses."""
    data = {"type": kind, "sequence_number": number, **members}
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


CREATED = event("response.created", 0, response={"id": "resp_1", "model": "m", "status": "in_progress"})
DELTA = event("response.output_text.delta", 1, output_index=0, content_index=0, delta="Hi")
LOST = Failure(FailureKind.BAD_GATEWAY, "Lost.")


@pytest.mark.parametrize("said", [[CREATED], [CREATED, DELTA], [CREATED, DELTA, b": wait\n\n"]])
def test_a_broken_response_ends_with_the_numbers_and_the_id_that_it_began_with(said: list[bytes]) -> None:
    through = pipeline(openai_responses.DIALECT, Location())
    out = b"".join(through.feed(piece) for piece in said) + through.fail(LOST)
    sent = [json.loads(line[6:]) for line in out.split(b"\n") if line.startswith(b"data: ")]
    assert [one["sequence_number"] for one in sent] == list(range(len(sent)))
    assert [one["type"] for one in sent[-2:]] == ["error", "response.failed"]
    assert sent[-1]["response"]["id"] == "resp_1"


def test_an_error_that_holds_a_secret_is_not_seen_before_it_is_known_as_one() -> None:
    """Its event comes ahead of the one by which it is known."""

    def clean(failure: Failure) -> Failure:
        return Failure(failure.kind, "Something went wrong.")

    through = PassthroughPipeline(openai_responses.DIALECT, "p/m", Location(), clean, hide_usage=False)
    error = {"message": "The key sk-secret is no good.", "code": "server_error"}
    out = through.feed(CREATED + DELTA)
    out += through.feed(event("error", 2, error=error))
    failed = {"id": "resp_1", "status": "failed", "error": error}
    out += through.feed(event("response.failed", 3, response=failed))
    assert through.reading.failure is not None
    out += through.fail(through.reading.failure)
    assert b"sk-secret" not in out
    assert b"Something went wrong." in out


TEXT = b'data: {"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
FINISH = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
BROKEN = Failure(FailureKind.BAD_GATEWAY, "The connection broke.")


@pytest.mark.parametrize("left", [b"", b"da", b"data: [DONE]", b"data: [DONE]\n"])
@pytest.mark.parametrize("broken", [False, True])
def test_a_complete_answer_is_ended_properly_however_its_upstream_ends(left: bytes, broken: bool) -> None:
    through = pipeline(openai_chat.DIALECT, Location())
    out = through.feed(TEXT + FINISH + left)
    out += through.fail(BROKEN) if broken else through.close()
    assert out == TEXT + FINISH + b"data: [DONE]\n\n"


def test_half_a_frame_is_not_passed_on() -> None:
    through = pipeline(openai_chat.DIALECT, Location())
    out = through.feed(TEXT + FINISH[:40])
    out += through.fail(BROKEN)
    assert out.startswith(TEXT + b'data: {"error"')
    assert "broke" in out.decode()


def test_a_block_that_opens_empty_is_no_answer_yet() -> None:
    opening = (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":'
        b'"assistant","model":"c","content":[],"stop_reason":null,"usage":{"input_tokens":1,"output_tokens":1}}}'
        b'\n\nevent: content_block_start\ndata: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"text","text":""}}\n\n'
    )
    word = (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"Hi"}}\n\n'
    )
    through = pipeline(anthropic.DIALECT, Location())
    through.feed(opening)
    assert not through.reading.meaningful
    through.feed(word)
    assert through.reading.meaningful
