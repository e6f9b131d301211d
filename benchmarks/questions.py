"""What is asked: requests of clients in two formats, for three upstreams, and the right answer to each."""

import json
from typing import NamedTuple

from benchmarks.expectation import Expectation

PIECES = 64
"""Pieces of text in a usual stream."""
GREETING = "Good evening! What can I do?"
"""What the upstream says to whoever does not want a stream."""


class Pair(NamedTuple):
    """A format that the client speaks, and the upstream that is asked, by the gateways' name `model`."""

    name: str
    client: str
    upstream: str
    model: str

    @property
    def brisk(self) -> str:
        """The name of the same model behind the upstream with short pauses."""
        return {"openai": "brisk", "anthropic": "brisk-sonnet", "gemini": "brisk-flash"}[self.upstream]


SAME = Pair("OpenAI to OpenAI", "openai", "openai", "gpt-4o")
TO_ANTHROPIC = Pair("OpenAI to Anthropic", "openai", "anthropic", "sonnet")
TO_GEMINI = Pair("OpenAI to Google", "openai", "gemini", "flash")
FROM_ANTHROPIC = Pair("Anthropic to OpenAI", "anthropic", "openai", "gpt-4o")
PAIRS = (SAME, TO_ANTHROPIC, TO_GEMINI, FROM_ANTHROPIC)

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
FINALS = {"openai": "data: [DONE]", "anthropic": "message_stop"}


class Question(NamedTuple):
    """A request, and what has to come."""

    path: str
    body: str
    expected: Expectation
    stream: bool


def question(
    pair: Pair,
    *,
    stream: bool,
    pieces: int = PIECES,
    messages: int = 1,
    size: int = 0,
    picture: int = 0,
    model: str = "",
) -> Question:
    """A request of so many messages, which have `size` bytes of text together (0: a greeting) and, in the
    last of them, a picture of so many bytes; it asks for an answer of so many pieces. `model` is in place
    of the pair's.
    """
    text = "Good evening" if not size else ("word " * (size // messages // 5 + 1))[: size // messages]
    turns: list[dict[str, object]] = [
        {"role": "user" if turn % 2 == 0 else "assistant", "content": text} for turn in range(messages)
    ]
    if messages % 2 == 0:
        turns.append({"role": "user", "content": "Go on."})
    if picture:
        turns[-1]["content"] = [{"type": "text", "text": text}, _picture(pair.client, picture)]
    body: dict[str, object] = {
        "model": model or pair.model,
        "messages": turns,
        "max_tokens": pieces if stream else 1688,
        "temperature": 0.5,
    }
    if stream:
        body["stream"] = True
        if pair.client == "openai":
            body["stream_options"] = {"include_usage": True}
    expected = (
        Expectation('" token', pieces, FINALS[pair.client]) if stream else Expectation(GREETING, 1, "}")
    )
    return Question(PATHS[pair.client], json.dumps(body), expected, stream)


def _picture(client: str, size: int) -> dict[str, object]:
    """A picture of so many bytes; nobody looks at it."""
    data = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ" * (size // 44 + 1)
    data = data[: size - size % 4]
    if client == "anthropic":
        return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
