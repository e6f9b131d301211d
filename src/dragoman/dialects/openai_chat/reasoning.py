"""Reasoning in the messages of clients: the slots that the format's users have agreed on.

OpenAI has none. Text goes in `reasoning_content` (DeepSeek and many others) or `reasoning`
(OpenRouter, vLLM); signatures and encrypted reasoning in OpenRouter's `reasoning_details`,
Google's `extra_content`, LiteLLM's `thinking_blocks` and `provider_specific_fields`, Portkey's
`content_blocks`, or even in the id of a call.

What we write ourselves are `reasoning_details` with sealed signatures. Their `id` tells where they
stood: behind how many characters of text and how many calls, and how many characters of that text
are signed; or it is the id of the call that is signed.
"""

import re

import msgspec

from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall
from dragoman.conversation.envelope import seal, unseal
from dragoman.conversation.opaque import Signature
from dragoman.dialects.openai_chat.wire import NAME, DetailWire, MessageWire, ThinkingBlockWire, ToolCallWire
from dragoman.dialects.openai_family import RESPONSES

_DETAILS = msgspec.json.Decoder(list[DetailWire])
_THINKING_BLOCKS = msgspec.json.Decoder(list[ThinkingBlockWire])
_PLACE = re.compile(r"dragoman-(?P<chars>\d{1,9})-(?P<calls>\d{1,5})(?:-(?P<signed>\d{1,9}))?")
_IN_ID = "__thought__"


class Place(msgspec.Struct, frozen=True):
    """Behind how many characters of text and how many calls something stands in its message."""

    chars: int = 0
    calls: int = 0


class Placed(msgspec.Struct, frozen=True):
    """Thinking and its place; or the signature of the last `signed` characters of text before it."""

    place: Place
    thinking: Thinking
    signed: int | None = None


class Reasoning(msgspec.Struct, frozen=True):
    """What a message tells of the reasoning behind it.

    `placed` is in order; `calls` holds the signatures of calls by the call's id; `foreign` says that
    it has `reasoning_details` of a compatible host, which go back there as they are.
    """

    placed: tuple[Placed, ...] = ()
    calls: dict[str, Signature] = {}
    foreign: bool = False


def parse_reasoning(message: MessageWire, call_ids: list[str]) -> Reasoning:
    """The reasoning in an assistant message; `call_ids` are the ids of its calls, in order.

    Raises `msgspec.ValidationError` for slots that hold something else.
    """
    text = message.reasoning_content or message.reasoning or ""
    if message.reasoning_details and bytes(message.reasoning_details) != b"null":
        return _read_details(_DETAILS.decode(bytes(message.reasoning_details)), text, call_ids)
    for slot in (message.thinking_blocks, message.content_blocks):
        if slot and bytes(slot) != b"null":
            placed = tuple(
                Placed(Place(), thinking)
                for block in _THINKING_BLOCKS.decode(bytes(slot))
                if (thinking := _anthropic(block)) is not None
            )
            if placed:
                return Reasoning(placed)
    return Reasoning((Placed(Place(), Thinking(text)),)) if text else Reasoning()


def _anthropic(block: ThinkingBlockWire) -> Thinking | None:
    """One of Anthropic's own blocks; None for text and the like, which stand elsewhere too."""
    if block.type == "redacted_thinking" and block.data:
        return Thinking("", _signature(block.data, "anthropic"), redacted=True)
    if block.type == "thinking" and (block.thinking or block.signature):
        return Thinking(block.thinking, _signature(block.signature, "anthropic") if block.signature else None)
    return None


def _signature(value: str, dialect: str) -> Signature:
    """A signature as a client sent it: sealed by us, or as its vendor made it."""
    return unseal(value) or Signature(dialect, "", value)


def _read_details(details: list[DetailWire], text: str, call_ids: list[str]) -> Reasoning:
    placed: list[Placed] = []
    calls: dict[str, Signature] = {}
    foreign = told = False
    place = Place()
    rest = text
    for detail in details:
        value = detail.data or detail.signature
        known = unseal(value) if value else None
        foreign = foreign or known is None
        found = _PLACE.fullmatch(detail.id or "")
        if found is not None:
            place = Place(int(found["chars"]), int(found["calls"]))
        said = detail.text or detail.summary or ""
        if said:
            told = True
            before, match, after = rest.partition(said)
            rest = after if match else rest
            if match and before.strip():
                placed.append(Placed(place, Thinking(before)))
        signature = known or _foreign_signature(detail)
        if detail.data:
            call = _signed_call(detail, signature, call_ids, calls)
            if call is not None and signature is not None:
                calls[call] = signature
            elif _follows_its_summary(signature, placed):
                placed[-1] = Placed(placed[-1].place, Thinking(placed[-1].thinking.text, signature))
            else:
                signed = int(found["signed"]) if found is not None and found["signed"] else None
                placed.append(Placed(place, Thinking("", signature, redacted=True), signed))
        elif said or detail.signature:
            placed.append(Placed(place, Thinking(said, signature)))
    if rest.strip() and not told:
        placed.insert(0, Placed(Place(), Thinking(rest)))
    elif rest.strip() and rest != text:
        placed.append(Placed(place, Thinking(rest)))
    foreign = foreign and not any(unseal(detail.data or detail.signature or "") for detail in details)
    return Reasoning(tuple(placed), calls, foreign)


