"""Compressed bodies, piece by piece."""

import gzip
import itertools
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.upstream.content_coding import (
    MAX_PIECE,
    ContentCodingError,
    ContentDecoder,
    content_decoder,
)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def two_members(data: bytes) -> bytes:
    middle = len(data) // 2
    return gzip.compress(data[:middle]) + gzip.compress(data[middle:])


CODINGS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "gzip members": two_members,
    "deflate": zlib.compress,
    "deflate raw": raw_deflate,
}


def decoder(coding: str) -> ContentDecoder:
    made = content_decoder({"content-encoding": coding.partition(" ")[0]})
    assert made is not None
    return made


def unpack(decoder: ContentDecoder, pieces: list[bytes]) -> bytes:
    plain: list[bytes] = []
    for piece in pieces:
        plain.append(decoder.feed(piece))
        while decoder.pending:
            plain.append(decoder.feed(b""))
    decoder.close()
    return b"".join(plain)


@given(data=st.binary(max_size=3000), cuts=st.lists(st.integers(0, 3100), max_size=6))
@settings(max_examples=60)
@pytest.mark.parametrize("coding", list(CODINGS))
def test_any_body_in_any_pieces(coding: str, data: bytes, cuts: list[int]) -> None:
    packed = CODINGS[coding](data)
    bounds = [0, *sorted(min(cut, len(packed)) for cut in cuts), len(packed)]
    pieces = [packed[start:end] for start, end in itertools.pairwise(bounds)]
    assert unpack(decoder(coding), pieces) == data


@pytest.mark.parametrize("coding", list(CODINGS))
def test_a_body_byte_by_byte(coding: str) -> None:
    data = b"data: one\n\ndata: two\n\n" * 50
    packed = CODINGS[coding](data)
    assert unpack(decoder(coding), [packed[at : at + 1] for at in range(len(packed))]) == data


def test_what_the_server_flushed_comes_at_once() -> None:
    packer = zlib.compressobj(wbits=31)
    unpacker = decoder("gzip")
    for event in (b"data: one\n\n", b"data: two\n\n"):
        assert unpacker.feed(packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)) == event
    assert unpacker.feed(packer.flush()) == b""
    unpacker.close()


@pytest.mark.parametrize("coding", ["gzip", "gzip members", "deflate", "deflate raw"])
@pytest.mark.parametrize("size", [MAX_PIECE, MAX_PIECE * 40 + 1])
def test_a_bomb_goes_off_in_small_pieces(coding: str, size: int) -> None:
    unpacker = decoder(coding)
    piece = unpacker.feed(CODINGS[coding](bytes(size)))
    total = 0
    while piece:
        assert len(piece) <= MAX_PIECE
        total += len(piece)
        piece = unpacker.feed(b"") if unpacker.pending else b""
    unpacker.close()
    assert total == size


@pytest.mark.parametrize("value", ["", "identity", "Identity, "])
def test_plain_bodies_need_no_decoder(value: str) -> None:
    assert content_decoder({"content-encoding": value}) is None
    assert content_decoder({}) is None


@pytest.mark.parametrize("value", ["br", "zstd", "gzip, gzip", "deflate, br", "compress"])
def test_other_codings_are_refused(value: str) -> None:
    with pytest.raises(ContentCodingError, match="not asked for"):
        content_decoder({"content-encoding": value})


def test_names_of_codings_are_read_in_any_case() -> None:
    assert content_decoder({"content-encoding": " GZip , identity"}) is not None


@pytest.mark.parametrize("coding", ["gzip", "deflate", "deflate raw"])
def test_a_body_that_breaks_off(coding: str) -> None:
    packed = CODINGS[coding](b"some text that is long enough")
    for end in range(1, len(packed)):
        unpacker = decoder(coding)
        with pytest.raises(ContentCodingError):  # noqa: PT012 - any of the three may notice it
            unpacker.feed(packed[:end])
            while unpacker.pending:
                unpacker.feed(b"")
            unpacker.close()


def test_an_empty_body_is_empty() -> None:
    for coding in ("gzip", "deflate"):
        assert unpack(decoder(coding), []) == b""
        assert unpack(decoder(coding), [b"", b""]) == b""


@pytest.mark.parametrize("coding", ["gzip", "deflate", "deflate raw"])
def test_what_follows_the_end_is_refused(coding: str) -> None:
    with pytest.raises(ContentCodingError, match="damaged"):
        unpack(decoder(coding), [CODINGS[coding](b"text"), b"more"])


def test_damaged_bytes_are_refused() -> None:
    with pytest.raises(ContentCodingError, match="damaged"):
        decoder("gzip").feed(b"this is not gzip at all")
