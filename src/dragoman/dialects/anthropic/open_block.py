"""A block of a streamed answer that is still growing."""

from dragoman.conversation.blocks import Block, ToolCall
from dragoman.conversation.events import (
    ArgumentsDelta,
    CitationDelta,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from dragoman.conversation.opaque import Signature
from dragoman.dialects.arguments import closed_object, custom_input, input_object
from dragoman.dialects.json_text import is_json_object

Delta = TextDelta | ThinkingDelta | SignatureDelta | ArgumentsDelta | CitationDelta


class OpenBlock:
    """A block that has begun. Until its turn comes, its deltas are `waiting`.

    `on_wire` says that its start was written; `streams_input` that its arguments are written as they
    come, which they are once it is clear that they make an object.
    """

    __slots__ = (
        "arguments",
        "block",
        "citations",
        "ended",
        "holds_json",
        "on_wire",
        "signature",
        "streams_input",
        "waiting",
    )

    def __init__(self, block: Block) -> None:
        self.block = block
        self.waiting: list[Delta] = []
        self.ended = False
        self.on_wire = False
        self.holds_json = isinstance(block, ToolCall) and not block.custom
        self.streams_input = False
        self.arguments: list[str] = []
        self.citations: list[bytes] = []
        self.signature: Signature | None = None

    def input(self, text: str) -> str:
        """What of the arguments is to be written now that `text` has come."""
        self.arguments.append(text)
        if not self.streams_input:
            text = "".join(self.arguments)
            self.streams_input = self.holds_json and text.lstrip().startswith("{")
        return text if self.streams_input else ""

    def has_whole_input(self) -> bool:
        """Whether the arguments so far are a whole object, to which nothing can be added."""
        last = self.arguments[-1] if self.arguments else ""
        return last.rstrip().endswith("}") and is_json_object("".join(self.arguments))

    def rest_of_input(self) -> str | None:
        """What the arguments still lack on the wire to be an object; None for nothing."""
        written = "".join(self.arguments)
        if not self.holds_json:
            return bytes(custom_input(written)).decode()
        if not self.streams_input:
            return bytes(input_object(written)[0]).decode() if written else ""
        closed = None if is_json_object(written) else closed_object(written)
        return closed[len(written) :] if closed is not None and closed.startswith(written) else None
