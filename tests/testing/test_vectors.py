"""Vectors of texts."""

import base64
import math
import struct

import pytest

from dragoman.testing.vectors import as_base64, embed


def closeness(one: str, other: str) -> float:
    return sum(a * b for a, b in zip(embed(one, 256), embed(other, 256), strict=True))


@pytest.mark.parametrize("text", ["", "Hello world", "\u4f60\u597d", "\ud800", "word " * 5000])
def test_a_vector_is_of_length_one_and_always_the_same(text: str) -> None:
    vector = embed(text, 64)

    assert math.isclose(sum(value * value for value in vector), 1, rel_tol=1e-5)
    assert embed(text, 64) == vector


def test_texts_with_words_in_common_are_closer_than_others() -> None:
    near = closeness("the cat sat on the mat", "the cat lay on the mat")
    far = closeness("the cat sat on the mat", "prices of copper fell sharply")

    assert near > far + 0.3


def test_a_shorter_vector_is_the_beginning_of_the_longer_one() -> None:
    long, short = embed("Hello world", 64), embed("Hello world", 16)
    length = math.sqrt(sum(value * value for value in long[:16]))

    assert [value / length for value in long[:16]] == pytest.approx(short)


def test_base64_holds_the_very_numbers_as_little_endian_floats() -> None:
    vector = embed("Hello", 8)

    assert struct.unpack("<8f", base64.b64decode(as_base64(vector))) == vector
