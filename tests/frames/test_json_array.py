"""The decoder of progressive JSON arrays."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.frames import json_array
from dragoman.frames.json_array import JSONArrayDecoder
from dragoman.frames.sse import FrameTooLargeError

ELEMENTS = [
    b'{"a":[1,2,{"b":"]}"}]}',
    b'{\n  "text": "quote \\" brace } bracket ] backslash \\\\"\n}',
    '{"t":"größe \u2028 [ { \\u005d"}'.encode(),
    b"{}",
]
STREAM = b"[" + b"\n,\r\n".join(ELEMENTS) + b"\n]\n"


def decoded(pieces: list[bytes]) -> list[bytes]:
    decoder = JSONArrayDecoder()
    return [element for piece in pieces for element in decoder.feed(piece)]


def state(decoder: JSONArrayDecoder, name: str) -> int:
    value = getattr(decoder, name)
    assert isinstance(value, int)
    return value


def test_every_single_split_gives_the_same_elements() -> None:
    for place in range(len(STREAM) + 1):
        assert decoded([STREAM[:place], STREAM[place:]]) == ELEMENTS, place


def test_byte_by_byte_gives_the_same_elements() -> None:
    assert decoded([STREAM[place : place + 1] for place in range(len(STREAM))]) == ELEMENTS


@pytest.mark.parametrize("separator", [b",", b", ", b"\n,\r\n", b",\n\n", b"\r\n,\r\n"])
def test_any_space_may_stand_between_elements(separator: bytes) -> None:
    assert decoded([b" [ " + separator.join(ELEMENTS) + b" ] "]) == ELEMENTS


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(
    objects=st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=3), max_size=4),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 2]),
    size=st.integers(1, 9),
)
@settings(max_examples=100)
def test_any_array_in_pieces_of_any_size_gives_its_elements(
    objects: list[dict[str, object]], ascii_only: bool, indent: int | None, size: int
) -> None:
    body = json.dumps(objects, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    decoder = JSONArrayDecoder()
    elements = [
        element for start in range(0, len(body), size) for element in decoder.feed(body[start : start + size])
    ]
    assert [json.loads(element) for element in elements] == objects
    assert decoder.closed
    assert decoder.pending == 0


def test_a_byte_order_mark_is_skipped() -> None:
    assert decoded([b"\xef\xbb", b"\xbf[{}]"]) == [b"{}"]


def test_a_lone_object_is_its_only_element() -> None:
    decoder = JSONArrayDecoder()
    assert decoder.feed(b'\n{"error": {"code": 400}}\n') == [b'{"error": {"code": 400}}']
    assert not decoder.closed


def test_an_empty_array_has_no_elements_and_is_closed() -> None:
    decoder = JSONArrayDecoder()
    assert decoder.feed(b"[\n]") == []
    assert decoder.closed


def test_pending_counts_all_that_follows_the_last_whole_element() -> None:
    decoder = JSONArrayDecoder()
    decoder.feed(b"[")
    assert decoder.pending == 1
    decoder.feed(b'{"a":1}')
    assert decoder.pending == 0
    decoder.feed(b"\n,\r\n")
    assert decoder.pending == 4
    decoder.feed(b'{"b"')
    assert decoder.pending == 8
    assert decoder.remainder == b'{"b"'
    decoder.feed(b":2}")
    assert decoder.pending == 0
    assert decoder.remainder == b""
    decoder.feed(b"\n")
    assert decoder.pending == 1
    decoder.feed(b"]")
    assert decoder.pending == 0


def feed_and_go_on(decoder: JSONArrayDecoder, body: bytes) -> None:
    decoder.feed(body)
    decoder.feed(b"")


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"[[]]", b'["a"]', b"[{}] {", b"]", b"null"])
def test_bytes_that_no_array_of_objects_has_are_refused(body: bytes) -> None:
    decoder = JSONArrayDecoder()
    with pytest.raises(ValueError, match="unexpected byte 0x"):
        feed_and_go_on(decoder, body)


def test_elements_before_a_wrong_byte_are_given_whatever_the_split() -> None:
    body = b'[{"a":1},{"b":2} oops'
    decoder = JSONArrayDecoder()
    assert decoder.feed(body) == [b'{"a":1}', b'{"b":2}']
    with pytest.raises(ValueError, match="0x6f"):
        decoder.feed(b"")
    decoder = JSONArrayDecoder()
    assert [e for place in range(17) for e in decoder.feed(body[place : place + 1])] == [
        b'{"a":1}',
        b'{"b":2}',
    ]
    with pytest.raises(ValueError, match="0x6f"):
        decoder.feed(b"o")


def test_an_element_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "MAX_FRAME", 32)
    decoder = JSONArrayDecoder()
    assert decoder.feed(b'[{"a":"' + b"x" * 20 + b'"},') == [b'{"a":"' + b"x" * 20 + b'"}']
    decoder.feed(b'{"a":"' + b"x" * 20)
    with pytest.raises(FrameTooLargeError, match="larger than 32 bytes"):
        decoder.feed(b"x" * 20)


@pytest.mark.parametrize("piece", [b"text ", b'{"k":[', b'"a":"b",', b'\\"'])
def test_an_element_fed_in_pieces_is_looked_at_only_once(piece: bytes) -> None:
    decoder = JSONArrayDecoder()
    decoder.feed(b'[{"t":"')
    for _ in range(200):
        decoder.feed(piece)
        # but for a last backslash, all that came has been dealt with
        assert state(decoder, "_position") >= len(decoder.remainder) - 1


@given(st.binary(max_size=200))
@settings(max_examples=100)
def test_arbitrary_bytes_raise_nothing_but_value_errors(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        JSONArrayDecoder().feed(data)
