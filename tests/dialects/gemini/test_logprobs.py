"""Log probabilities."""

import msgspec
import pytest
from msgspec import Raw

from dragoman.conversation.failure import FailureError
from dragoman.conversation.response import AlternativeToken, TokenLogprob
from dragoman.dialects.gemini.logprobs import parse_logprobs, render_logprobs

TOKENS = (
    TokenLogprob("a", -0.5, top=(AlternativeToken("a", -0.5), AlternativeToken("b", -1.0))),
    TokenLogprob("c", 0.0, top=()),
)


def test_tokens_are_read_with_their_alternatives() -> None:
    raw = Raw("""{"chosenCandidates":[{"token":"a","tokenId":5,"logProbability":-0.5},{"token":"c"}],
        "topCandidates":[{"candidates":[{"token":"a","logProbability":-0.5},{"token":"b","logProbability":-1}]}]}""")
    assert parse_logprobs(raw) == TOKENS


def test_tokens_survive_the_way_there_and_back() -> None:
    encoded = msgspec.json.encode(render_logprobs(TOKENS))
    assert parse_logprobs(Raw(encoded)) == TOKENS
    assert b'"logProbability":0.0' in encoded


def test_without_alternatives_none_are_written() -> None:
    assert b"topCandidates" not in msgspec.json.encode(render_logprobs(TOKENS[1:]))
    assert parse_logprobs(Raw("{}")) == ()


def test_anything_else_is_a_bad_answer() -> None:
    with pytest.raises(FailureError):
        parse_logprobs(Raw("[]"))
