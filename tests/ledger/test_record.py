"""Records are found whole or not at all, wherever a journal is torn or damaged."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.ledger.record import HEAD_BYTES, MARK_BYTES, Found, parse_records, seal

MARK = b"\x01mark\xff\x00\x02"


def record(content: bytes, mark: bytes = MARK) -> bytes:
    buffer = bytearray(HEAD_BYTES) + content
    seal(buffer, mark)
    return bytes(buffer)


def contents(piece: bytes, *, final: bool = True) -> list[bytes | None]:
    return [found.content for found in parse_records(piece, MARK, final=final)]


def test_whole_records_are_found_one_after_the_other() -> None:
    piece = record(b"one") + record(b"") + record(b"three" * 1000)
    assert contents(piece) == [b"one", b"", b"three" * 1000]
    assert [found.end for found in parse_records(piece, MARK, final=True)][-1] == len(piece)


def test_nothing_is_found_in_nothing() -> None:
    assert contents(b"") == []


@pytest.mark.parametrize("cut", range(1, len(record(b"the last one"))))
def test_a_tail_torn_at_any_byte_is_one_damaged_stretch(cut: int) -> None:
    whole = record(b"first")
    piece = whole + record(b"the last one")[:cut]
    assert list(parse_records(piece, MARK, final=True)) == [
        Found(b"first", len(whole)),
        Found(None, len(piece)),
    ]


@pytest.mark.parametrize("cut", range(1, len(record(b"the last one"))))
def test_a_tail_that_may_go_on_is_waited_for(cut: int) -> None:
    whole = record(b"first")
    assert list(parse_records(whole + record(b"the last one")[:cut], MARK, final=False)) == [
        Found(b"first", len(whole))
    ]


@pytest.mark.parametrize("place", range(len(record(b"damaged"))))
@pytest.mark.parametrize("bit", [0, 7])
def test_a_damaged_record_costs_itself_and_nothing_else(place: int, bit: int) -> None:
    damaged = bytearray(record(b"damaged"))
    damaged[place] ^= 1 << bit
    piece = record(b"before") + bytes(damaged) + record(b"after")
    assert contents(piece) == [b"before", None, b"after"]


def test_a_stretch_of_zeros_holds_no_records() -> None:
    piece = record(b"before") + bytes(4096) + record(b"after")
    assert contents(piece) == [b"before", None, b"after"]
    assert contents(bytes(4096)) == [None]


def test_a_record_of_another_file_is_none_of_this() -> None:
    """What a client writes into a record may look like one, but it does not know the mark."""
    forged = record(b"forged", mark=b"\x00" * MARK_BYTES)
    damaged = bytearray(record(b"x" + forged + b"y"))
    damaged[-1] ^= 1
    assert contents(bytes(damaged) + record(b"after")) == [None, b"after"]


@given(
    records=st.lists(st.binary(max_size=60), max_size=6),
    junk=st.lists(st.binary(max_size=40), max_size=6),
    randomly=st.randoms(use_true_random=False),
    size=st.integers(1, 64),
)
def test_whatever_lies_between_records_they_are_all_found(
    records: list[bytes], junk: list[bytes], randomly: random.Random, size: int
) -> None:
    pieces = [(True, one) for one in records] + [(False, one) for one in junk]
    randomly.shuffle(pieces)
    piece = b"".join(record(one) if whole else one for whole, one in pieces)
    assert [one for one in contents(piece) if one is not None] == [one for whole, one in pieces if whole]
    # read in pieces of any size, nothing else comes out
    at, found = 0, list[bytes]()
    while at < len(piece):
        length = size
        while True:
            final = at + length >= len(piece)
            some = list(parse_records(piece[at : at + length], MARK, final=final))
            if some or final:
                break
            length *= 2
        found += [one.content for one in some if one.content is not None]
        at += some[-1].end
    assert found == [one for whole, one in pieces if whole]
