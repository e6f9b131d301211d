"""What counts as a right answer."""

import pytest

from benchmarks.expectation import Expectation, Progress, dechunked, first_line

WHOLE = b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"text":"hello"}'
EXPECTED = Expectation("hello", 1, "}")
STREAM = Expectation('" token', 2, "data: [DONE]")


def streamed(*parts: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 " + status + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def test_a_right_answer_has_no_flaw() -> None:
    assert EXPECTED.flaw(WHOLE) == ""


def test_a_right_stream_has_no_flaw_wherever_its_chunks_begin() -> None:
    text = b'data: {"a":" token0"}\n\ndata: {"a":" token1"}\n\ndata: [DONE]\n\n'
    for at in range(1, len(text)):
        assert STREAM.flaw(streamed(text[:at], text[at:])) == ""


def test_another_status_is_a_flaw_and_its_body_is_shown() -> None:
    answer = b'HTTP/1.1 404 Not Found\r\nContent-Length: 20\r\n\r\n{"error":\n "no such"}'
    assert EXPECTED.flaw(answer) == '404: {"error": "no such"}'


def test_a_stream_without_its_last_event_is_a_flaw() -> None:
    flaw = STREAM.flaw(streamed(b'data: " token0"\n\n', b'data: " token1"\n\n'))
    assert flaw == '200, but the answer does not end with data: [DONE]: data: " token0" data: " token1"'


def test_a_stream_that_has_lost_a_piece_is_a_flaw() -> None:
    flaw = STREAM.flaw(streamed(b'data: " token0"\n\n', b"data: [DONE]\n\n"))
    assert flaw == "200, but 1 pieces of text instead of 2"


@pytest.mark.parametrize(
    "answer", [WHOLE, streamed(b"data: 1\n\n", b"data: [DONE]\n\n")], ids=["with a length", "in chunks"]
)
def test_an_answer_is_complete_with_its_last_byte_however_it_is_cut(answer: bytes) -> None:
    for size in range(1, len(answer) + 1):
        progress = Progress()
        pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
        assert [progress.add(piece) for piece in pieces] == [False] * (len(pieces) - 1) + [True]
        assert progress.taken() == answer


def test_the_next_answer_on_a_connection_is_seen_as_well() -> None:
    progress = Progress()
    assert progress.add(WHOLE)
    progress.taken()
    assert not progress.add(WHOLE[:20])
    assert progress.add(WHOLE[20:])


def test_what_is_not_framed_rightly_is_left_out() -> None:
    assert dechunked(b"3\r\nabc\r\nzz\r\nno") == b"abc"


def test_a_long_page_is_shown_by_its_beginning() -> None:
    assert first_line(b"\n<html>" + b"x" * 500 + b"\n</html>") == "<html>" + "x" * 154 + " ..."
