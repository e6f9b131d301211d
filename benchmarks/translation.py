"""What translation itself costs: the same conversation and the same answer, through every pair of formats.

    python benchmarks/translation.py [--rounds 7] [--json FILE]

Requests: parse in the client's format and render in the upstream's. Answers: parse and render, whole; and
decode and encode, streamed, in pieces as they come from a socket. Rounds are interleaved, so that a
slow moment of the machine falls on all pairs alike; the figures are medians, in microseconds of CPU time.
"""

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dragoman.conversation.blocks import Text, ToolCall
from dragoman.conversation.events import TextDelta
from dragoman.conversation.fold import unfold
from dragoman.conversation.request import FunctionTool, Message, Request, Role
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Dialect, Location, Reply, Target
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import profile_of

FORMATS = ("openai_chat", "openai_responses", "anthropic", "gemini")
MODELS = {
    "openai_chat": "gpt-4o",
    "openai_responses": "gpt-4o",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
}
PIECE = 1460
"""Bytes of a stream that are fed at once: what fits into a packet."""
ENOUGH = 0.02
"""Seconds of CPU time for one measurement."""

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    }
).encode()


def greeting(model: str, *, stream: bool) -> Request:
    """The smallest request that there is."""
    turn = Message(Role.USER, (Text("Good evening"),))
    return Request("", model, (turn,), max_tokens=500, stream=stream)


def conversation(model: str, *, stream: bool) -> Request:
    """Nine turns of text, a system prompt, two tools."""
    turns = [
        Message(Role.USER if turn % 2 == 0 else Role.ASSISTANT, (Text(f"Turn {turn}: " + "words " * 40),))
        for turn in range(9)
    ]
    tools = (FunctionTool("weather", "The weather.", SCHEMA), FunctionTool("news", "The news.", SCHEMA))
    system = (Text("You are brief. " * 20),)
    return Request("", model, tuple(turns), system, tools, max_tokens=500, stream=stream)


def answer() -> Response:
    """Some text, and a call of a tool."""
    blocks = (Text("word " * 120), ToolCall("call_0123456789", "weather", '{"city":"Prague","days":3}'))
    choice = Choice(0, blocks, Stop(StopReason.TOOL_CALLS))
    return Response("id", "model", (choice,), Usage(input=900, output=150), created=1)


def target(name: str) -> Target:
    """The usual model of a format's vendor."""
    profile = profile_of(MODELS[name])
    return Target(name, MODELS[name], f"{name}/{profile.family}", profile)


def reply(client: Dialect, *, stream: bool) -> Reply:
    """What a format needs besides the answer."""
    request = conversation("model", stream=stream)
    return Reply(request, Location("model", stream), 1, "id", "fp", f"{client.name}/family")


def bodies(make: Callable[..., Request]) -> dict[str, bytes]:
    """The same request in every format."""
    return {
        name: DIALECTS[name].render_request(make(MODELS[name], stream=False), target(name)).wire.body
        for name in FORMATS
    }


def streams() -> dict[str, list[bytes]]:
    """The same answer as a stream of every format: one frame for each word, in pieces."""
    found: dict[str, list[bytes]] = {}
    for name in FORMATS:
        encoder = DIALECTS[name].stream_encoder(reply(DIALECTS[name], stream=True))
        data = b""
        for event in unfold(answer()):
            if isinstance(event, TextDelta):
                for word in event.text.split(" "):
                    data += encoder.encode(TextDelta(event.index, word + " "))
            else:
                data += encoder.encode(event)
        data += encoder.close()
        found[name] = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    return found


def scenarios() -> dict[tuple[str, str, str], Callable[[], object]]:
    """What is measured, by kind, client and upstream."""
    small, asked, streamed = bodies(greeting), bodies(conversation), streams()
    wholes = {
        name: DIALECTS[name].render_response(answer(), reply(DIALECTS[name], stream=False))
        for name in FORMATS
    }
    found: dict[tuple[str, str, str], Callable[[], object]] = {}
    for client in FORMATS:
        for upstream in FORMATS:
            found["small", client, upstream] = _request(client, upstream, small[client])
            found["request", client, upstream] = _request(client, upstream, asked[client])
            found["answer", client, upstream] = _answer(client, upstream, wholes[upstream])
            found["stream", client, upstream] = _stream(client, upstream, streamed[upstream])
    return found


def _request(client: str, upstream: str, body: bytes) -> Callable[[], object]:
    parse, render = DIALECTS[client].parse_request, DIALECTS[upstream].render_request
    location, to = Location("model"), target(upstream)
    return lambda: render(parse(body, location), to)


def _answer(client: str, upstream: str, body: bytes) -> Callable[[], object]:
    parse, render = DIALECTS[upstream].parse_response, DIALECTS[client].render_response
    to = reply(DIALECTS[client], stream=False)
    return lambda: render(parse(body, "o/f"), to)


def _stream(client: str, upstream: str, pieces: list[bytes]) -> Callable[[], object]:
    to = reply(DIALECTS[client], stream=True)

    def run() -> bytes:
        decoder, encoder = DIALECTS[upstream].stream_decoder("o/f"), DIALECTS[client].stream_encoder(to)
        out = [encoder.encode(event) for piece in pieces for event in decoder.feed(piece)]
        out += [encoder.encode(event) for event in decoder.close()]
        return b"".join([*out, encoder.close()])

    return run


def measure(run: Callable[[], object]) -> float:
    """Microseconds of CPU time for one call."""
    calls = 0
    began = time.process_time()
    while (spent := time.process_time() - began) < ENOUGH:
        run()
        calls += 1
    return spent / calls * 1e6


def main() -> None:
    """Measure, print a table for each kind, and write all of it as JSON where asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    wanted = scenarios()
    figures: dict[tuple[str, str, str], list[float]] = {key: [] for key in wanted}
    gc.disable()
    for _ in range(options.rounds):
        for key, run in wanted.items():
            figures[key].append(measure(run))
        gc.collect()
    medians = {key: statistics.median(values) for key, values in figures.items()}
    for kind, what in (
        ("small", "request of two words: parse and render"),
        ("request", "request of nine turns and two tools: parse and render"),
        ("answer", "whole answer: parse and render"),
        ("stream", "streamed answer of 121 words and a call: decode and encode"),
    ):
        print(f"\n{what}, us of CPU (rows: client, columns: upstream)")
        print(f"{'':18}" + "".join(f"{name:>18}" for name in FORMATS))
        for client in FORMATS:
            row = "".join(f"{medians[kind, client, upstream]:18.1f}" for upstream in FORMATS)
            print(f"{client:18}{row}")
    print(f"\nPython {sys.version.split()[0]}, {options.rounds} interleaved rounds, medians")
    if options.json:
        found = [
            {"kind": kind, "client": client, "upstream": upstream, "us": round(value, 2)}
            for (kind, client, upstream), value in medians.items()
        ]
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
