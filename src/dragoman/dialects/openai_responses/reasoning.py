"""Reasoning as items: the slot for its text, and the one for everything that has to come back.

The format's own reasoning is a signature whose value is `<item id> <encrypted_content>`. Open models
behind this format write their reasoning openly in `content` and encrypt nothing: their value is the id
alone, without a space, and clients get it sealed like a foreign one.

For clients, `encrypted_content` holds another vendor's signature, sealed. Google signs calls and plain
text as well, and Anthropic has reasoning without any text, so what stands behind the seal says whose it
is:

- nothing: that of the reasoning item it stands in;
- `.redacted`: the same, and the reasoning has no text at all;
- `.hidden.<text>`: the same, with the text in base64url: the client does not want to read it, but the
  signature may be one over it;
- `.call.<call id>`: that of a call, whose id is in base64url;
- `.text.<n>`: that of the last `n` code points of the text before the item; with 0, of text without
  any text.

Pure functions of the answer on the way out and of the history on the way back: nothing is remembered.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence

import msgspec

from dragoman.conversation import envelope
from dragoman.conversation.blocks import Block, Citation, Text, Thinking, ToolCall
from dragoman.conversation.opaque import Signature
from dragoman.dialects.openai_responses.identifiers import REASONING, made_here
from dragoman.dialects.openai_responses.wire import NAME

_REDACTED = ".redacted"
_HIDDEN = ".hidden."
_CALL = ".call."
_TEXT = ".text."


class Carried(msgspec.Struct, frozen=True):
    """A signature that came in an item of its own: that of the call `call_id`, or, where that is None,
    of the last `signed` code points of the text before the item.
    """

    signature: Signature
    call_id: str | None = None
    signed: int = 0


# --- from the wire -------------------------------------------------------------------------------


def thinking_of(
    item_id: str,
    summary: Sequence[str],
    content: Sequence[str],
    encrypted_content: str | None,
    origin: str,
) -> Thinking | Carried | None:
    """What a reasoning item holds; None where it holds nothing.

    `origin` is where an answer comes from, and empty for an item that a client sends back: only there
    are seals opened, because an upstream's are another gateway's. The texts of `summary` and `content`
    are joined by blank lines.
    """
    text = "\n\n".join(part for part in (*summary, *content) if part)
    encrypted = encrypted_content or ""
    if encrypted.startswith(envelope.PREFIX) and not origin:
        return _opened(encrypted, text)
    signature = native_signature(item_id, encrypted, origin, open_text=bool(content))
    if not text and (signature is None or not encrypted):
        return Thinking("", signature, redacted=True) if signature is not None and not origin else None
    return Thinking(text, signature, redacted=not text)


def native_signature(item_id: str, encrypted: str, origin: str, *, open_text: bool) -> Signature | None:
    """The format's own signature of a reasoning item; None where the item proves nothing.

    An id alone stands for reasoning that the serving side has kept. That holds only for a client that
    names it (then `origin` is empty): what upstreams answer to us, they do not keep.
    """
    if encrypted:
        return Signature(NAME, origin, f"{item_id} {encrypted}")
    if not item_id or made_here(item_id):
        return None
    if open_text:
        return Signature(NAME, origin, item_id)
    return None if origin else Signature(NAME, origin, f"{item_id} ")


def _opened(encrypted: str, text: str) -> Thinking | Carried | None:
    """What a seal holds; only the text where the seal is damaged."""
    sealed = ".".join(encrypted.split(".", 3)[:3])
    slot = encrypted[len(sealed) :]
    signature = envelope.unseal(sealed)
    if signature is not None and slot.startswith(_TEXT):
        signed = slot[len(_TEXT) :]
        return Carried(signature, None, int(signed)) if signed.isdecimal() and len(signed) < 10 else None
    if signature is not None and slot.startswith(_CALL):
        call_id = _decoded(slot[len(_CALL) :])
        return None if call_id is None else Carried(signature, call_id)
    if slot.startswith(_HIDDEN):
        text = text or _decoded(slot[len(_HIDDEN) :]) or ""
    if signature is not None:
        return Thinking(text, signature, redacted=slot == _REDACTED and not text)
    return Thinking(text) if text else None


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode("utf-8", "replace")).rstrip(b"=").decode()


def _decoded(text: str) -> str | None:
    try:
        padded = text + "=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        return None


def reattached(pieces: Iterable[Block | Carried]) -> tuple[Block, ...]:
    """The blocks of an assistant turn with every carried signature back on what it signs.

    A call is found by its id, text by standing before the item that carried its signature. A signature
    whose call or text the client has left out goes with it.
    """
    blocks: list[Block] = []
    calls: dict[str, Signature] = {}
    for piece in pieces:
        if not isinstance(piece, Carried):
            blocks.append(piece)
        elif piece.call_id is not None:
            calls[piece.call_id] = piece.signature
        elif piece.signed == 0:
            blocks.append(Text("", signature=piece.signature))
        elif blocks and isinstance(last := blocks[-1], Text) and piece.signed <= len(last.text):
            blocks[-1:] = _signed(last, piece.signed, piece.signature)
    return tuple(
        msgspec.structs.replace(block, signature=calls[block.id])
        if isinstance(block, ToolCall) and block.id in calls
        else block
        for block in blocks
    )


def _signed(text: Text, signed: int, signature: Signature) -> list[Text]:
    """The text with its last `signed` code points signed, taken apart where they begin."""
    cut = len(text.text) - signed
    if cut == 0:
        return [msgspec.structs.replace(text, signature=signature)]
    before = tuple(one for one in text.citations if one.start is None or one.start < cut)
    after = tuple(_moved(one, cut) for one in text.citations if one not in before)
    return [
        msgspec.structs.replace(text, text=text.text[:cut], citations=before),
        msgspec.structs.replace(text, text=text.text[cut:], citations=after, signature=signature),
    ]


def _moved(citation: Citation, by: int) -> Citation:
    return msgspec.structs.replace(
        citation,
        start=None if citation.start is None else citation.start - by,
        end=None if citation.end is None else citation.end - by,
    )


# --- to the wire ---------------------------------------------------------------------------------


def item_of(thinking: Thinking, origin: str) -> dict[str, object] | None:
    """The reasoning item for the upstream at `origin`; None for reasoning that is not its own."""
    signature = thinking.signature
    if signature is None or not signature.readable_at(NAME, origin):
        return None
    item_id, _, _ = signature.value.partition(" ")
    own = {} if not item_id or made_here(item_id) else {"id": item_id}
    return {"type": "reasoning", **own, **_slots(thinking.text, signature)}


def client_item(thinking: Thinking, hidden: str = "") -> dict[str, object]:
    """The reasoning item for a client, but for its id. `hidden` is the text where the client does not
    want to read it: `thinking` has none then.
    """
    signature = thinking.signature
    if signature is not None and _is_native(signature):
        return {"type": "reasoning", **_slots(thinking.text, signature)}
    item: dict[str, object] = {"type": "reasoning", "summary": _summary(thinking.text)}
    if signature is not None:
        slot = _HIDDEN + _encoded(hidden) if hidden else _REDACTED if thinking.redacted else ""
        item["encrypted_content"] = envelope.seal(signature) + slot
    return item


def native_id(signature: Signature | None) -> str:
    """The id that an upstream of this format gave to the reasoning item; empty where there is none that
    clients could take for one.
    """
    if signature is None or not _is_native(signature):
        return ""
    own = signature.value.partition(" ")[0]
    return own if own.startswith(f"{REASONING}_") else ""


def call_item(signature: Signature, call_id: str) -> dict[str, object]:
    """The item that carries the signature of a call, but for its id."""
    return _carrier(signature, _CALL + _encoded(call_id))


def text_item(signature: Signature, signed: int) -> dict[str, object]:
    """The item that carries the signature of the last `signed` code points of the text before it, but for
    its id.
    """
    return _carrier(signature, f"{_TEXT}{signed}")


def _carrier(signature: Signature, place: str) -> dict[str, object]:
    return {"type": "reasoning", "summary": [], "encrypted_content": envelope.seal(signature) + place}


def _is_native(signature: Signature) -> bool:
    """Whether a client gets the signature as it is: what this format's own vendors have encrypted, unless
    another gateway has sealed it before.
    """
    _, _, encrypted = signature.value.partition(" ")
    return signature.dialect == NAME and bool(encrypted) and not encrypted.startswith(envelope.PREFIX)


def _slots(text: str, signature: Signature) -> dict[str, object]:
    """The members of an item of the format's own, text in the slot that it came in."""
    _, space, encrypted = signature.value.partition(" ")
    if not space:
        content = [{"type": "reasoning_text", "text": text}] if text else []
        return {"summary": [], "content": content}
    slots: dict[str, object] = {"summary": _summary(text)}
    if encrypted:
        slots["encrypted_content"] = encrypted
    return slots


def _summary(text: str) -> list[dict[str, str]]:
    return [{"type": "summary_text", "text": text}] if text else []
