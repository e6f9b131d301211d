"""Ids of tool calls as models take them: functions of the client's ids alone, so that a call and its
result agree, and a longer history has the same.
"""

import hashlib
import re
import string
from typing import Literal, assert_never

from dragoman.conversation.turns import derived_call_id

MAX_ID = 40
_NINE = re.compile(r"[a-zA-Z0-9]{9}")
_ALPHANUMERIC = string.digits + string.ascii_letters


def call_id(own: str, form: Literal["free", "mistral"]) -> str:
    """A call's id in the form that the model's profile names (`call_id_form`)."""
    match form:
        case "free":
            return own if len(own) <= MAX_ID else derived_call_id(own)
        case "mistral":
            return own if _NINE.fullmatch(own) else _nine_characters(own)
        case _:
            assert_never(form)


def _nine_characters(own: str) -> str:
    """Nine letters and digits that stand for an id."""
    number = int.from_bytes(hashlib.sha256(own.encode("utf-8", "surrogatepass")).digest())
    digits: list[str] = []
    for _ in range(9):
        number, digit = divmod(number, len(_ALPHANUMERIC))
        digits.append(_ALPHANUMERIC[digit])
    return "".join(digits)
