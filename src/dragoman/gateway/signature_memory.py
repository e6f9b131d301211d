"""Signatures of reasoning, kept for clients that do not send them back.

Most clients of OpenAI's format drop what the format does not know, and with it the signatures that
vendors want back in a loop of tool calls. What stood before a call, and the call's own signature, is
kept for a while under the call's id, for the client that got it. Google signs plain texts too, and not
every format has a place for that: such a signature is kept under the text and the conversation before it.
"""

import functools
import hashlib
import io
import itertools
from collections.abc import Iterator, Sequence

import msgspec

from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall, ToolResult
from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    Event,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from dragoman.conversation.fold import unfold
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import Message, Request, Role
from dragoman.conversation.response import Response

MOST_ASKED = 1024
"""Calls and texts of one history that the memory is asked for: with more, a shared memory would have to be
waited for.
"""


class Reasoned(msgspec.Struct, frozen=True):
    """What a tool call came with: the signed reasoning before it, and its own signature.

    `behind` says for each reasoning how many characters of text stood before it, since the call before.
    """

    thinking: tuple[Thinking, ...] = ()
    signature: Signature | None = None
    behind: tuple[int, ...] = ()


_DECODER = msgspec.json.Decoder(Reasoned)


class SignatureListener:
    """Listens to an answer for signed reasoning that leads to tool calls, and for signed texts."""

    def __init__(self, client: str, request: Request) -> None:
        """Take whose answer it is, for nobody else gets it back, and what it is the answer to."""
        self._client = client
        self._request = request
        self._open: dict[tuple[int, int], _OpenBlock] = {}
        self._before: dict[int, list[tuple[Thinking, int]]] = {}
        self._said: dict[int, int] = {}
        self.kept: dict[str, bytes] = {}
        """What to keep, by the keys that `recalled` asks for."""

    def __call__(self, event: Event) -> None:
        """Hear one event."""
        if isinstance(event, TextDelta):
            # first of all: nearly every event is one of these
            choice, text = event.choice, event.text
            self._said[choice] = self._said.get(choice, 0) + len(text)
            if (open_block := self._open.get((choice, event.index))) is not None:
                open_block.parts.write(text)
            return
        if isinstance(event, UsageReported):
            return
        match event:
            case BlockStarted(index=index, block=Thinking() | ToolCall() | Text() as block, choice=choice):
                self._open[choice, index] = _OpenBlock(block)
            case ThinkingDelta(index=index, text=text, choice=choice):
                self._open[choice, index].parts.write(text)
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
        if isinstance(block, Text):
            text = block.text + ended.parts.getvalue()
            if signature is not None and text:
                # only now: most answers have no signed text
                asked = functools.reduce(_went_on, self._request.messages, _beginning(self._request))
                self.kept[_text_key(self._client, asked, text)] = msgspec.json.encode(Reasoned((), signature))
            return
        before = self._before.setdefault(choice, [])
        if isinstance(block, Thinking):
            if signature is not None:
                text = block.text + ended.parts.getvalue()
                thinking = msgspec.structs.replace(block, text=text, signature=signature)
                before.append((thinking, self._said.get(choice, 0)))
            return
        if block.id and (before or signature is not None):
            thoughts, behind = tuple(one for one, _ in before), tuple(place for _, place in before)
            self.kept[_call_key(self._client, block)] = msgspec.json.encode(
                Reasoned(thoughts, signature, behind)
            )
        before.clear()
        self._said[choice] = 0


def kept_of(response: Response, client: str, request: Request) -> dict[str, bytes]:
    """What to keep of a whole answer to a request, as a listener would."""
    signed = any(
        isinstance(block, Thinking | ToolCall | Text) and block.signature is not None
        for choice in response.choices
        for block in choice.blocks
    )
    if not signed:
        return {}
    listener = SignatureListener(client, request)
    for event in unfold(response):
        listener(event)
    return listener.kept


class _OpenBlock:
    __slots__ = ("block", "parts", "signature")

    def __init__(self, block: Thinking | ToolCall | Text) -> None:
        self.block = block
        # a tenth of what a list of so many short pieces takes
        self.parts = io.StringIO()
        self.signature: Signature | None = None


def keys(request: Request, client: str) -> list[str]:
    """What to ask the memory for, for the calls and texts in a request's history, in their order; of a very
    long one, for the latest.
    """
    found: list[str] = []
    if not any(message.role is Role.ASSISTANT for message in request.messages):
        return found
    asked = _beginning(request)
    for message in request.messages:
        if message.role is Role.ASSISTANT:
            found += [_key(client, asked, block) for block in message.blocks if _is_kept(block)]
        asked = _went_on(asked, message)
    return found[-MOST_ASKED:]


def recalled(request: Request, found: Sequence[bytes | None]) -> Request:
    """The request with the reasoning back that its client left out; `found` as `keys` asked for it.

    Signatures that the client did send stay as they are.
    """
    if not any(found):
        return request
    kept = sum(
        _is_kept(block)
        for message in request.messages
        if message.role is Role.ASSISTANT
        for block in message.blocks
    )
    remembered = itertools.chain(itertools.repeat(None, kept - len(found)), found)
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
        reasoned = _read(next(remembered)) if _is_kept(block) else None
        if reasoned is None or not isinstance(block, ToolCall | Text):
            out.append(block)
            continue
        if reasoned.thinking:
            _put_back(out, reasoned)
        signature = block.signature or reasoned.signature
        out.append(
            block if signature is block.signature else msgspec.structs.replace(block, signature=signature)
        )
    return out


def _read(data: bytes | None) -> Reasoned | None:
    """What is remembered; None also for what another version of the gateway has put there."""
    if data is None:
        return None
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


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


def _is_kept(block: Block) -> bool:
    """Whether something may be remembered for a block."""
    match block:
        case ToolCall(id=identity):
            return bool(identity)
        case Text(text=text, signature=signature):
            return bool(text) and signature is None
        case _:
            return False


def _beginning(request: Request) -> str:
    """Stands for a conversation without any turn."""
    return _digest(*(block.text for block in request.system))


def _went_on(conversation: str, message: Message) -> str:
    """Stands for a conversation with one more turn, as far as texts tell: the same answer in another
    conversation has another signature.
    """
    texts: list[str] = []
    for block in message.blocks:
        inner = block.blocks if isinstance(block, ToolResult) else (block,)
        texts += [one.text for one in inner if isinstance(one, Text)]
    return _digest(conversation, message.role, *texts)


def _key(client: str, asked: str, block: Block) -> str:
    if isinstance(block, ToolCall):
        return _call_key(client, block)
    return _text_key(client, asked, block.text if isinstance(block, Text) else "")


def _call_key(client: str, call: ToolCall) -> str:
    return _digest(client, call.id, call.name)


def _text_key(client: str, asked: str, text: str) -> str:
    return _digest(client, "", asked, text)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
