"""What a right answer looks like, and what is wrong with one that does not: a wrong answer is a failure,
however quick it is.
"""

import re

import msgspec

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
END_OF_CHUNKS = b"\r\n0\r\n\r\n"
MOST_WORDS = 160
"""Characters that are shown of a wrong answer's body."""


class Expectation(msgspec.Struct, frozen=True):
    """A right answer: `mark` is in its body `marks` times, and `final` is near the end."""

    mark: str
    marks: int
    final: str

    def flaw(self, answer: bytes) -> str:
        """What is wrong with a whole answer, its head included; empty if nothing is."""
        head, _, body = answer.partition(b"\r\n\r\n")
        status = head[9:12]
        if CHUNKED.search(head):
            body = dechunked(body)
        if status != b"200":
            return f"{status.decode('latin-1')}: {first_line(body)}"
        # usage may follow the last event that has something to say
        if self.final.encode() not in body[-1500:]:
            return f"200, but the answer does not end with {self.final}: {last_words(body)}"
        count = body.count(self.mark.encode())
        if count != self.marks:
            return f"200, but {count} pieces of text instead of {self.marks}"
        return ""


class Progress:
    """How much of an answer is there, found out with as little work as possible for each piece."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self._left: int | None = None
        """Bytes that are missing; below 0 where the length is not known; None before the head is there."""

    def add(self, data: bytes) -> bool:
        """Take a piece; whether the answer is complete."""
        self.pieces.append(data)
        if self._left is None:
            answer = b"".join(self.pieces)
            end = answer.find(b"\r\n\r\n")
            if end < 0:
                return False
            length = LENGTH.search(answer, 0, end)
            self._left = end + 4 + int(length[1]) if length else -1
            if length:
                self._left -= len(answer)
        elif self._left > 0:
            self._left -= len(data)
        if self._left >= 0:
            return self._left == 0
        tail = data if len(data) >= len(END_OF_CHUNKS) else b"".join(self.pieces[-len(END_OF_CHUNKS) :])
        return tail.endswith(END_OF_CHUNKS)

    def taken(self) -> bytes:
        """The answer; the next one may come."""
        answer = b"".join(self.pieces)
        self.pieces.clear()
        self._left = None
        return answer


def dechunked(body: bytes) -> bytes:
    """A body without the framing of its chunks; what is not framed rightly is left out."""
    parts: list[bytes] = []
    at = 0
    while (end := body.find(b"\r\n", at)) >= 0:
        try:
            size = int(body[at:end].partition(b";")[0], 16)
        except ValueError:
            break
        if not size:
            break
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 4 + size
    return b"".join(parts)


def last_words(body: bytes) -> str:
    """The end of an answer, for people."""
    words = " ".join(body[-MOST_WORDS:].decode("utf-8", "replace").split())
    return f"... {words}" if len(body) > MOST_WORDS else words


def first_line(body: bytes) -> str:
    """The beginning of an answer, for people."""
    words = body.lstrip()[: 4 * MOST_WORDS].decode("utf-8", "replace")
    line = words if words.startswith("{") else words.partition("\n")[0]
    line = " ".join(line.split())
    return line if len(line) <= MOST_WORDS else line[:MOST_WORDS] + " ..."
