"""Media types by the first bytes of a file."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.dialects.media_type import bare_type, sniffed_type


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"GIF89a....", "image/gif"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
        (b"RIFF....WAVEfmt ", None),
        (b"%PDF-1.7....", "application/pdf"),
        (b"BM......", None),
        (b"BM\x36\x00\x0c\x00\x00\x00\x00\x00\x36", "image/bmp"),
        (b"II*\x00\x08", "image/tiff"),
        (b"MM\x00*\x00", "image/tiff"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"\x00\x00\x00\x18ftypmif1", "image/heif"),
        (b"\x00\x00\x00\x18ftypavif", "image/avif"),
        (b"\x00\x00\x00\x18ftypisom", None),
        (b"", None),
    ],
)
def test_files_are_known_by_their_first_bytes(head: bytes, found: str | None) -> None:
    assert sniffed_type(base64.b64encode(head + b"x" * 30).decode()) == found


@settings(max_examples=100)
@given(st.text(max_size=40))
def test_no_data_makes_it_raise(data: str) -> None:
    sniffed_type(data)


@pytest.mark.parametrize(
    ("given", "bare"),
    [("image/JPG", "image/jpeg"), ("text/plain; charset=utf-8", "text/plain"), (" audio/wav ", "audio/wav")],
)
def test_types_are_named_as_vendors_know_them(given: str, bare: str) -> None:
    assert bare_type(given) == bare
