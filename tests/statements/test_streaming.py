"""Statements 72 to 88: streams, from the first byte to the last and to their breaking off."""

import contextlib
import http.client
import itertools
import json
import socket
import time
from collections.abc import Iterator, MutableMapping, Sequence

import pytest
from structlog.testing import capture_logs
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live.answers import answering, saying
from tests.live.client import Client, Reply
from tests.live.raw_upstream import pieces_of, stream_of
from tests.statements.asking import (
    CLIENTS,
    MODELS,
    A,
    C,
    G,
    House,
    R,
    at,
    every_client,
    every_pair,
    every_upstream,
    objects,
)
from tests.statements.houses import CONFIG
from tests.statements.streams import text_stream

from dragoman.config.settings import Timeouts
from dragoman.conversation.blocks import Text, ToolCall
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import StopReason
from dragoman.frames.eventstream import EventStreamDecoder, EventStreamError, encode_message
from dragoman.testing.exchange import Answer, Chunk, Ending
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

WORDS = "Good morning to you and to all who are with you, wherever you may be on this day."
BEGUN = 6
"""Frames after which every vendor has said something of `WORDS`, and none has finished."""
CALLS = (
    ToolCall("call_00000001", "look", '{"city":"Oslo","days":[1,2]}'),
    ToolCall("call_00000002", "look", '{"city":"Rome"}'),
)


