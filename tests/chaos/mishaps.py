"""All that upstreams do wrong, or only oddly, in place of a good answer: the rows of the matrix."""

import gzip
import random
from collections.abc import Callable
from typing import NamedTuple

from tests.chaos.configuration import SILENCE
from tests.chaos.speech import Fate, Framing, Speech, chunk, fate_at
from tests.chaos.upstream import End, Play


class Mishap(NamedTuple):
    """What is played in place of a good answer, and what may come of it."""

    play: Play
    fate: Fate


Plan = Callable[[Speech], Mishap]
"""Makes a mishap of a good answer."""

NOTHING = Fate()

OK = b"HTTP/1.1 200 OK\r\n"


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """An HTTP answer with its length."""
    announced = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", *headers, f"content-length: {announced}", "", ""]
    return "\r\n".join(lines).encode() + body


def cut(offset: int, end: End) -> Plan:
    """The answer up to so many bytes."""
    return lambda good: Mishap((good.wire[:offset], end), fate_at(good, offset))


def instead(data: bytes, end: End = End.CLOSE) -> Plan:
    """Something else than an answer."""
    return lambda _: Mishap((data, end), NOTHING)


# --- stalls: so far it goes, then nothing more comes ------------------------------------------------


def stall_after(frames: int, more: int = 0) -> Plan:
    """Silence behind so many frames (below 0: all but so many), and so many bytes of the next."""

    def plan(good: Speech) -> Mishap:
        offset = len(good.until(frames))
        # a frame says nothing before it is whole
        return Mishap((good.wire[: offset + more], End.STALL), fate_at(good, offset))

    return plan


def stall_at_the_first_word(spoken: int) -> Plan:
    """Silence before the first frame with a word (0), or behind it (1)."""
    return lambda good: stall_after(good.silent + spoken)(good)


def drip(good: Speech) -> Mishap:
    """Signs of life, and never an answer."""
    sign = b": busy\n\n" if good.stream else b" "
    unending = good._replace(framing=Framing.CHUNKED)
    return Mishap((unending.head, *((chunk(sign), 0.1) * 100), End.CLOSE), NOTHING)


def slow_head(good: Speech) -> Mishap:
    """A head that comes byte by byte, and never to its end."""
    steps = (step for byte in good.head[:60] for step in (bytes([byte]), 0.1))
    return Mishap((*steps, End.STALL), NOTHING)


def last_open(good: Speech) -> int:
    """The most frames that do not yet tell that the answer is complete."""
    return max(number for number in range(len(good.payloads)) if not good.finished(number))


def never_hangs_up(good: Speech) -> Mishap:
    """All of the answer but the end of its body."""
    return Mishap((good.wire.removesuffix(good.end), End.STALL), whole(good))


# --- garbage: what comes is no answer ---------------------------------------------------------------

JSON = "content-type: application/json"
EVENTS = "content-type: text/event-stream"
NOISE = random.Random(17).randbytes(2000)  # noqa: S311 - no secret, the same noise every time
PAGE = b"<html><head><title>Sign in</title></head><body>Sign in</body></html>"
CHUNKED = OK + b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"


