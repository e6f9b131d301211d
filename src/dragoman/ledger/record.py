"""One record of a journal: a mark, the length and the CRC-32 of what follows, and an entry in MessagePack.

The mark is eight random bytes, another for each file. Where a record is damaged, the next one is found by it;
no client can write it into a record to have something found there that is none.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

MARK_BYTES = 8
_HEAD = struct.Struct("<8sII")
HEAD_BYTES = _HEAD.size


def seal(buffer: bytearray, mark: bytes) -> None:
    """Write the head into the first `HEAD_BYTES` of a buffer whose rest is the content."""
    check = zlib.crc32(memoryview(buffer)[HEAD_BYTES:])
    _HEAD.pack_into(buffer, 0, mark, len(buffer) - HEAD_BYTES, check)


class Found(NamedTuple):
    """What stands in a piece of a journal."""

    content: bytes | None
    """The content of a whole record; None for a damaged stretch."""
    end: int
    """Where it ends, in the piece."""


def parse_records(piece: bytes, mark: bytes, *, final: bool) -> Iterator[Found]:
    """The whole records of a piece that begins where one should, and the damaged stretches between them.

    What is left at the end may be a record that goes on after the piece; if the piece is `final`, nothing
    goes on, and that is damaged too.
    """
    at, end = 0, len(piece)
    while at < end:
        stop = at + HEAD_BYTES
        if stop <= end:
            found, length, check = _HEAD.unpack_from(piece, at)
            begins, stop = found == mark, stop + length
        else:
            begins, check = piece[at : at + MARK_BYTES] == mark[: end - at], 0
        if begins and stop > end and not final:
            return
        if begins and stop <= end and zlib.crc32(content := piece[at + HEAD_BYTES : stop]) == check:
            yield Found(content, stop)
            at = stop
            continue
        following = piece.find(mark, at + 1)
        if following < 0:
            # the end of the piece may cut a mark in two
            following = end if final else max(end - MARK_BYTES + 1, at + 1)
        at = following
        yield Found(None, at)
