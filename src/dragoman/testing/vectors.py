"""Embeddings of the demo model: unit vectors made from nothing but the text.

Texts that share words lie close to each other, as they should. A shorter vector is the beginning of
the longer one, brought to length one again, as with the vendors' own models.
"""

import base64
import hashlib
import math
import re
import struct

_WORD = re.compile(r"\w+")
_MOST_WORDS = 200
"""Words that count: all the rest of a long text would add little but time."""


def embed(text: str, dimensions: int) -> tuple[float, ...]:
    """The unit vector of a text; its members are 32-bit floats."""
    words = list(dict.fromkeys(word.lower() for word in _WORD.findall(text)))[:_MOST_WORDS]
    # the text itself counts a little, so that no two texts are the same
    total = [value / 8 for value in _direction(text, dimensions)]
    for word in words:
        total = [one + other for one, other in zip(total, _direction(word, dimensions), strict=True)]
    length = math.sqrt(sum(value * value for value in total))
    return _rounded([value / length for value in total])


def _direction(text: str, dimensions: int) -> list[float]:
    digest = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(dimensions)
    return [byte - 127.5 for byte in digest]


def _rounded(values: list[float]) -> tuple[float, ...]:
    form = f"<{len(values)}f"
    return struct.unpack(form, struct.pack(form, *values))


def as_base64(vector: tuple[float, ...]) -> str:
    """The vector as base64 of little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
