"""Ids of the items of an answer, where the upstream gave none of this format.

They are made of the answer's id and the item's place, so that an answer has the same ids however often
it is written, and they can be told from a vendor's: an id that was made here means nothing upstream and
is never sent there.
"""

import hashlib

MARK = "dgm"
"""What ids made here begin with, behind their prefix."""

MESSAGE = "msg"
FUNCTION_CALL = "fc"
CUSTOM_CALL = "ctc"
REASONING = "rs"
IMAGE_CALL = "ig"

_MARKS = tuple(
    f'"{prefix}_{MARK}'.encode() for prefix in (MESSAGE, FUNCTION_CALL, CUSTOM_CALL, REASONING, IMAGE_CALL)
)
"""What ids made here look like inside a body."""
_ANY = f"_{MARK}".encode()
"""What all of them have in common."""


def holds_own_ids(body: bytes) -> bool:
    """Whether there may be ids in a body that were made here."""
    return body.rfind(_ANY) >= 0 and any(mark in body for mark in _MARKS)


def item_id(prefix: str, answer: str, place: int) -> str:
    """The id of the item at a place of an answer: the prefix, our mark and 32 hex digits."""
    digest = hashlib.sha256(f"{answer}\0{place}".encode()).hexdigest()
    return f"{prefix}_{MARK}{digest[:32]}"


def made_here(own: str) -> bool:
    """Whether an item's id is one that `item_id` made."""
    return own.partition("_")[2].startswith(MARK)
