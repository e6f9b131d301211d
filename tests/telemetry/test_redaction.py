"""Taking secrets out of text."""

import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.telemetry.redaction import MASK, SHORTEST, Redactor

SHAPED = Redactor([])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key sk-proj-abc_DEF123 refused", "key [redacted] refused"),
        ("sk-ant-api03-abcdef", "[redacted]"),
        ("csk-abcdef123456", "[redacted]"),
        ("gsk_abcdefghijklmnopqrst", "[redacted]"),
        ("xai-abcdefghijklmnopqrst", "[redacted]"),
        ("AIzaSyA-1234567890_abc", "[redacted]"),
        ("token ya29.a0Ab-cdefghijk", "token [redacted]"),
        ("jwt eyJhbGciOiJI.eyJzdWIiOiIx.c2ln.", "jwt [redacted]."),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
        ("authorization: Basic dXNlcjpwdw==", "authorization: Basic [redacted]"),
        ("{'x-api-key': 'short'}", "{'x-api-key': '[redacted]'}"),
        ('{"x-goog-api-key": "short"}', '{"x-goog-api-key": "[redacted]"}'),
        ('"{\\"api_key\\":\\"short\\"}"', '"{\\"api_key\\":\\"[redacted]\\"}"'),
        ("(b'authorization', b'Bearer abc')", "(b'authorization', b'Bearer [redacted]')"),
        ("[(b'api-key', b'abc')]", "[(b'api-key', b'[redacted]')]"),
        ("api_key=abc, next", "api_key=[redacted], next"),
        ("POST https://x/v1?key=abc&alt=sse", "POST https://x/v1?key=[redacted]&alt=sse"),
        ("GET /m?alt=sse&key=a%2Db HTTP/1.1", "GET /m?alt=sse&key=[redacted] HTTP/1.1"),
        ("bearer abc and bearer def", "bearer [redacted] and bearer [redacted]"),
    ],
)
def test_what_has_the_shape_of_a_key_is_taken_out(text: str, expected: str) -> None:
    assert SHAPED.text(text) == expected
    assert SHAPED.text(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "risk-adjusted task-oriented desk-bound",
        "model=gpt-4o-mini key=ab12cd34 monkey=5",
        "req_0123456789 msg_0123456789abcdef chatcmpl-abcdefghijk",
        "the sk- prefix",
        "provider openai has no api_key",
        "a basic answer",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert SHAPED.text(text) == text


@pytest.mark.parametrize("secret", ["sk-up", "pässwörd", "a b/c?d", 'quo"te', "back\\slash", "it's"])
def test_a_known_secret_is_taken_out_however_it_is_written(secret: str) -> None:
    redactor = Redactor([secret])
    for form in (
        secret,
        quote(secret, safe=""),
        json.dumps(secret),
        repr(secret),
        f"x{secret}y",
        f"{[secret]}",
    ):
        shown = redactor.text(f"before {form} after")
        assert MASK in shown
        assert secret not in shown
        assert shown.startswith("before ")
        assert shown.endswith(" after")


def test_a_secret_that_begins_with_another_one_is_taken_out_whole() -> None:
    assert Redactor(["abcd", "abcdefgh"]).text("abcdefgh abcd") == f"{MASK} {MASK}"


def test_words_that_are_too_short_to_be_secrets_stay() -> None:
    assert Redactor(["", "a", "key"]).text("a key") == "a key"


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=4, max_size=20), st.text(max_size=30), st.text(max_size=30))
def test_no_text_around_it_hides_a_known_secret(secret: str, before: str, after: str) -> None:
    shown = Redactor([secret]).text(before + secret + after)
    assert secret not in shown.replace(MASK, "\0")


TEXTS = st.one_of(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=SHORTEST, max_size=24),
    st.text(min_size=SHORTEST, max_size=24),
)


@settings(max_examples=100)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.text(max_size=10))
def test_secrets_that_hold_or_follow_each_other_are_all_taken_out(secrets: list[str], between: str) -> None:
    """A secret may come about anew only where the mask meets what was beside another one."""
    shown = Redactor(secrets).text(between.join([*secrets, *secrets]))
    assert not any(secret in piece for piece in shown.split(MASK) for secret in secrets)


def test_secrets_that_are_learnt_later_are_taken_out_beside_those_before() -> None:
    redactor = Redactor(["first-secret"])
    redactor.learn(["second-secret", "abc", "second-secret"])
    assert redactor.text("first-secret second-secret abc") == f"{MASK} {MASK} abc"


@pytest.mark.parametrize(
    "written", ["a%2Bb%2Fc%3D%20d", "a%2Bb/c%3D%20d", "a%2bb/c%3d%20d", "a%2Bb%2Fc%3D+d", r"a+b\/c= d"]
)
def test_a_secret_is_found_however_it_is_escaped(written: str) -> None:
    assert Redactor(["a+b/c= d"]).text(f"https://host/{written}/x") == f"https://host/{MASK}/x"


@pytest.mark.parametrize(
    "secret", ['quo"te', "back\\slash", "it's", "both\"and'", "pässwörd", "smile\U0001f600"]
)
@pytest.mark.parametrize("layers", range(5))
def test_a_secret_is_taken_out_of_text_within_text(secret: str, layers: int) -> None:
    for write in (json.dumps, repr):
        text = f"<{secret}> '\""
        for _ in range(layers):
            text = write(text)
        shown = Redactor([secret]).text(text)
        assert f"<{MASK}>" in shown
        assert shown.count(MASK) == 1


def test_whether_a_known_secret_is_in_a_text_can_be_asked() -> None:
    redactor = Redactor(["first-secret", 'quo"ted'])
    assert redactor.finds("a first-secret")
    assert redactor.finds('a \\"quo\\\\\\"ted')
    assert not redactor.finds("first, secret sk-abcdefghijk quoted")


def test_many_keys_that_begin_alike_cost_little() -> None:
    redactor = Redactor(f"sk-{number:040}" for number in range(5000))
    text = "an entry of a log without a key in it " * 20
    start = time.perf_counter()
    for _ in range(100):
        redactor.text(text)
    assert time.perf_counter() - start < 0.1


@pytest.mark.parametrize("piece", ["eyJ-", "sk-a-", "bearer ", "x-api-key:", "?key=", "authorization=\\"])
def test_the_time_taken_grows_with_the_text_and_no_faster(piece: str) -> None:
    text = piece * 20_000
    start = time.perf_counter()
    SHAPED.text(text)
    assert time.perf_counter() - start < 2
