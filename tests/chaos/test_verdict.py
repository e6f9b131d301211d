"""The judge of the chaos suite sees what it is there to see."""

import itertools

import pytest
from tests.chaos.speech import WORDS, Fate, Framing, fate_at, reader, speech
from tests.chaos.upstream import Asked
from tests.chaos.verdict import Backing, Heard, judge, read
from tests.chaos.visitor import read_reply
from tests.live.client import Reply, Told

FIRST, SECOND = WORDS["first"], WORDS["second"]
ERROR = Told("It broke.", "server_error")
BEGINNING = Fate("Good morning to ")


def asked(*places: str) -> list[Asked]:
    return [Asked(1, place, "anthropic", 0.0) for place in places]


FAIR: list[tuple[Heard, tuple[str, ...], Backing, Fate]] = [
    (Heard(FIRST, finished=True), ("first",), Backing.ALONE, Fate(FIRST, whole=True)),
    (Heard("", ERROR), ("first", "first"), Backing.ALONE, Fate()),
    (Heard("Good ", ERROR), ("first",), Backing.BACKED, BEGINNING),
    (Heard(SECOND, finished=True), ("first", "second"), Backing.BACKED, Fate()),
    (Heard("", ERROR), (), Backing.ALONE, Fate()),
]

UNFAIR: dict[str, tuple[Heard, tuple[str, ...], Backing, Fate]] = {
    "too many tries": (Heard("", ERROR), ("first",) * 3, Backing.ALONE, Fate()),
    "words twice": (Heard(FIRST + FIRST, finished=True), ("first",), Backing.ALONE, Fate(whole=None)),
    "words of both": (Heard("Good " + SECOND, finished=True), ("first", "second"), Backing.BACKED, BEGINNING),
    "other words": (Heard("Bad ", ERROR), ("first",), Backing.ALONE, BEGINNING),
    "more words than there were": (Heard(FIRST, ERROR), ("first",), Backing.ALONE, BEGINNING),
    "an end where there was none": (Heard("Good ", finished=True), ("first",), Backing.ALONE, BEGINNING),
    "a broken answer told as good": (Heard(FIRST, finished=True), ("first",), Backing.ALONE, Fate(FIRST)),
    "a good answer told as broken": (Heard("", ERROR), ("first",), Backing.ALONE, Fate(FIRST, whole=True)),
    "the second never asked": (Heard("", ERROR), ("first",), Backing.BACKED, Fate()),
    "another asked after the first word": (
        Heard("Good ", ERROR),
        ("first", "second"),
        Backing.BACKED,
        BEGINNING,
    ),
    "neither end nor error": (Heard(FIRST), ("first",), Backing.ALONE, Fate(FIRST, whole=True)),
    "both end and error": (Heard("Good ", ERROR, finished=True), ("first",), Backing.ALONE, BEGINNING),
}


@pytest.mark.parametrize(("heard", "places", "backing", "fate"), FAIR)
def test_what_is_fair(heard: Heard, places: tuple[str, ...], backing: Backing, fate: Fate) -> None:
    judge(heard, asked(*places), backing, {"first": fate})


@pytest.mark.parametrize(("heard", "places", "backing", "fate"), UNFAIR.values(), ids=UNFAIR)
def test_what_is_not(heard: Heard, places: tuple[str, ...], backing: Backing, fate: Fate) -> None:
    with pytest.raises(AssertionError):
        judge(heard, asked(*places), backing, {"first": fate})


@pytest.mark.parametrize("framing", list(Framing))
def test_a_good_answer_reads_as_one(upstream: str, stream: bool, framing: Framing) -> None:
    good = speech("first", upstream, stream=stream, framing=framing)
    reply = Reply(200, {"content-type": good.media_type, "x-request-id": "req_1"}, good.body)
    heard = read(reader(upstream), reply, stream=stream, own=False)
    assert heard == Heard(FIRST, finished=True)


def test_what_has_been_said_grows_with_the_bytes(upstream: str, stream: bool) -> None:
    good = speech("first", upstream, stream=stream)
    said = [fate_at(good, offset) for offset in range(len(good.wire) + 1)]
    assert all(later.says.startswith(earlier.says) for earlier, later in itertools.pairwise(said))
    assert said[0] == Fate()
    assert said[-1] == Fate(FIRST, whole=True)
    assert any(fate.whole is False and fate.says for fate in said) == stream


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_an_answer_that_breaks_the_rules_of_http_is_none(data: bytes) -> None:
    with pytest.raises(AssertionError):
        read_reply(data)
