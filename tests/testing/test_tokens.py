"""The demo model's tokenizer."""

from hypothesis import given
from hypothesis import strategies as st

from dragoman.testing.tokens import count_tokens, split_tokens


@given(st.text())
def test_tokens_make_up_the_text_and_split_no_character(text: str) -> None:
    tokens = split_tokens(text)

    assert "".join(tokens) == text
    assert all(0 < len(token.encode("utf-8", "surrogatepass")) <= 4 for token in tokens)
    assert count_tokens(text) == len(tokens)


def test_a_token_is_four_bytes() -> None:
    assert split_tokens("abcdefgh!") == ["abcd", "efgh", "!"]
    assert split_tokens("äöü") == ["äö", "ü"]
    assert count_tokens("") == 0
