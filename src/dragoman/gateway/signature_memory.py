"""Signatures of reasoning, kept for clients that do not send them back.

Most clients of OpenAI's format drop what the format does not know, and with it the signatures that
vendors want back in a loop of tool calls. What stood before a call, and the call's own signature, is
kept for a while under the call's id, for the client that got it.
"""

import hashlib
from collections.abc import Iterator, Sequence

import msgspec

from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall
from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    Event,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import Request, Role


class Reasoned(msgspec.Struct, frozen=True):
    """What a tool call came with: the signed reasoning before it, and its own signature.

    `behind` says for each reasoning how many characters of text stood before it, since the call before.
    """

    thinking: tuple[Thinking, ...] = ()
    signature: Signature | None = None
    behind: tuple[int, ...] = ()


_DECODER = msgspec.json.Decoder(Reasoned)


class SignatureListener:
    """Listens to an answer for signed reasoning that leads to tool calls."""

    def __init__(self, client: str) -> None:
        """Take whose answer it is: nobody else gets it back."""
        self._client = client
        self._open: dict[tuple[int, int], _OpenBlock] = {}
        self._before: dict[int, list[tuple[Thinking, int]]] = {}
        self._said: dict[int, int] = {}
        self.kept: dict[str, bytes] = {}
        """What to keep, by the keys that `recalled` asks for."""

    def __call__(self, event: Event) -> None:
        """Hear one event."""
        match event:
            case BlockStarted(index=index, block=Thinking() | ToolCall() as block, choice=choice):
                self._open[choice, index] = _OpenBlock(block)
            case TextDelta(text=text, choice=choice):
                self._said[choice] = self._said.get(choice, 0) + len(text)
            case ThinkingDelta(index=index, text=text, choice=choice):
                self._open[choice, index].parts.append(text)
            case SignatureDelta(index=index, signature=signature, choice=choice):
                if (open_block := self._open.get((choice, index))) is not None:
                    open_block.signature = signature
            case BlockEnded(index=index, choice=choice):
                if (open_block := self._open.pop((choice, index), None)) is not None:
                    self._ended(open_block, choice)
            case ArgumentsDelta() | _:
                pass

    def _ended(self, ended: "_OpenBlock", choice: int) -> None:
        block, signature = ended.block, ended.signature or ended.block.signature
        before = self._before.setdefault(choice, [])
        if isinstance(block, Thinking):
            if signature is not None:
                text = block.text + "".join(ended.parts)
                thinking = msgspec.structs.replace(block, text=text, signature=signature)
                before.append((thinking, self._said.get(choice, 0)))
            return
        if block.id and (before or signature is not None):
            thoughts, behind = tuple(one for one, _ in before), tuple(place for _, place in before)
            self.kept[_key(self._client, block)] = msgspec.json.encode(Reasoned(thoughts, signature, behind))
        before.clear()
        self._said[choice] = 0


class _OpenBlock:
    __slots__ = ("block", "parts", "signature")

    def __init__(self, block: Thinking | ToolCall) -> None:
        self.block = block
        self.parts: list[str] = []
        self.signature: Signature | None = None


def keys(request: Request, client: str) -> list[str]:
    """What to ask the memory for, for the calls in a request's history, in their order."""
    return [_key(client, call) for call in _calls(request)]


def recalled(request: Request, found: Sequence[bytes | None]) -> Request:
    """The request with the reasoning back that its client left out; `found` as `keys` asked for it.

    Signatures that the client did send stay as they are.
    """
    if not any(found):
        return request
    remembered = iter(found)
    messages = tuple(
        msgspec.structs.replace(message, blocks=tuple(_restored(message.blocks, remembered)))
        if message.role is Role.ASSISTANT
        else message
        for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages)


def _restored(blocks: Sequence[Block], remembered: Iterator[bytes | None]) -> list[Block]:
    out: list[Block] = []
    for block in blocks:
        if not isinstance(block, ToolCall):
            out.append(block)
            continue
        data = next(remembered) if block.id else None
        if data is None:
            out.append(block)
            continue
        reasoned = _DECODER.decode(data)
        if reasoned.thinking:
            _put_back(out, reasoned)
        signature = block.signature or reasoned.signature
        out.append(
            block if signature is block.signature else msgspec.structs.replace(block, signature=signature)
        )
    return out


def _put_back(blocks: list[Block], reasoned: Reasoned) -> None:
    """Put remembered reasoning where it stood: behind the last call, among what was said after it.

    Reasoning that came back without a signature, or whose text was hidden, gives way to its original; where
    all of it came back, it stays where the client has it.
    """
    known = {one.signature.value: one for one in reasoned.thinking if one.signature is not None}
    start = max((place + 1 for place, block in enumerate(blocks) if isinstance(block, ToolCall)), default=0)
    theirs = {
        block.signature.value
        for block in blocks[start:]
        if isinstance(block, Thinking) and block.signature is not None
    }
    if theirs == known.keys():
        blocks[start:] = [
            known[block.signature.value]
            if isinstance(block, Thinking) and block.signature is not None
            else block
            for block in blocks[start:]
        ]
    elif theirs <= known.keys():
        said = [block for block in blocks[start:] if not isinstance(block, Thinking)]
        blocks[start:] = _among(said, reasoned)


def _among(said: Sequence[Block], reasoned: Reasoned) -> list[Block]:
    """What was said, with the reasoning in its places; plain text is taken apart for it."""
    out: list[Block] = []
    waiting = [
        (reasoned.behind[number] if number < len(reasoned.behind) else 0, thinking)
        for number, thinking in enumerate(reasoned.thinking)
    ]
    chars = 0
    for block in said:
        rest = block
        if isinstance(rest, Text):
            end = chars + len(rest.text)
            while waiting and waiting[0][0] < end:
                place, thinking = waiting.pop(0)
                if place > chars and rest == Text(rest.text):
                    out.append(Text(rest.text[: place - chars]))
                    rest = Text(rest.text[place - chars :])
                    chars = place
                out.append(thinking)
            chars = end
        out.append(rest)
    return [*out, *(thinking for _, thinking in waiting)]


def _calls(request: Request) -> Iterator[ToolCall]:
    for message in request.messages:
        if message.role is Role.ASSISTANT:
            for block in message.blocks:
                if isinstance(block, ToolCall) and block.id:
                    yield block


def _key(client: str, call: ToolCall) -> str:
    return hashlib.sha256(f"{client}\0{call.id}\0{call.name}".encode()).hexdigest()