@pytest.fixture(scope="module")
def falling_back(
    fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveGateway]:
    """A gateway with a second target behind each upstream's first."""
    config = CONFIG.format(url=fake_upstream.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    for upstream, model in MODELS.items():
        config += f'[routes.first_{upstream}]\ntargets = ["{model}", "{C}/gpt-4.1"]\nattempts = 2\n'
    with serving(config, tmp_path_factory.mktemp("falling_back")) as running:
        yield running


@pytest.fixture(scope="module")
def lively(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """A gateway whose clients hear that it is alive twenty times a second."""
    config = CONFIG.format(url=fake_upstream.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    config += "[timeouts]\nkeep_alive = 0.05\n"
    with serving(config, tmp_path_factory.mktemp("lively")) as running:
        yield running


def streamed(house: House, client: str, upstream: str) -> tuple[Client, Reply]:
    """A client of a dialect, and the answer to its request for a stream."""
    asker = Client(client, house.gateway)
    return asker, asker.get(MODELS[upstream], stream=True)


def fake_pieces(upstream: str, *answer: Text | ToolCall) -> list[bytes]:
    """What the fake vendor would stream, frame by frame."""
    asker = Client(upstream, LiveGateway("", CLIENT_KEY, UPSTREAM_KEY, 1))
    model = MODELS[upstream].partition("/")[2]
    body = asker.request(model, stream=True)
    if upstream == C:
        body["stream_options"] = {"include_usage": True}
    reason = StopReason.TOOL_CALLS if any(isinstance(one, ToolCall) for one in answer) else StopReason.END
    return pieces_of(asker.ask(model, stream=True, body=body), Scripted(answering(*answer, reason=reason)))


def said_at(upstream: str, pieces: Sequence[bytes]) -> int:
    """The number of the first frame that is a piece of the answer: of its first block, with Anthropic."""
    mark = b"event: content_block_start" if upstream == A else b"Good morning"
    return next(number for number, piece in enumerate(pieces) if mark in piece)


@every_pair
def test_statement_072_no_header_is_sent_before_something_meaningful_has_come(
    house: House, client: str, upstream: str
) -> None:
    pieces = fake_pieces(upstream, Text(WORDS))
    first = said_at(upstream, pieces)
    chunks = [Chunk(0.15 if number == first else 0.0, piece) for number, piece in enumerate(pieces)]
    house.fake.script.add(Answer(200, {"content-type": "text/event-stream"}, tuple(chunks), streamed=True))
    asker = Client(client, house.gateway)
    ask = asker.ask(MODELS[upstream], stream=True)
    line = http.client.HTTPConnection("127.0.0.1", house.gateway.port, timeout=10)
    with contextlib.closing(line):
        line.request(ask.method, ask.target, ask.body, ask.headers)
        began = time.monotonic()
        answer = line.getresponse()
        assert time.monotonic() - began > 0.1
        assert b"on this day" in answer.read()


@every_pair
def test_statement_072_what_fails_before_that_has_an_errors_status(
    house: House, client: str, upstream: str
) -> None:
    house.fake.script.add(Scripted(saying(WORDS), frames=0, failure=Failure(FailureKind.OVERLOADED, "Busy.")))
    asker, reply = streamed(house, client, upstream)
    assert reply.status == (529 if client == A else 503)
    assert "Busy." in asker.read_error(reply).message


@every_pair
def test_statement_073_nothing_is_tried_again_after_the_first_byte(
    falling_back: LiveGateway, fake: FakeServer, client: str, upstream: str
) -> None:
    asker = Client(client, falling_back)
    fake.script.add(Scripted(saying(WORDS), frames=BEGUN, ending=Ending.RESET), saying("the second"))
    reply = asker.get(f"first_{upstream}", stream=True)
    assert asker.stream_error(reply) is not None
    assert len(fake.script.received) == 1
    fake.script.clear()
    # before that, it is
    overloaded = Failure(FailureKind.OVERLOADED, "Busy.")
    fake.script.add(Scripted(saying(WORDS), frames=0, failure=overloaded), saying("the second"))
    assert asker.words(asker.get(f"first_{upstream}", stream=True)) == "the second"


@every_upstream
def test_statement_074_streams_for_anthropics_clients_are_well_formed(house: House, upstream: str) -> None:
    house.fake.script.add(answering(Text(WORDS), *CALLS, reason=StopReason.TOOL_CALLS))
    asker, reply = streamed(house, A, upstream)
    assert asker.stream_error(reply) is None
    frames = asker.frames(reply.body)
    kinds = [str(frame["type"]) for frame in frames if frame["type"] != "ping"]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert [kinds.count(one) for one in ("message_start", "message_delta", "message_stop")] == [1, 1, 1]
    opened = None
    indexes: list[JSON] = []
    for frame in frames:
        match frame["type"]:
            case "content_block_start":
                assert opened is None
                opened = frame["index"]
                indexes.append(opened)
            case "content_block_delta":
                assert frame["index"] == opened
            case "content_block_stop":
                assert frame["index"] == opened
                opened = None
            case _:
                assert opened is None
    assert indexes == list(range(3))


def chat_stream(*choices: Object) -> Answer:
    """A stream of Chat Completions with these deltas."""
    chunks: list[Object] = [
        {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "finish_reason": None, **choice}],
        }
        for choice in choices
    ]
    frames = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    usage: Object = {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14}
    last: Object = {**chunks[0], "choices": [], "usage": usage}
    return stream_of([*frames, f"data: {json.dumps(last)}\n\n".encode(), b"data: [DONE]\n\n"])


def piece_of_a_call(index: int, arguments: str, **more: str) -> Object:
    """One delta of a tool call; `more` holds its `id` and `name` at first."""
    function: Object = {"arguments": arguments}
    call: Object = {"index": index, "function": function}
    if more:
        call |= {"id": more["id"], "type": "function"}
        function["name"] = more["name"]
    delta: Object = {"tool_calls": [call]}
    return {"delta": delta}


def calls_of(client: str, asker: Client, reply: Reply) -> list[JSON]:
    """The arguments of the tool calls in a streamed answer, in order."""
    frames = asker.frames(reply.body)
    texts: dict[JSON, str] = {}
    match client:
        case "openai_chat":
            for frame in frames:
                for choice in objects(frame, "choices"):
                    for call in objects(choice, "delta", "tool_calls"):
                        texts[call["index"]] = texts.get(call["index"], "") + str(
                            at(call, "function", "arguments")
                        )
        case "openai_responses":
            output = objects(frames[-1], "response", "output")
            return [json.loads(str(item["arguments"])) for item in output if item["type"] == "function_call"]
        case "anthropic":
            for frame in frames:
                if (
                    frame["type"] == "content_block_delta"
                    and at(frame, "delta", "type") == "input_json_delta"
                ):
                    index = frame["index"]
                    texts[index] = texts.get(index, "") + str(at(frame, "delta", "partial_json"))
        case _:
            parts = [
                part
                for frame in frames
                for candidate in objects(frame, "candidates")
                for part in objects(candidate, "content", "parts")
            ]
            return [at(part, "functionCall", "args") for part in parts if "functionCall" in part]
    return [json.loads(text) for _, text in sorted(texts.items(), key=lambda item: str(item[0]))]


WANTED: list[JSON] = [{"city": "Oslo", "days": [1, 2]}, {"city": "Rome"}]


@every_client
def test_statement_075_interleaved_pieces_of_calls_are_put_in_order(house: House, client: str) -> None:
    house.fake.script.add(
        chat_stream(
            {"delta": {"role": "assistant", "content": None}},
            piece_of_a_call(0, '{"city":', id="call_00000001", name="look"),
            piece_of_a_call(1, "", id="call_00000002", name="look"),
            piece_of_a_call(1, '{"city":'),
            piece_of_a_call(0, '"Oslo","days"'),
            piece_of_a_call(1, '"Rome"}'),
            piece_of_a_call(0, ":[1,2]}"),
            {"delta": {}, "finish_reason": "tool_calls"},
        )
    )
    asker, reply = streamed(house, client, C)
    if client != C:
        assert asker.stream_error(reply) is None
    assert calls_of(client, asker, reply) == WANTED


@every_pair
def test_statement_076_the_first_piece_of_text_is_not_lost(house: House, client: str, upstream: str) -> None:
    house.fake.script.add(Scripted(text_stream(upstream, ["alpha", " beta"]), checked=False))
    asker, reply = streamed(house, client, upstream)
    assert asker.words(reply) == "alpha beta"


@every_client
def test_statement_076_text_beside_the_role_and_behind_calls_is_not_lost(house: House, client: str) -> None:
    house.fake.script.add(
        chat_stream(
            {"delta": {"role": "assistant", "content": "alpha"}},
            {**piece_of_a_call(0, '{"a":1}', id="call_00000001", name="look")},
            {"delta": {"content": " beta"}},
            {"delta": {"content": " gamma"}, "finish_reason": "tool_calls"},
        )
    )
    asker, reply = streamed(house, client, C)
    assert asker.words(reply) == "alpha beta gamma"
    assert calls_of(client, asker, reply) == [{"a": 1}]


@every_upstream
def test_statement_077_googles_clients_get_whole_calls(house: House, upstream: str) -> None:
    house.fake.script.add(answering(*CALLS, reason=StopReason.TOOL_CALLS))
    asker, reply = streamed(house, G, upstream)
    assert asker.stream_error(reply) is None
    assert calls_of(G, asker, reply) == WANTED


@every_upstream
def test_statement_078_events_of_responses_are_numbered_and_complete(house: House, upstream: str) -> None:
    house.fake.script.add(answering(Text(WORDS), *CALLS, reason=StopReason.TOOL_CALLS))
    asker, reply = streamed(house, R, upstream)
    assert asker.stream_error(reply) is None
    frames = asker.frames(reply.body)
    assert [frame["sequence_number"] for frame in frames] == list(range(len(frames)))
    done = [frame["item"] for frame in frames if frame["type"] == "response.output_item.done"]
    assert len(done) == 3
    assert frames[-1]["type"] == "response.completed"
    assert at(frames[-1], "response", "output") == done
    assert at(frames[-1], "response", "usage", "output_tokens")


@every_client
def test_statement_079_arguments_that_come_only_when_they_are_done_are_enough(
    house: House, client: str
) -> None:
    """Some hosts send no deltas and hang up without `[DONE]`, as OpenAI itself does; some send it."""
    pieces = [
        piece
        for piece in fake_pieces(R, *CALLS)
        if b"event: response.function_call_arguments.delta" not in piece
    ]
    for ending in ([], [b"data: [DONE]\n\n"]):
        house.fake.script.add(Scripted(stream_of([*pieces, *ending]), checked=False))
        asker, reply = streamed(house, client, R)
        assert reply.status == 200
        assert calls_of(client, asker, reply) == WANTED


@every_pair
def test_statement_080_streams_end_in_each_clients_own_way(house: House, client: str, upstream: str) -> None:
    house.fake.script.add(saying(WORDS))
    asker, reply = streamed(house, client, upstream)
    assert (b"[DONE]" in reply.body) is (client == C)
    endings = {
        C: b"data: [DONE]\n\n",
        R: b"event: response.completed\ndata: ",
        A: b"event: message_stop\ndata: ",
        G: b"data: {",
    }
    assert reply.body.rstrip().rpartition(b"\n\n")[2].startswith(endings[client].rstrip())
    assert asker.finished(reply.body)


@every_upstream
@pytest.mark.parametrize("wanted", [True, False])
def test_statement_081_usage_is_shown_to_those_who_asked(house: House, upstream: str, wanted: bool) -> None:
    asker = Client(C, house.gateway)
    body = asker.request(MODELS[upstream], stream=True)
    if wanted:
        body["stream_options"] = {"include_usage": True}
    frames = asker.frames(asker.get(MODELS[upstream], stream=True, body=body).body)
    told = [frame for frame in frames if frame.get("usage") is not None]
    assert [frame["choices"] for frame in told] == ([[]] if wanted else [])


@every_pair
def test_statement_082_a_silent_stream_is_kept_alive(
    lively: LiveGateway, fake: FakeServer, client: str, upstream: str
) -> None:
    signs = {A: b'event: ping\ndata: {"type": "ping"}\n\n'}
    assert Timeouts().keep_alive <= 15
    fake.script.add(Scripted(saying("late but here"), delay=0.12))
    asker = Client(client, lively)
    reply = asker.get(MODELS[upstream], stream=True)
    assert reply.body.startswith(signs.get(client, b": keep-alive\n\n"))
    assert asker.stream_error(reply) is None
    assert asker.words(reply) == "late but here"


@every_upstream
def test_statement_082_a_silent_array_is_kept_alive_by_white_space(
    lively: LiveGateway, fake: FakeServer, upstream: str
) -> None:
    fake.script.add(Scripted(saying("late but here"), delay=0.12))
    asker = Client(G, lively)
    ask = asker.ask(MODELS[upstream], stream=True)
    reply = asker.send(ask._replace(target=ask.target.removesuffix("?alt=sse")))
    assert reply.body.startswith(b"\n")
    assert len(json.loads(reply.body)) > 1


@every_pair
@pytest.mark.parametrize("told", [True, False])
def test_statement_083_a_failure_in_the_middle_is_never_a_clean_finish(
    house: House, client: str, upstream: str, told: bool
) -> None:
    failure = Failure(FailureKind.OVERLOADED, "Busy.") if told else None
    ending = Ending.WHOLE if told else Ending.RESET
    house.fake.script.add(Scripted(saying(WORDS), frames=BEGUN, failure=failure, ending=ending))
    asker, reply = streamed(house, client, upstream)
    error = asker.stream_error(reply)
    assert error is not None
    assert ("Busy." in error.message) is told
    assert not asker.finished(reply.body)


@every_pair
def test_statement_084_an_end_without_a_finish_is_an_error(house: House, client: str, upstream: str) -> None:
    pieces = fake_pieces(upstream, Text(WORDS))
    finish = {C: b'"finish_reason":"', R: b"response.completed", A: b'"stop_reason":"', G: b'"finishReason"'}
    place = next(number for number, piece in enumerate(pieces) if finish[upstream] in piece)
    house.fake.script.add(stream_of(pieces[:place]))
    asker, reply = streamed(house, client, upstream)
    assert asker.stream_error(reply) is not None
    assert not asker.finished(reply.body)


@every_pair
def test_statement_084_behind_a_finish_nothing_more_is_needed(
    house: House, client: str, upstream: str
) -> None:
    """Hosts leave out `[DONE]` or `message_stop`; Google's and Responses' last event is the finish itself."""
    pieces = fake_pieces(upstream, Text(WORDS))
    house.fake.script.add(stream_of(pieces[:-1] if upstream in {C, A} else pieces))
    asker, reply = streamed(house, client, upstream)
    assert not [frame for frame in asker.frames(reply.body) if "error" in frame]
    assert asker.finished(reply.body)


@every_pair
def test_statement_085_characters_and_frames_may_come_in_any_pieces(
    house: House, client: str, upstream: str
) -> None:
    words = "zażółć 日本 😀 \u2028 gęślą"
    whole = b"".join(chunk.data for chunk in text_stream(upstream, [words]).chunks)
    whole = json_in_utf_8(whole)
    assert "日本".encode() in whole
    for size in (1, 7):
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        house.fake.script.add(Scripted(stream_of(pieces), checked=False))
        asker, reply = streamed(house, client, upstream)
        assert asker.words(reply) == words


def json_in_utf_8(stream: bytes) -> bytes:
    """The same stream with every character as it is, where JSON had escaped it."""
    lines = stream.decode().split("\n")
    return "\n".join(
        f"data: {json.dumps(json.loads(line[6:]), ensure_ascii=False)}"
        if line.startswith("data: {")
        else line
        for line in lines
    ).encode()


@pytest.mark.parametrize(
    ("client", "upstream"), [pair for pair in itertools.product(CLIENTS, CLIENTS) if pair[0] != pair[1]]
)
def test_statement_085_json_may_be_laid_out_over_several_data_lines(
    house: House, client: str, upstream: str
) -> None:
    frames = [chunk.data for chunk in text_stream(upstream, ["alpha", " beta"]).chunks]
    laid_out = [frame.replace(b", ", b",\ndata: ") for frame in frames]
    assert laid_out != frames
    house.fake.script.add(Scripted(stream_of(laid_out), checked=False))
    asker, reply = streamed(house, client, upstream)
    assert asker.words(reply) == "alpha beta"


@every_pair
def test_statement_086_a_client_that_leaves_ends_the_upstream_and_its_usage_is_recorded(
    house: House, client: str, upstream: str
) -> None:
    house.fake.script.add(Scripted(saying(" ".join(["marzipan"] * 400)), pace=0.01))
    asker = Client(client, house.gateway)
    with capture_logs() as entries:
        with contextlib.closing(socket.create_connection(("127.0.0.1", house.gateway.port))) as visitor:
            visitor.settimeout(10)
            visitor.sendall(asker.ask(MODELS[upstream], stream=True).text())
            heard = b""
            while b"marzipan" not in heard:
                heard += visitor.recv(65536)
        left = time.monotonic()
        (received,) = house.fake.script.received
        assert received.wait_left(5) - left < 1
        entry = exchange(entries)
    assert entry["client_left"] is True
    assert entry["estimated"] is True
    assert 0 < int(str(entry["output_tokens"])) < 400
    assert sum(int(str(entry.get(name, 0))) for name in ("input_tokens", "cache_write_tokens")) > 0


def exchange(entries: Sequence[MutableMapping[str, object]]) -> MutableMapping[str, object]:
    """The log entry of the one exchange, which is noted right behind its answer."""
    until = time.monotonic() + 2
    while not (found := [entry for entry in entries if str(entry["event"]).startswith("exchange")]):
        assert time.monotonic() < until, "the exchange was not noted"
        time.sleep(0.002)
    (entry,) = found
    return entry


def test_statement_087_frames_of_aws_event_streams_are_read() -> None:
    """The frames alone: no wire format that comes in them is spoken yet (Amazon Bedrock's)."""
    event = encode_message({":message-type": "event", ":event-type": "chunk"}, b'{"bytes":"e30="}')
    exception = encode_message(
        {":message-type": "exception", ":exception-type": "throttlingException"}, b'{"message":"Slow down."}'
    )
    for size in (1, 5, len(event + exception)):
        decoder = EventStreamDecoder()
        whole = event + exception
        read = [
            message
            for start in range(0, len(whole), size)
            for message in decoder.feed(whole[start : start + size])
        ]
        decoder.close()
        assert [(message.kind, message.name) for message in read] == [
            ("event", "chunk"),
            ("exception", "throttlingException"),
        ]
        assert read[1].payload == b'{"message":"Slow down."}'
    for cut in (1, 13, len(event) - 1):
        decoder = EventStreamDecoder()
        assert decoder.feed(event[:cut]) == []
        with pytest.raises(EventStreamError):
            decoder.close()
    damaged = bytes([*event[:-6], event[-6] ^ 1, *event[-5:]])
    with pytest.raises(EventStreamError):
        EventStreamDecoder().feed(damaged)


def usage_frames(upstream: str) -> list[bytes]:
    """A stream whose usage comes in pieces: early counts are corrected by later ones."""
    frames = [chunk.data for chunk in text_stream(upstream, ["one", " two", " three"]).chunks]
    if upstream == G:
        early = (b'"candidatesTokenCount": 9, "totalTokenCount": 14', b'"candidatesTokenCount": 2')
        frames = [frame.replace(*early) for frame in frames[:-1]] + frames[-1:]
    if upstream == C:
        usage = b'"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}, "object"'
        frames = [frame.replace(b'"object"', usage) for frame in frames[:2]] + frames[2:]
    return frames


def usage_told(client: str, asker: Client, reply: Reply) -> tuple[JSON, JSON]:
    """The tokens in and out that a streamed answer tells its client last."""
    frames = asker.frames(reply.body)
    match client:
        case "openai_chat":
            usage = [at(frame, "usage") for frame in frames if frame.get("usage")][-1]
            return at(usage, "prompt_tokens"), at(usage, "completion_tokens")
        case "openai_responses":
            usage = at(frames[-1], "response", "usage")
            return at(usage, "input_tokens"), at(usage, "output_tokens")
        case "anthropic":
            usages = [frame["usage"] for frame in frames if frame["type"] == "message_delta"]
            first = at(frames[0], "message", "usage")
            assert isinstance(first, dict)
            assert isinstance(usages[-1], dict)
            usage = {**first, **usages[-1]}
            return usage["input_tokens"], usage["output_tokens"]
        case _:
            usage = [frame["usageMetadata"] for frame in frames if "usageMetadata" in frame][-1]
            return at(usage, "promptTokenCount"), at(usage, "candidatesTokenCount")


@every_pair
def test_statement_088_the_last_count_of_each_kind_is_the_usage(
    house: House, client: str, upstream: str
) -> None:
    """Amazon's Converse, which tells usage in a metadata event, is not spoken yet."""
    house.fake.script.add(Scripted(stream_of(usage_frames(upstream)), checked=False))
    asker = Client(client, house.gateway)
    body = asker.request(MODELS[upstream], stream=True)
    if client == C:
        body["stream_options"] = {"include_usage": True}
    with capture_logs() as entries:
        reply = asker.get(MODELS[upstream], stream=True, body=body)
        entry = exchange(entries)
    assert usage_told(client, asker, reply) == (5, 9)
    assert (entry["input_tokens"], entry["output_tokens"]) == (5, 9)
