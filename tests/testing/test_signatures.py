"""Signatures of the demo model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.testing.signatures import Verdict, check_signature, issue_signature


@given(st.text(), st.text(alphabet="abc.-5", min_size=1))
def test_a_signature_is_valid_for_what_it_was_issued_over(text: str, family: str) -> None:
    assert (
        check_signature(issue_signature("anthropic", family, text), "anthropic", family, text)
        is Verdict.VALID
    )


@pytest.mark.parametrize(
    ("dialect", "family", "text", "verdict"),
    [
        ("gemini", "claude-5", "Hm.", Verdict.FOREIGN),
        ("anthropic", "claude-6", "Hm.", Verdict.OTHER_FAMILY),
        ("anthropic", "claude-5", "Hm!", Verdict.OTHER_TEXT),
    ],
)
def test_a_signature_is_told_from_others(dialect: str, family: str, text: str, verdict: Verdict) -> None:
    signature = issue_signature("anthropic", "claude-5", "Hm.")

    assert check_signature(signature, dialect, family, text) is verdict


@given(st.integers(0, 200), st.sampled_from("Aa0+"))
def test_a_signature_that_was_altered_is_found_out(place: int, character: str) -> None:
    signature = issue_signature("anthropic", "claude-5", "Hm.")
    place %= len(signature)
    altered = signature[:place] + character + signature[place + 1 :]

    verdict = check_signature(altered, "anthropic", "claude-5", "Hm.")

    assert (verdict is Verdict.VALID) == (altered == signature)


def test_what_is_not_base64_is_said_to_be_so() -> None:
    assert check_signature("dgm1.abc", "anthropic", "claude-5") is Verdict.UNDECODABLE
    assert check_signature("c2lnbmF0dXJl", "anthropic", "claude-5") is Verdict.FOREIGN
