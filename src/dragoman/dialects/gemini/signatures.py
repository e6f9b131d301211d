"""Signatures on their way through a client of this format.

Google's own signatures stay as they are. Reasoning that another vendor signed goes into the one
opaque slot that a part has, `thoughtSignature`, as base64 of

    entry , entry , ...        entry = sealed signature : place : text

in the alphabet of `envelope.seal` (so that `,` and `:` are free). `place` is a letter for what the
entry stands for and the number of code points of visible text between its place and the end of
the part that carries it; `text` is the reasoning itself in base64url. So the reasoning comes back
exactly and in position even from a client that joins text parts, or keeps no thoughts.
"""

import base64
import binascii
import enum

import msgspec

from dragoman.conversation.blocks import Block, Text, Thinking
from dragoman.conversation.envelope import PREFIX, seal, unseal
from dragoman.conversation.opaque import Signature

DIALECT = "gemini"

PLACEHOLDER = "skip_thought_signature_validator"
"""What Gemini 3 accepts in place of a signature that was lost."""


class Kind(enum.StrEnum):
    """What an entry stands for."""

    THINKING = "h"
    REDACTED = "r"
    CALL = "c"
    """The signature of the call that carries it."""
    TEXT = "t"
    """The signature of the text before it."""
    PLAIN = "p"
    """A sealed signature without any word about its place."""


class Entry(msgspec.Struct, frozen=True):
    """One foreign signature, what it stands for, and how far before its carrier's end."""

    signature: Signature
    kind: Kind
    after: int = 0
    text: str = ""


def packed(entries: list[Entry]) -> str:
    """Entries as the value of a `thoughtSignature`."""
    text = ",".join(
        f"{seal(entry.signature)}:{entry.kind}{entry.after}:{_base64url(entry.text)}" for entry in entries
    )
    return base64.b64encode(text.encode()).decode()


def unpacked(value: str) -> list[Entry] | None:
    """The entries inside a `thoughtSignature`; None for a native signature."""
    if not value.startswith("ZGdtMS"):
        return None
    try:
        text = base64.b64decode(value.translate(_URL_SAFE) + "=" * (-len(value) % 4)).decode("ascii")
        entries = [_entry(part) for part in text.split(",")]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return [entry for entry in entries if entry is not None] or None


_URL_SAFE = str.maketrans("-_", "+/")


def _entry(part: str) -> Entry | None:
    sealed, _, rest = part.partition(":")
    signature = unseal(sealed) if sealed.startswith(PREFIX) else None
    if signature is None:
        return None
    place, _, text = rest.partition(":")
    if not place:
        return Entry(signature, Kind.PLAIN)
    after = int(place[1:]) if place[1:].isdecimal() else 0
    return Entry(signature, Kind(place[0]), after, _unbase64url(text))


def _base64url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).rstrip(b"=").decode()


def _unbase64url(text: str) -> str:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("utf-8", "surrogatepass")


class Carrier:
    """Foreign signatures of one answer, waiting for a part that can carry them."""

    __slots__ = ("_passed", "_waiting")

    def __init__(self) -> None:
        self._passed = 0
        self._waiting: list[tuple[int, Entry]] = []

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def add(self, block: Thinking) -> None:
        """A thinking block has ended whose signature is foreign."""
        if block.signature is not None:
            kind = Kind.REDACTED if block.redacted else Kind.THINKING
            self._waiting.append((self._passed, Entry(block.signature, kind, 0, block.text)))

    def passed(self, characters: int) -> None:
        """So many code points of visible text have gone to the client."""
        self._passed += characters

    def take(self, own: Entry | None = None) -> str | None:
        """The value of a carrying part's `thoughtSignature`, and nothing waits any more.

        `own` is a foreign signature of the carrying part itself. None when there is nothing.
        """
        entries = [
            msgspec.structs.replace(entry, after=self._passed - before) for before, entry in self._waiting
        ]
        if own is not None:
            entries.append(own)
        self._waiting = []
        return packed(entries) if entries else None


def placed(blocks: list[Block], since: int, carrier: int, entries: list[Entry]) -> None:
    """Put carried reasoning back among a turn's blocks, in place.

    `blocks[since:]` are the blocks after the carrier before; `carrier` is the index from which the
    distance of an entry is counted back: that of a call, or one behind a text. Entries come in the
    order of the turn, so that one walk from the end finds the places of all.
    """
    walk = _Walk(_without_copies(blocks[since:carrier], entries))
    for entry in reversed(entries):
        match entry.kind:
            case Kind.THINKING | Kind.REDACTED:
                walk.back(entry.after)
                walk.put(Thinking(entry.text, entry.signature, redacted=entry.kind is Kind.REDACTED))
            case Kind.PLAIN:
                if entry.signature.dialect != DIALECT:
                    walk.sign(entry.signature)
            case Kind.CALL | Kind.TEXT:
                pass
    blocks[since:carrier] = walk.end()


def _without_copies(blocks: list[Block], entries: list[Entry]) -> list[Block]:
    """The blocks without the thoughts that were shown to the client and come back signed."""
    carried = [entry.text for entry in entries if entry.kind is Kind.THINKING]
    shown = [block.text for block in blocks if isinstance(block, Thinking) and block.signature is None]
    copies = set(shown if "".join(shown) == "".join(carried) else carried)
    return [
        block
        for block in blocks
        if not (isinstance(block, Thinking) and block.signature is None and block.text in copies)
    ]


class _Walk:
    """A walk over blocks from the last to the first, that puts others in on its way."""

    def __init__(self, blocks: list[Block]) -> None:
        self._ahead = blocks
        self._behind: list[Block] = []
        self._passed = 0
        self._left: int | None = None
        """How much of the text ahead is left, where the walk stands inside it."""

    def back(self, distance: int) -> None:
        """Go on until so many code points of text lie behind, or to the first block."""
        while self._passed < distance and self._ahead:
            block = self._ahead[-1]
            if not isinstance(block, Text):
                self._behind.append(self._ahead.pop())
                continue
            left = len(block.text) if self._left is None else self._left
            cut = max(0, left - (distance - self._passed))
            self._behind.append(_cut(block, cut, left))
            self._passed += left - cut
            self._left = cut
            if not cut:
                self._ahead.pop()
                self._left = None

    def put(self, block: Block) -> None:
        """Put a block in here."""
        self._behind.append(block)

    def sign(self, signature: Signature) -> None:
        """Sign the thought that lies ahead, or put a signed one in here."""
        ahead = self._ahead[-1] if self._ahead else None
        if isinstance(ahead, Thinking) and ahead.signature is None:
            self._ahead[-1] = Thinking(ahead.text, signature)
        else:
            self.put(Thinking("", signature))

    def end(self) -> list[Block]:
        """All blocks, in order."""
        if self._left is not None:
            block = self._ahead.pop()
            if isinstance(block, Text):
                self._behind.append(_cut(block, 0, self._left))
        return [*self._ahead, *reversed(self._behind)]


def _cut(block: Text, start: int, end: int) -> Text:
    """A part of a text; what is signed or cited is the end of it."""
    if end < len(block.text):
        return Text(block.text[start:end])
    return block if start == 0 else msgspec.structs.replace(block, text=block.text[start:])
