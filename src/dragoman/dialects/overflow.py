"""The numbers in messages that say that a conversation is too long.

Clients look for the phrase of their own format, and some read the numbers in it, to shorten the
conversation.
"""

import re

_COMMA = re.compile(r"(?<=\d),(?=\d{3})")
_SUM = re.compile(r"(\d+) \+ (\d+) > (\d+)")
_PAIRS = (
    re.compile(r"(?P<used>\d+) tokens > (?P<limit>\d+)"),
    re.compile(r"\((?P<used>\d+)(?: tokens)?\) exceeds .*?\((?P<limit>\d+)(?: tokens)?\)", re.DOTALL),
)
_NUMBER = re.compile(r"(?<![\w.-])\d{3,}(?![\w-])")
"""A number that is no part of a name such as `gpt-4-0613`."""


def overflow_numbers(message: str) -> tuple[int, int] | None:
    """How many tokens were used and how many there may be; None where the message does not say both."""
    message = _COMMA.sub("", message)
    if found := _SUM.search(message):
        return int(found[1]) + int(found[2]), int(found[3])
    for pattern in _PAIRS:
        if found := pattern.search(message):
            return int(found["used"]), int(found["limit"])
    # "the maximum is N, you sent M": the largest is what was used, the limit comes before the parts of it
    numbers = [int(number) for number in _NUMBER.findall(message)]
    limit = next((number for number in numbers if number < max(numbers)), None)
    return None if limit is None else (max(numbers), limit)
