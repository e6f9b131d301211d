"""What a client got, read from the wire with no more than the vendor's documented fields in mind."""

import msgspec

from dragoman.conformance.question import Call
from dragoman.testing.json_value import Object


class Told(msgspec.Struct, frozen=True):
    """An error in the client's envelope; `word` is its type or status, `code` a further word for it."""

    message: str
    word: str
    code: str = ""


class Counted(msgspec.Struct, frozen=True):
    """Token counts, in one convention: `prompt` holds cached tokens, `output` holds reasoning."""

    prompt: int
    output: int
    cached: int
    written: int
    reasoning: int


class Cited(msgspec.Struct, frozen=True):
    """A source of the answer."""

    url: str
    title: str


class Reply(msgspec.Struct):
    """One answer.

    `finish` is one of `stop`, `length`, `tool_calls`, `content_filter`, the vendor's own word where it
    is none of these, and empty where the answer has no end. `others` are the texts of further
    candidates. `echo` is what a client keeps as the model's turn, as the wire holds it.
    """

    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    calls: list[Call] = []
    finish: str = ""
    usage: Counted | None = None
    citations: list[Cited] = []
    logprobs: list[tuple[str, float]] = []
    others: dict[int, str] = {}
    echo: list[Object] = []
    error: Told | None = None
    model: str = ""

    @property
    def ended_well(self) -> bool:
        """Whether the client must think that the answer is complete."""
        return self.finish in {"stop", "tool_calls"} and self.error is None
