"""Blocks from parts: a text may come in many parts, and is one block all the same."""

from dragoman.conversation.blocks import Block, Text, Thinking
from dragoman.conversation.opaque import Signature


class JoinedBlocks:
    """Blocks in order, neighbouring texts joined and neighbouring thoughts joined.

    A signature ends the text or thought that it stands on. Work is linear in the text.
    """

    __slots__ = ("_blocks", "_kind", "_pieces")

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._kind: type[Text | Thinking] | None = None
        self._pieces: list[str] = []

    def grow(self, kind: type[Text | Thinking], text: str, signature: Signature | None) -> None:
        """More text or more of a thought; nothing at all for an empty one without a signature."""
        if self._kind is not kind:
            self._end(None)
            if not text and signature is None:
                return
            self._kind = kind
        self._pieces.append(text)
        if signature is not None:
            self._end(signature)

    def add(self, block: Block) -> None:
        """A block that is whole."""
        self._end(None)
        self._blocks.append(block)

    def _end(self, signature: Signature | None) -> None:
        text = "".join(self._pieces)
        if self._kind is Text:
            self._blocks.append(Text(text, signature=signature))
        elif self._kind is Thinking:
            self._blocks.append(Thinking(text, signature))
        self._kind = None
        self._pieces = []

    @property
    def blocks(self) -> list[Block]:
        """The blocks so far; what comes next begins a new one. The list may be changed."""
        self._end(None)
        return self._blocks
