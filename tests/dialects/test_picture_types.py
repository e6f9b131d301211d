"""Pictures are what their bytes say, and some kinds are not taken."""

import base64

import pytest

from dragoman.conversation.blocks import Inline
from dragoman.conversation.failure import FailureError
from dragoman.dialects.picture_types import COMMON, GOOGLE, check_picture, labelled

GIF = base64.b64encode(b"GIF89a" + bytes(20)).decode()


def test_a_picture_is_called_what_its_first_bytes_tell() -> None:
    assert labelled(Inline("image/png", GIF)) == Inline("image/gif", GIF)
    assert labelled(Inline("image/JPG", "AAAA")) == Inline("image/jpeg", "AAAA")
    told = Inline("image/gif", GIF)
    assert labelled(told) is told


def test_kinds_that_are_not_taken_are_refused_by_place() -> None:
    check_picture(Inline("image/png", GIF), COMMON, "x")
    with pytest.raises(FailureError) as caught:
        check_picture(Inline("image/png", GIF), GOOGLE, "messages[1].content[2]")
    assert caught.value.failure.param == "messages[1].content[2]"
    assert "`image/gif` images are not accepted: send JPEG, PNG, WebP, HEIC or HEIF." in str(caught.value)
