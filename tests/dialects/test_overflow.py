"""The numbers in messages that say that a conversation is too long."""

import pytest

from dragoman.dialects.overflow import overflow_numbers


@pytest.mark.parametrize(
    ("message", "numbers"),
    [
        ("prompt is too long: 210000 tokens > 200000 maximum", (210000, 200000)),
        ("The input token count (1200000) exceeds the maximum number allowed (1048576).", (1200000, 1048576)),
        ("The input token count (9) exceeds the maximum number of tokens allowed (8).", (9, 8)),
        ("request (2009 tokens) exceeds the available context size (512 tokens)", (2009, 512)),
        ("exceed context limit: 199000 + 8000 > 200000, decrease one", (207000, 200000)),
        ("maximum context length is 8192 tokens. However, you sent 9000 tokens.", (9000, 8192)),
        ("maximum context length is 8,192 tokens. You asked for 9,000 (8,500 in messages).", (9000, 8192)),
        ("gpt-4-0613 takes 8192 tokens, and not 9000", (9000, 8192)),
        ("gpt-4-0613 takes 8192 tokens", None),
        ("Input is too long for requested model.", None),
        ("the limit is 4096 tokens, 4096", None),
        ("", None),
    ],
)
def test_used_and_limit_are_found(message: str, numbers: tuple[int, int] | None) -> None:
    assert overflow_numbers(message) == numbers
