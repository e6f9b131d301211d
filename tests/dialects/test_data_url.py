"""Data URLs to and from sources."""

import pytest

from dragoman.conversation.blocks import Inline, Remote
from dragoman.dialects.data_url import data_url, parse_image, parse_url

PNG = "iVBORw0KGgoAAAANSUhEUg=="


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://e.com/a.png", Remote("https://e.com/a.png")),
        ("data:image/png;base64,QUJD", Inline("image/png", "QUJD")),
        ("DATA:Application/PDF;name=a.pdf;BASE64,QUJD", Inline("application/pdf", "QUJD")),
        ("data:;base64,QUJD", Inline("application/octet-stream", "QUJD")),
        ("data:text/plain,hi", None),
        ("data:text/plain;charset=utf-8,hi", None),
    ],
)
def test_what_a_url_stands_for(url: str, wanted: Inline | Remote | None) -> None:
    assert parse_url(url) == wanted


def test_the_first_bytes_of_a_picture_tell_its_type() -> None:
    assert parse_image(f"data:image/jpeg;base64,{PNG}") == Inline("image/png", PNG)
    assert parse_image("data:image/tiff;base64,QUJD") == Inline("image/tiff", "QUJD")


def test_inline_media_survive() -> None:
    source = Inline("application/pdf", "QUJD")
    assert parse_url(data_url(source)) == source
