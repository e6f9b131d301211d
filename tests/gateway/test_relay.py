"""The one loop: nothing before the commit point, an honest end after it, and no upstream kept waiting."""

import asyncio
import json
from collections.abc import Callable

import pytest
from tests.gateway.ends import BROKEN, SILENCE, Reader, Upstream

from dragoman.config.settings import Timeouts
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.dialects import openai_chat
from dragoman.dialects.dialect import Emulation, Location, Reply
from dragoman.gateway.outlet import Outlet
from dragoman.gateway.pipeline import PassthroughPipeline, Pipeline, TranslationPipeline
from dragoman.gateway.relay import STOPPING, relay
from dragoman.gateway.time_limits import TimeLimits, Watch

pytestmark = pytest.mark.anyio

FOREVER = 3600.0
DONE = b"data: [DONE]\n\n"


def frame(text: str | None = None, finish: str | None = None) -> bytes:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps(head | {"choices": [choice]}).encode() + b"\n\n"


ANSWER = (frame("one"), frame(" two"), frame(finish="stop"), DONE)


def unchanged(failure: Failure) -> Failure:
    return failure


def passing() -> Pipeline:
    return PassthroughPipeline(openai_chat.DIALECT, "o/f", Location(), unchanged, hide_usage=False)


def cutting(stop: str, branches: int = 1) -> Pipeline:
    request = openai_chat.DIALECT.parse_request(
        b'{"model": "m", "stream": true, "messages": [{"role": "user", "content": "x"}]}', Location()
    )
    reply = Reply(request, Location(), created=1, fallback_id="f", fingerprint="fp", origin="o/f")
    emulation = Emulation(stop=(stop,), fan_out=branches)
    return TranslationPipeline(
        openai_chat.DIALECT, openai_chat.DIALECT, reply, emulation, unchanged, branches
    )


class Begins:
    """An attempt that stands alone."""

    def __init__(self, limits: TimeLimits) -> None:
        self.limits = limits
        self.has_begun = False
        self.released = False

    def begun(self) -> None:
        self.has_begun = True

    def release(self) -> None:
        self.released = True


async def run(
    client: Reader,
    *upstreams: Upstream,
    pipeline: Pipeline | None = None,
    first: float = FOREVER,
    between: float = FOREVER,
    total: float = FOREVER,
) -> None:
    end = asyncio.get_running_loop().time() + total
    timeouts = Timeouts(first_event=first, between_events=between, total=total)
    with TimeLimits(timeouts, end, Watch(asyncio.get_running_loop())) as limits:
        limits.sent()
        outlet = Outlet(client, openai_chat.DIALECT, Location(), [("content-type", "x")], FOREVER)
        try:
            headers = [("content-type", "x")]
            await relay(upstreams, pipeline or passing(), outlet, lambda: headers, Begins(limits))
        finally:
            outlet.close()


def error_in(client: Reader) -> str:
    """The words of the error that a stream ends with."""
    last = client.body.removesuffix(DONE).rstrip(b"\n").rpartition(b"\n")[2]
    return json.loads(last.removeprefix(b"data: "))["error"]["message"]


async def test_an_answer_goes_through_and_ends() -> None:
    client, upstream = Reader(), Upstream(*ANSWER)
    await run(client, upstream)
    assert (client.status, client.headers) == (200, {"content-type": "x"})
    assert client.body == b"".join(ANSWER)
    assert client.finished
    assert not upstream.closed  # it may end by itself, and serve the next request


async def test_the_upstreams_place_is_given_back_while_the_client_still_reads() -> None:
    client, upstream = Reader(), Upstream(*ANSWER)
    client.slow = FOREVER
    end = asyncio.get_running_loop().time() + 0.03
    with TimeLimits(Timeouts(total=0.03), end, Watch(asyncio.get_running_loop())) as limits:
        outlet = Outlet(client, openai_chat.DIALECT, Location(), [], FOREVER)
        attempt = Begins(limits)
        task = asyncio.ensure_future(relay((upstream,), passing(), outlet, list, attempt))
        limits.lift()
        await asyncio.sleep(0.01)
        assert not attempt.released
        task.cancel()
        await asyncio.sleep(0.01)
        assert attempt.released
        client.left = True
        task.cancel()
        await asyncio.wait((task,))
        outlet.close()


@pytest.mark.parametrize("pipeline", [passing, lambda: cutting("STOP")])
async def test_an_answer_that_just_ends_is_told_to_be_incomplete(pipeline: Callable[[], Pipeline]) -> None:
    client = Reader()
    await run(client, Upstream(ANSWER[0]), pipeline=pipeline())
    assert b"one" in client.body
    assert error_in(client)
    assert client.finished


async def test_a_translated_answer_gets_the_end_of_its_own_format() -> None:
    client = Reader()
    await run(client, Upstream(*ANSWER[:3]), pipeline=cutting("STOP"))
    assert client.body.endswith(DONE)
    assert b'"error"' not in client.body


async def test_frames_that_come_in_pieces_go_on_whole() -> None:
    answer = b"".join(ANSWER)
    client = Reader()
    await run(client, Upstream(*[answer[at : at + 7] for at in range(0, len(answer), 7)]))
    assert client.body == answer


async def test_a_frame_in_a_great_many_pieces_takes_linear_time() -> None:
    big = frame("x" * 8_000_000)
    client = Reader()
    pieces = [big[at : at + 4096] for at in range(0, len(big), 4096)]
    await asyncio.wait_for(run(client, Upstream(*pieces, *ANSWER[1:])), 5)
    assert client.body == big + b"".join(ANSWER[1:])