def truncated_json(good: Speech) -> Mishap:
    """Half the answer, told as if it were all."""
    half = good.body[: len(good.body) // 2]
    body = half if not good.stream else good.payloads[0][:40]
    return Mishap((http(body, f"content-type: {good.media_type}"), End.KEEP), NOTHING)


def headless(good: Speech) -> Mishap:
    """An answer of HTTP/0.9: the body, and no head."""
    return Mishap((good.body, End.CLOSE), NOTHING)


def false_coding(coding: str) -> Plan:
    """An answer that is not in the coding that it says it is in."""

    def plan(good: Speech) -> Mishap:
        headers = (f"content-type: {good.media_type}", f"content-encoding: {coding}")
        return Mishap((http(good.body, *headers), End.KEEP), NOTHING)

    return plan


def cut_gzip(good: Speech) -> Mishap:
    """An answer whose coding ends in the middle."""
    body = gzip.compress(good.body)[:12]
    return Mishap(
        (http(body, f"content-type: {good.media_type}", "content-encoding: gzip"), End.KEEP), NOTHING
    )


def two_lengths(good: Speech) -> Mishap:
    """Two lengths that differ: who believes the wrong one takes the rest for the next answer."""
    head = f"content-type: {good.media_type}\r\ncontent-length: 4\r\ncontent-length: {len(good.body)}\r\n\r\n"
    return Mishap((OK + head.encode() + good.body, End.KEEP), NOTHING)


def too_short(good: Speech) -> Mishap:
    """A length that ends in the middle of the answer, and the rest behind it all the same."""
    frames = good.silent + 2 if good.stream else 0
    announced = sum(map(len, good.payloads[:frames])) if good.stream else len(good.body) // 2
    data = http(good.body, f"content-type: {good.media_type}", length=announced)
    return Mishap((data, End.KEEP), Fate(good.said(frames) if good.stream else ""))


def too_long(end: End) -> Plan:
    """A length that the answer does not have."""

    def plan(good: Speech) -> Mishap:
        data = http(good.body, f"content-type: {good.media_type}", length=len(good.body) + 100)
        words = good.said(len(good.payloads))
        return Mishap((data, end), Fate(words if good.stream else "", whole=None))

    return plan


GARBAGE: dict[str, Plan] = {
    "closed at once": instead(b""),
    "reset at once": instead(b"", End.RESET),
    "noise": instead(NOISE),
    "another protocol": instead(b"220 mail.example.com ESMTP\r\n250 welcome\r\n"),
    "no head (HTTP/0.9)": headless,
    "no number for a status": instead(b"HTTP/1.1 abc OK\r\n\r\n"),
    "a head of 200 kB": instead(OK + b"x-filler: " + b"x" * 200_000 + b"\r\n\r\n{}"),
    "9,000 headers": instead(OK + b"x: y\r\n" * 9000 + b"content-length: 2\r\n\r\n{}"),
    "a length in words": instead(OK + b"content-length: many\r\n\r\n{}"),
    "a length below zero": instead(OK + b"content-length: -5\r\n\r\n{}"),
    "two lengths": two_lengths,
    "a length that is too short": too_short,
    "a length that is too long": too_long(End.CLOSE),
    "no size for a chunk": instead(CHUNKED + b"zz\r\n{}\r\n"),
    "a chunk of exabytes": instead(CHUNKED + b"ffffffffffffffffff\r\n{}"),
    "a chunk longer than it says": instead(CHUNKED + b"1\r\n{}\r\n0\r\n\r\n"),
    "switched protocols": instead(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"),
    "no content (204)": instead(b"HTTP/1.1 204 No Content\r\n\r\n", End.KEEP),
    "reset content (205)": instead(http(b"", status="205 Reset Content"), End.KEEP),
    "an empty body": instead(http(b"", JSON), End.KEEP),
    "an empty stream": instead(http(b"", EVENTS), End.KEEP),
    "a stream of comments": instead(http(b": hi\n\n" * 50, EVENTS), End.KEEP),
    "a stream of nonsense": instead(http(b"data: {not json}\n\n", EVENTS), End.KEEP),
    "only the end of a stream": instead(http(b"data: [DONE]\n\n", EVENTS), End.KEEP),
    "a page": instead(http(PAGE, "content-type: text/html"), End.KEEP),
    "a page as JSON": instead(http(PAGE, JSON), End.KEEP),
    "a page as a stream": instead(http(PAGE, EVENTS), End.KEEP),
    "null": instead(http(b"null", JSON), End.KEEP),
    "an empty object": instead(http(b"{}", JSON), End.KEEP),
    "wrong types": instead(
        http(b'{"choices": 5, "output": 5, "content": 5, "candidates": 5}', JSON), End.KEEP
    ),
    "invalid UTF-8": instead(http(b'{"choices": "\xff"}', JSON), End.KEEP),
    "deep JSON": instead(http(b'{"choices": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", JSON), End.KEEP),
    "truncated JSON": truncated_json,
    "no gzip": false_coding("gzip"),
    "no brotli": false_coding("br"),
    "an unknown coding": false_coding("secret"),
    "gzip cut short": cut_gzip,
    **{
        f"a redirect ({status})": instead(
            http(b"", "location: /elsewhere", status=f"{status} Elsewhere"), End.KEEP
        )
        for status in (300, 301, 302, 303, 307, 308)
    },
    "not modified (304)": instead(b"HTTP/1.1 304 Not Modified\r\n\r\n", End.KEEP),
}

STALLS: dict[str, Plan] = {
    "at once": instead(b"", End.STALL),
    "in the status line": instead(b"HTTP/1.1 2", End.STALL),
    "in the head": instead(OK + b"content-type: appl", End.STALL),
    "after a preliminary head": instead(b"HTTP/1.1 100 Continue\r\n\r\n", End.STALL),
    "after the head": stall_after(0),
    "in the first frame": stall_after(0, more=20),
    "before the first word": stall_at_the_first_word(0),
    "in the middle of the head, byte by byte": slow_head,
    "behind signs of life": drip,
    "in noise": instead(NOISE, End.STALL),
    "where more was announced": too_long(End.STALL),
}
"""Nothing has been said when they fall silent: another target may answer."""

STALLS_IN_A_STREAM: dict[str, Plan] = {
    "after the first word": stall_at_the_first_word(1),
    "in the frame after the first word": lambda good: stall_after(good.silent + 1, more=20)(good),
    "before the last words": lambda good: stall_after(good.silent + 3)(good),
    "before the end": lambda good: stall_after(last_open(good))(good),
    "behind the answer": never_hangs_up,
}
"""The client has heard the words so far, and then hears that there will be no more."""

# --- oddities: an answer, in a form that few would choose -------------------------------------------


def told_as(media_type: str | None) -> Plan:
    """The answer under another content type, or none."""

    def plan(good: Speech) -> Mishap:
        line = f"content-type: {good.media_type}\r\n".encode()
        other = f"content-type: {media_type}\r\n".encode() if media_type else b""
        return Mishap((good.wire.replace(line, other, 1), End.KEEP), whole(good))

    return plan


def either(plan: Plan) -> Plan:
    """The same, where also an error is a fair answer."""

    def fair(good: Speech) -> Mishap:
        play, fate = plan(good)
        return Mishap(play, fate._replace(whole=None))

    return fair


def whole(good: Speech) -> Fate:
    return Fate(good.said(len(good.payloads)), whole=True)


def behind(prelude: bytes) -> Plan:
    """Something ahead of the answer."""
    return lambda good: Mishap((prelude, 0.01, good.wire, End.KEEP), whole(good))


def byte_by_byte(good: Speech) -> Mishap:
    """Each of its first bytes alone, then a few at a time."""
    alone, rest = good.wire[:500], good.wire[500:]
    pieces = [*(bytes([byte]) for byte in alone), *(rest[at : at + 7] for at in range(0, len(rest), 7))]
    return Mishap((*(step for piece in pieces for step in (piece, 0.0)), End.KEEP), whole(good))


def slowly(good: Speech) -> Mishap:
    """Pauses, each far shorter than what hasty routes allow."""
    quarter = len(good.wire) // 4
    pieces = [good.wire[start : start + quarter] for start in range(0, len(good.wire), quarter)]
    # what comes of a whole answer is no event before it is all there, or some kilobytes
    pause = SILENCE / (4 if good.stream else 8)
    return Mishap((*(step for piece in pieces for step in (piece, pause)), End.KEEP), whole(good))


def in_chunks_of_one(good: Speech) -> Mishap:
    """A chunk for each byte, with an extension that means nothing, and trailers."""
    chunks = b"".join(b"1;x=y\r\n%c\r\n" % byte for byte in good.body)
    head = good._replace(framing=Framing.CHUNKED).head
    return Mishap((head + chunks + b"0\r\nx-trailer: 1\r\n\r\n", End.KEEP), whole(good))


def zipped(good: Speech) -> Mishap:
    """The answer in gzip."""
    body = gzip.compress(good.body)
    data = http(body, f"content-type: {good.media_type}", "content-encoding: gzip")
    return Mishap((data, End.KEEP), whole(good))


def framed(framing: Framing) -> Plan:
    """The answer with its end told in another way."""
    end = End.CLOSE if framing is Framing.UNTIL_CLOSE else End.KEEP
    return lambda good: Mishap((good._replace(framing=framing).wire, end), whole(good))


def rewritten(change: Callable[[bytes], bytes]) -> Plan:
    """The answer with each of its frames changed."""
    return lambda good: Mishap(
        (good._replace(payloads=tuple(change(one) for one in good.payloads)).wire, End.KEEP), whole(good)
    )


def of_old(good: Speech) -> Mishap:
    """An answer of HTTP/1.0."""
    wire = good._replace(framing=Framing.UNTIL_CLOSE).wire
    return Mishap((wire.replace(b"HTTP/1.1", b"HTTP/1.0", 1), End.CLOSE), whole(good))


def padded(good: Speech) -> Mishap:
    """Signs of life ahead of the answer."""
    sign = b": busy\n\n" if good.stream else b"\n"
    patient = good._replace(framing=Framing.CHUNKED)
    signs = (chunk(sign), SILENCE / 6) * 3
    return Mishap((patient.head, *signs, *patient.frames, patient.end, End.KEEP), whole(good))


def commented(frame: bytes) -> bytes:
    return b": a comment\n\n" + frame if frame.startswith((b"data", b"event")) else b"\n" + frame


def with_carriage_returns(frame: bytes) -> bytes:
    return frame.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


ODDITIES: dict[str, Plan] = {
    "byte by byte": byte_by_byte,
    "slowly": slowly,
    "in chunks of one byte": in_chunks_of_one,
    "chunked": framed(Framing.CHUNKED),
    "with a length": framed(Framing.LENGTH),
    "until the connection closes": framed(Framing.UNTIL_CLOSE),
    "in HTTP/1.0": of_old,
    "in gzip": zipped,
    "behind 100 Continue": behind(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "behind 200 preliminary heads": behind(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 200),
    "behind signs of life": padded,
    "with comments or white space": rewritten(commented),
    "with carriage returns": rewritten(with_carriage_returns),
    "as octets": told_as("application/octet-stream"),
    "as text": told_as("text/plain"),
    "under no content type": told_as(None),
    "with a charset": lambda good: told_as(f"{good.media_type}; charset=utf-8")(good),
    "as a page": either(told_as("text/html")),
    "as JSON": either(told_as("application/json")),
    "as a stream": either(told_as("text/event-stream")),
}
"""Clients get the answer all the same, and one request is enough; where the fate says `None` an error
is fair too.
"""


def offsets(good: Speech, number: int, phase: int) -> range:
    """So many offsets of an answer's bytes at equal distances, 0 for every one; another `phase`, others."""
    step = len(good.wire) // number if number else 1
    return range(phase % step, len(good.wire), step)
