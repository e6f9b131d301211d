"""Bytes of the client's own format go through in whole frames, whatever pieces they come in."""

import json

import pytest

from dragoman.conversation.failure import Failure
from dragoman.dialects import gemini, openai_chat
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
