"""An answer of the model put on the wire, frame by frame, in the manner a script asks for."""

import re
from collections.abc import Iterator

from dragoman.conversation.events import Failed
from dragoman.conversation.failure import Failure
from dragoman.conversation.response import Response
from dragoman.dialects.dialect import Dialect, Reply
from dragoman.testing.exchange import Answer, Chunk
from dragoman.testing.pacing import paced
from dragoman.testing.script import Scripted

_SSE_FRAME = re.compile(rb".+?(?:\r\n\r\n|\n\n)", re.DOTALL)


def whole_answer(dialect: Dialect, reply: Reply, response: Response, manner: Scripted) -> Answer:
    """The answer as one JSON text."""
    body = dialect.render_response(response, reply)
    headers = {"content-type": "application/json", **_own_headers(dialect, reply.fallback_id)}
    return Answer(200, headers, (Chunk(manner.delay, body),), ending=manner.ending)


def streamed_answer(dialect: Dialect, reply: Reply, response: Response, manner: Scripted) -> Answer:
    """The answer as a stream, one frame to a chunk."""
    frames = _frames(dialect, reply, response, manner)
    chunks = tuple(
        Chunk(manner.pace if number else manner.delay, frame) for number, frame in enumerate(frames)
    )
    headers = {
        "content-type": dialect.stream_type(reply.location),
        "cache-control": "no-cache",
        **_own_headers(dialect, reply.fallback_id),
    }
    return Answer(200, headers, chunks, streamed=True, ending=manner.ending)


def failed_answer(dialect: Dialect, failure: Failure, identity: str, delay: float = 0.0) -> Answer:
    """The failure as the dialect's error answer."""
    error = dialect.render_error(failure, f"req_{identity}")
    headers = {"content-type": "application/json"}
    headers.update({name.lower(): value for name, value in error.headers})
    return Answer(error.status, headers, (Chunk(delay, error.body),))


def _own_headers(dialect: Dialect, identity: str) -> dict[str, str]:
    """The headers by which vendors name a request."""
    match dialect.name:
        case "anthropic":
            return {"request-id": f"req_{identity}"}
        case "openai_chat" | "openai_responses":
            return {"x-request-id": f"req_{identity}", "openai-version": "2020-10-01"}
        case _:
            return {}


def _frames(dialect: Dialect, reply: Reply, response: Response, manner: Scripted) -> list[bytes]:
    encoder = dialect.stream_encoder(reply)
    sse = "event-stream" in dialect.stream_type(reply.location)
    frames: list[bytes] = []
    for event in paced(response):
        frames += _split(encoder.encode(event), sse=sse)
        if manner.frames is not None and len(frames) >= manner.frames:
            if manner.failure is None:
                return frames[: manner.frames]
            frames += _split(encoder.encode(Failed(manner.failure)), sse=sse)
            frames += _split(encoder.close(), sse=sse)
            return frames
    frames += _split(encoder.close(), sse=sse)
    return frames if manner.frames is None else frames[: manner.frames]


def _split(data: bytes, *, sse: bool) -> Iterator[bytes]:
    """The frames in what an encoder gave for one event; a JSON array's parts stay as they are."""
    if not sse:
        if data:
            yield data
        return
    end = 0
    for frame in _SSE_FRAME.finditer(data):
        end = frame.end()
        yield frame.group()
    if end < len(data):
        yield data[end:]