@pytest.mark.parametrize("before", [(), (frame(),), (b": a comment\n\n", frame()[:20])])
async def test_what_fails_before_anything_good_came_is_raised_and_the_client_sees_nothing(
    before: tuple[bytes, ...],
) -> None:
    client, upstream = Reader(), Upstream(*before, BROKEN)
    with pytest.raises(FailureError) as caught:
        await run(client, upstream)
    assert caught.value is BROKEN or caught.value.failure is BROKEN.failure
    assert not client.started
    assert upstream.closed


async def test_first_words_that_are_cut_with_their_frame_are_no_answer() -> None:
    client = Reader()
    with pytest.raises(FailureError):
        await run(client, Upstream(frame(), frame("one")[:-2]))
    assert not client.started


async def test_an_upstream_that_ends_without_a_word_has_answered_nothing() -> None:
    client = Reader()
    with pytest.raises(FailureError) as caught:
        await run(client, Upstream())
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
    assert not client.started


async def test_silence_before_anything_good_came_is_raised() -> None:
    client, upstream = Reader(), Upstream(frame(), SILENCE)
    with pytest.raises(FailureError) as caught:
        await run(client, upstream, first=0.02)
    assert caught.value.failure.kind is FailureKind.TIMEOUT
    assert not client.started
    assert upstream.closed


@pytest.mark.parametrize(
    ("rest", "words"),
    [((BROKEN,), "The connection broke."), ((SILENCE,), "nothing new"), ((b"data: nonsense\n\n",), "")],
)
async def test_what_fails_later_is_told_in_the_stream(
    rest: tuple[bytes | FailureError | None, ...], words: str
) -> None:
    client, upstream = Reader(), Upstream(ANSWER[0], *rest)
    await run(client, upstream, between=0.02)
    assert client.body.startswith(ANSWER[0])
    assert words in error_in(client)
    assert client.finished
    assert upstream.closed


async def test_a_slow_client_is_not_taken_for_a_silent_upstream() -> None:
    client = Reader(slow=0.03)
    await run(client, Upstream(*ANSWER), between=0.01)
    assert client.body == b"".join(ANSWER)


async def test_a_client_that_reads_nothing_does_not_keep_the_upstream_beyond_the_whole_time() -> None:
    client, upstream = Reader(), Upstream(*ANSWER)
    client.slow = FOREVER
    task = asyncio.ensure_future(run(client, upstream, between=0.01, total=0.03))
    await asyncio.sleep(0.1)
    assert upstream.closed
    assert not task.done()  # the client is still to be told
    client.left = True
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_client_that_takes_its_time_with_the_end_keeps_no_upstream_waiting() -> None:
    client, upstream = Reader(slow=0.02), Upstream(ANSWER[0], frame("STOP"), SILENCE)
    task = asyncio.ensure_future(run(client, upstream, pipeline=cutting("STOP"), total=0.05))
    await upstream.let_go.wait()
    assert not client.finished
    client.slow = 0.05
    await task
    assert client.finished
    assert b"one" in client.body
    assert b"STOP" not in client.body
    assert client.body.endswith(DONE)


async def test_a_client_that_leaves_ends_everything_at_once() -> None:
    client, upstreams = Reader(), [Upstream(ANSWER[0], SILENCE), Upstream(ANSWER[0], SILENCE)]
    task = asyncio.ensure_future(run(client, *upstreams, pipeline=cutting("STOP", branches=2)))
    await client.reading.wait()
    seen, client.left = client.body, True
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(upstream.closed for upstream in upstreams)
    assert client.body == seen
    assert not client.finished


async def test_a_gateway_that_is_stopped_says_so_in_the_stream() -> None:
    client, upstream = Reader(), Upstream(ANSWER[0], SILENCE)
    task = asyncio.ensure_future(run(client, upstream))
    await client.reading.wait()
    task.cancel()
    await task
    assert error_in(client) == STOPPING.message
    assert client.finished
    assert upstream.closed


@pytest.mark.parametrize("written", range(3))
async def test_a_gateway_that_is_stopped_leaves_no_hole_in_an_answer(written: int) -> None:
    """A slow client is just being sent a piece; that the answer is complete afterwards is no excuse."""
    client, upstream = Reader(slow=0.2), Upstream(ANSWER[0], ANSWER[1], b"".join(ANSWER[2:]))
    task = asyncio.ensure_future(run(client, upstream))
    await asyncio.sleep(0.1 + 0.2 * written)
    task.cancel()
    await task
    pieces = [ANSWER[0], ANSWER[1], b"".join(ANSWER[2:])]
    assert client.body.startswith(b"".join(pieces[: written + 1]))
    assert client.body == b"".join(ANSWER) or error_in(client) == STOPPING.message


@pytest.mark.parametrize("good", [0, 1])
async def test_one_branch_that_fails_ends_the_whole_answer(good: int) -> None:
    """Before anything good came by raising, after it in the stream."""
    client = Reader()
    upstreams = [Upstream(*ANSWER[:good], SILENCE), Upstream(*[frame()] * 5, BROKEN)]
    if good:
        await run(client, *upstreams, pipeline=cutting("STOP", branches=2))
        assert error_in(client) == "The connection broke."
    else:
        with pytest.raises(FailureError):
            await run(client, *upstreams, pipeline=cutting("STOP", branches=2))
        assert not client.started
    assert all(upstream.closed for upstream in upstreams)
