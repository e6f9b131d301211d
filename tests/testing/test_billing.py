"""What the fake provider bills."""

import asyncio
import time

import msgspec
import pytest

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.request import Request
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.token_estimate import estimate_text_tokens, estimate_tokens
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Location
from dragoman.dialects.registry import DIALECTS
from dragoman.testing.exchange import Answer, Ending, json_answer
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
HEADERS = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
USED = Usage(input=9, output=6)
TEXT = Response(
    "", "", (Choice(0, (Text("one two three four five six seven"),), Stop(StopReason.END)),), USED
)
ASKED: dict[str, Object] = {
    CHAT: {"model": "demo", "messages": [{"role": "user", "content": "Hi"}]},
    MESSAGES: {"model": "demo", "max_tokens": 90, "messages": [{"role": "user", "content": "Hi"}]},
}


def body(path: str, **fields: JSON) -> bytes:
    return msgspec.json.encode({**ASKED[path], **fields})


def billed(
    scripted: Scripted | Response | Failure | Answer, path: str = CHAT, **fields: JSON
) -> Usage | None:
    """The bill of a request that needs no socket."""
    provider = FakeProvider()
    provider.script.add(scripted)
    provider.answer("POST", path, "", HEADERS, body(path, **fields))
    return provider.script.received[0].billed


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_whole_answer_costs_what_it_says(path: str) -> None:
    usage = billed(TEXT, path)
    assert usage is not None
    assert (usage.prompt, usage.output) == (9, 6)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_stream_to_its_end_costs_what_it_says(path: str) -> None:
    usage = billed(TEXT, path, stream=True)
    assert usage is not None
    assert (usage.prompt, usage.output) == (9, 6)


def test_what_is_refused_costs_nothing() -> None:
    assert billed(Failure(FailureKind.RATE_LIMIT, "slow down")) is None
    assert billed(TEXT, CHAT, temperature="hot") is None
    assert billed(json_answer(500, b"{}")) is None


def test_an_http_answer_costs_what_it_says() -> None:
    choice: Object = {"message": {"content": "x"}, "finish_reason": "stop"}
    wire = msgspec.json.encode({"choices": [choice], "usage": {"prompt_tokens": 4, "completion_tokens": 2}})
    assert billed(json_answer(200, wire)) == Usage(input=4, output=2)


def test_a_stream_that_breaks_off_costs_what_it_said() -> None:
    request = DIALECTS["openai_chat"].parse_request(body(CHAT), Location())
    usage = billed(Scripted(TEXT, frames=3, ending=Ending.RESET), CHAT, stream=True)
    assert usage is not None
    assert usage.input == estimate_tokens(request)
    assert 0 < (usage.output or 0) < estimate_text_tokens("one two three four five six seven") + 2


def test_a_prompt_that_the_stream_has_told_of_counts_as_it_says() -> None:
    usage = billed(Scripted(TEXT, frames=4, ending=Ending.RESET), MESSAGES, stream=True)
    assert usage is not None
    assert usage.input == 9
    assert (usage.output or 0) > 0


def test_a_whole_answer_that_breaks_off_costs_its_prompt() -> None:
    request = DIALECTS["openai_chat"].parse_request(body(CHAT), Location())
    assert billed(Scripted(TEXT, ending=Ending.CLOSED)) == Usage(input=estimate_tokens(request), output=0)


def test_vectors_cost_their_input_and_counts_nothing() -> None:
    provider = FakeProvider()
    vectors = msgspec.json.encode({"model": "text-embedding-3-small", "input": "one two three"})
    provider.answer("POST", "/v1/embeddings", "", {"content-type": "application/json"}, vectors)
    provider.answer(
        "POST",
        f"{MESSAGES}/count_tokens",
        "",
        HEADERS,
        msgspec.json.encode({"model": "demo", "messages": [{"role": "user", "content": "Hi"}]}),
    )
    provider.answer("GET", "/v1/models", "", HEADERS, b"")
    bills = [received.billed for received in provider.script.received]
    assert bills[0] is not None
    assert (bills[0].input or 0) > 0
    assert bills[1:] == [None, None]
    assert provider.script.billed == (bills[0],)


def test_a_model_of_ones_own_may_say_in_what_manner_it_answers() -> None:
    def act(request: Request, _: frozenset[str]) -> Response | Scripted:
        said = request.messages[0].blocks[0]
        if isinstance(said, Text) and said.text == "fail":
            return Scripted(Failure(FailureKind.OVERLOADED, "Busy."))
        return Scripted(TEXT, frames=2, ending=Ending.STALLED)

    provider = FakeProvider(actor=act)
    failing: list[JSON] = [{"role": "user", "content": "fail"}]
    failed = provider.answer("POST", CHAT, "", HEADERS, body(CHAT, messages=failing))
    stalled = provider.answer("POST", CHAT, "", HEADERS, body(CHAT, stream=True))
    assert failed.status == 503
    assert (len(stalled.chunks), stalled.ending) == (2, Ending.STALLED)


async def ask(fake: FakeServer, path: str, asked: bytes, frames: int) -> None:
    """Ask, and leave when so many frames of the answer have come."""
    host, _, port = fake.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        lines = [f"POST {path} HTTP/1.1", "host: fake", f"content-length: {len(asked)}"]
        lines += [f"{name}: {value}" for name, value in HEADERS.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + asked)
        got = 0
        while got < frames and (data := await reader.read(65_536)):
            got += data.count(b"\n\n")
    finally:
        writer.close()


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_client_that_leaves_pays_for_what_went_out(path: str) -> None:
    async def scene() -> tuple[Usage | None, Answer | None]:
        async with FakeServer() as fake:
            fake.script.add(Scripted(TEXT, frames=4, ending=Ending.STALLED))
            await ask(fake, path, body(path, stream=True), 4)
            received = fake.script.received[0]
            await received.left(5)
            assert received.over
            return received.billed, received.answer

    usage, answer = asyncio.run(scene())
    assert usage == billed(Scripted(TEXT, frames=4, ending=Ending.STALLED), path, stream=True)
    assert usage is not None
    assert answer is not None
    assert (usage.output or 0) > 0


def test_a_client_that_leaves_before_a_word_pays_for_its_prompt() -> None:
    async def scene() -> Usage | None:
        async with FakeServer() as fake:
            fake.script.add(Scripted(TEXT, delay=30))
            asking = asyncio.create_task(ask(fake, CHAT, body(CHAT), 1))
            await fake.script.arrived(1, 5)
            await asyncio.sleep(0.05)
            asking.cancel()
            await fake.script.received[0].left(5)
            return fake.script.received[0].billed

    request = DIALECTS["openai_chat"].parse_request(body(CHAT), Location())
    assert asyncio.run(scene()) == Usage(input=estimate_tokens(request), output=0)


def test_one_can_wait_until_nothing_is_on_its_way() -> None:
    async def scene() -> float:
        async with FakeServer() as fake:
            fake.script.add(Scripted(TEXT, delay=0.2))
            began = time.monotonic()
            asking = asyncio.create_task(ask(fake, CHAT, body(CHAT), 1))
            await fake.script.arrived(1, 5)
            with pytest.raises(TimeoutError):
                await asyncio.to_thread(fake.script.settled, 0.01)
            await asyncio.to_thread(fake.script.settled, 5.0)
            asking.cancel()
            return time.monotonic() - began

    assert asyncio.run(scene()) > 0.15
