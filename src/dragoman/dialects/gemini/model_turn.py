"""The model's turn of a request, part by part."""

import msgspec

from dragoman.conversation.blocks import Block, Text, Thinking
from dragoman.conversation.failure import invalid
from dragoman.conversation.opaque import Signature
from dragoman.dialects.gemini.joined_blocks import JoinedBlocks
from dragoman.dialects.gemini.media import attributes_of
from dragoman.dialects.gemini.parse_parts import other_block, tool_call
from dragoman.dialects.gemini.signatures import Entry, Kind, placed, unpacked
from dragoman.dialects.gemini.wire import Part

DIALECT = "gemini"


class ModelTurn:
    """The blocks of the model's turn, as they come part by part."""

    def __init__(self) -> None:
        self._joined = JoinedBlocks()
        self._since = 0

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks so far."""
        return tuple(self._joined.blocks)

    def add(self, part: Part, path: str) -> None:
        """Take the next part. Raises `FailureError` for one that has no place in the model's turn."""
        if part.function_response is not None:
            raise invalid(f"'{path}.functionResponse': results belong to the user's turn.", param=path)
        entries: list[Entry] | None = None
        native: Signature | None = None
        if part.thought_signature:
            entries = unpacked(part.thought_signature)
            native = _own(entries) if entries else Signature(DIALECT, "", part.thought_signature)
        call = part.function_call
        if part.text is not None or is_bare(part):
            self._text(part, native)
        elif call is not None:
            self._joined.add(tool_call(call, native))
        else:
            self._joined.add(other_block(part, path))
        if entries is not None:
            self._carried(entries, before_last=call is not None)

    def _text(self, part: Part, signature: Signature | None) -> None:
        text = part.text or ""
        if part.thought and part.text is not None:
            self._joined.grow(Thinking, text, signature)
        elif opaque := attributes_of(part):
            self._joined.add(Text(text, signature=signature, opaque=opaque))
        else:
            self._joined.grow(Text, text, signature)

    def _carried(self, entries: list[Entry], *, before_last: bool) -> None:
        """Put reasoning back that the newest part carried."""
        blocks = self._joined.blocks
        last = blocks[-1] if len(blocks) > self._since else None
        own = next((entry.signature for entry in entries if entry.kind is Kind.TEXT), None)
        if own is not None and isinstance(last, Text):
            blocks[-1] = msgspec.structs.replace(last, signature=own)
        placed(blocks, self._since, len(blocks) - before_last, entries)
        self._since = len(blocks)


def _own(entries: list[Entry]) -> Signature | None:
    """The signature of the carrying call itself."""
    for entry in entries:
        if entry.kind is Kind.CALL or (entry.kind is Kind.PLAIN and entry.signature.dialect == DIALECT):
            return entry.signature
    return None


def is_bare(part: Part) -> bool:
    """Whether a part says nothing: clients that leave out empty strings send empty texts so."""
    if part.text is not None or part.function_call is not None:
        return False
    return msgspec.structs.replace(part, thought=None, thought_signature=None) == _NOTHING


_NOTHING = Part()
