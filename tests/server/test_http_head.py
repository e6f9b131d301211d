"""The head of an answer is what HTTP wants, and nobody writes lines into it."""

import email.utils
import time

import pytest

from dragoman.server.http_head import Clock, render_head


def test_the_date_is_now_as_http_writes_it() -> None:
    line = Clock().date_line()
    told = email.utils.parsedate_to_datetime(line.removeprefix("date: ").rstrip())
    assert line == f"date: {email.utils.format_datetime(told, usegmt=True)}\r\n"
    assert abs(told.timestamp() - time.time()) < 2


@pytest.mark.parametrize(
    ("status", "first"), [(200, b"200 OK"), (429, b"429 Too Many Requests"), (599, b"599 ")]
)
def test_the_first_line_tells_the_status(status: int, first: bytes) -> None:
    assert render_head(status, [], "", "") == b"HTTP/1.1 " + first + b"\r\n\r\n"


def test_lines_stand_in_their_order() -> None:
    head = render_head(200, [("a", "1"), ("b", "2")], "date: x\r\n", "content-length: 0\r\n")
    assert head == b"HTTP/1.1 200 OK\r\ndate: x\r\na: 1\r\nb: 2\r\ncontent-length: 0\r\n\r\n"


@pytest.mark.parametrize("header", [("a\r\nb", "1"), ("a", "1\r\n"), ("a", "\n"), ("a", "\x1b[31m")])
def test_no_header_holds_a_control_character(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="control character"):
        render_head(200, [("x", "y"), header], "", "")
