"""The frames of a streamed answer, one block after the other."""

import msgspec

from dragoman.dialects.anthropic import wire
from dragoman.dialects.anthropic.signatures import UNSIGNED
from dragoman.dialects.json_text import opens_with
from dragoman.frames.sse import on_one_line

TEXT = b'{"type":"text","text":""}'
THINKING = b'{"type":"thinking","thinking":"","signature":""}'

MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

_json = msgspec.json.Encoder().encode
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":'
_START = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":'
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_END = b"}}\n\n"


class AnswerFrames:
    """Numbers the blocks of one answer and writes their frames.

    A thinking block without a signature is held back before its end, until it is known whether the
    tool call after it lends it one. Encrypted reasoning that only `follows` is held back until it is
    known that another block comes after it.
    """

    __slots__ = ("_delta", "_following", "_held", "index")

    def __init__(self) -> None:
        self.index = -1
        self._delta = b""
        self._held = False
        self._following: list[str] = []

    def start(self, block: bytes) -> bytes:
        """The start of the next block."""
        out = self.release(UNSIGNED)
        following, self._following = self._following, []
        for data in following:
            out += self.redacted(data)
        self.index += 1
        self._delta = _DELTA % self.index
        return out + _START % self.index + on_one_line(block) + b"}\n\n"

    def stop(self) -> bytes:
        """The end of the open block."""
        return _STOP % self.index

    def text(self, text: str) -> bytes:
        """More of a text block."""
        return self._delta + b'"text_delta","text":' + _json(text) + _END

    def thinking(self, text: str) -> bytes:
        """More of a thinking block."""
        return self._delta + b'"thinking_delta","thinking":' + _json(text) + _END

    def input(self, text: str) -> bytes:
        """More of a tool call's arguments."""
        return self._delta + b'"input_json_delta","partial_json":' + _json(text) + _END

    def citation(self, citation: bytes) -> bytes:
        """A citation of the open text block."""
        return self._delta + b'"citations_delta","citation":' + on_one_line(citation) + _END

    def sign(self, signature: str) -> bytes:
        """The signature of the open thinking block, and its end."""
        return self._delta + b'"signature_delta","signature":' + _json(signature) + _END + self.stop()

    def hold(self) -> None:
        """The open thinking block is complete but for its signature."""
        self._held = True

    def release(self, signature: str) -> bytes:
        """The end of the thinking block that is held back, if there is one."""
        if not self._held:
            return b""
        self._held = False
        return self.sign(signature)

    def lend(self, signature: str) -> bytes:
        """A signature for the block that follows, in the thinking before it or in an empty one."""
        return self.release(signature) or self.start(THINKING) + self.sign(signature)

    def redacted(self, data: str) -> bytes:
        """A whole block of encrypted reasoning."""
        return self.start(_json({"type": "redacted_thinking", "data": data})) + self.stop()

    def follow(self, data: str) -> bytes:
        """A whole block of encrypted reasoning, left out where the answer ends with it."""
        out = self.release(UNSIGNED)
        self._following.append(data)
        return out

    def whole(self, content: bytes) -> bytes:
        """A whole block of the vendor's own, its input streamed as the vendor does it."""
        fields = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        given = fields.get("input", wire.NOTHING)
        if not opens_with(given, b"{"):
            return self.start(content) + self.stop()
        out = self.start(_json({**fields, "input": msgspec.Raw(b"{}")}))
        return out + self.input(bytes(given).decode()) + self.stop()