def _foreign_signature(detail: DetailWire) -> Signature | None:
    """The signature of an entry that a compatible host made, for its vendor where that is known."""
    value = detail.data or detail.signature
    form = detail.format or ""
    if value and form.startswith("anthropic"):
        return Signature("anthropic", "", value)
    if value and form.startswith("google"):
        return Signature("gemini", "", value)
    if form.startswith("openai-responses"):
        return Signature(RESPONSES, "", f"{detail.id or ''} {detail.data}") if detail.data else None
    if value or form:
        return Signature(NAME, "", entry_json(detail))
    return None


def _follows_its_summary(signature: Signature | None, placed: list[Placed]) -> bool:
    """Whether encrypted reasoning of OpenAI's comes right behind what can be read of it."""
    if signature is None or signature.dialect != RESPONSES or not placed:
        return False
    last = placed[-1].thinking
    return last.signature is None and bool(last.text)


def _signed_call(
    detail: DetailWire, signature: Signature | None, call_ids: list[str], calls: dict[str, Signature]
) -> str | None:
    """The call that an entry signs: the one it names, else Google's first one without a signature."""
    if detail.id in call_ids:
        return detail.id
    if signature is None or signature.origin or signature.dialect != "gemini" or detail.id:
        return None
    return next((own for own in call_ids if own not in calls), None)


def entry_json(detail: DetailWire) -> str:
    """An entry without its text, which stands in the thinking that the entry signs."""
    bare = DetailWire(
        detail.type,
        data=detail.data or None,
        signature=detail.signature or None,
        id=detail.id,
        format=detail.format,
        index=detail.index,
    )
    return msgspec.json.encode(bare).decode()


def parse_call_id(own: str) -> tuple[str, Signature | None]:
    """A call's id without the signature that LiteLLM and agentgateway put into it."""
    bare, mark, value = own.partition(_IN_ID)
    return (bare, _signature(value, "gemini")) if mark and value else (own, None)


def call_signature(call: ToolCallWire) -> Signature | None:
    """The signature in a call's extensions: Google's, LiteLLM's or Portkey's."""
    for value in (
        call.extra_content.google.thought_signature
        if call.extra_content and call.extra_content.google
        else None,
        call.provider_specific_fields.thought_signature if call.provider_specific_fields else None,
        call.function.thought_signature if call.function else None,
    ):
        if value:
            return _signature(value, "gemini")
    return None


def arranged(content: list[Block], calls: list[ToolCall], reasoning: Reasoning) -> tuple[Block, ...]:
    """The blocks of an assistant message, thinking in its place and signatures on what they sign.

    Text is taken apart where thinking stood inside it, as far as it is nothing but text.
    """
    calls = [
        msgspec.structs.replace(call, signature=reasoning.calls[call.id])
        if call.id in reasoning.calls and call.signature is None
        else call
        for call in calls
    ]
    texts = [block for block in content if isinstance(block, Text) and block == Text(block.text)]
    if len(texts) < len(content) or all(
        one.signed is None and one.place == Place() for one in reasoning.placed
    ):
        thoughts = [one.thinking for one in reasoning.placed if one.signed is None]
        return (*thoughts, *content, *calls)
    text = "".join(block.text for block in texts)
    blocks: list[Block] = []
    chars = called = 0
    for one in reasoning.placed:
        until = min(max(one.place.chars, chars), len(text))
        start = until if one.signed is None else max(chars, until - one.signed)
        if start > chars:
            blocks.append(Text(text[chars:start]))
        if one.signed is not None:
            blocks.append(Text(text[start:until], signature=one.thinking.signature))
        chars = until
        blocks.extend(calls[called : one.place.calls])
        called = max(called, min(one.place.calls, len(calls)))
        if one.signed is None:
            blocks.append(one.thinking)
    if chars < len(text):
        blocks.append(Text(text[chars:]))
    return (*blocks, *calls[called:])


def thinking_entry(thinking: Thinking, place: Place, index: int, *, shown: bool) -> dict[str, object] | None:
    """The `reasoning_details` entry for thinking; None where there is nothing to hand back.

    With `shown` false the client does not want to read it: only the signature goes out.
    """
    if thinking.signature is None:
        return None
    entry: dict[str, object] = {"type": "reasoning.encrypted" if thinking.redacted else "reasoning.text"}
    if thinking.redacted:
        entry["data"] = seal(thinking.signature)
    else:
        entry["text"] = thinking.text if shown else ""
        entry["signature"] = seal(thinking.signature)
    return {**entry, "id": f"dragoman-{place.chars}-{place.calls}", "format": "unknown", "index": index}


def text_entry(signature: Signature, place: Place, signed: int, index: int) -> dict[str, object]:
    """The `reasoning_details` entry for the signature of the last `signed` characters before `place`."""
    return {
        "type": "reasoning.encrypted",
        "data": seal(signature),
        "id": f"dragoman-{place.chars}-{place.calls}-{signed}",
        "format": "unknown",
        "index": index,
    }


def call_entry(signature: Signature, own: str, index: int) -> dict[str, object]:
    """The `reasoning_details` entry for the signature of a call."""
    return {
        "type": "reasoning.encrypted",
        "data": seal(signature),
        "id": own,
        "format": "unknown",
        "index": index,
    }
