"""Answers of one bare word, as Google's `text/x.enum` asks for them."""

import json

import pytest

from dragoman.conversation.request import Request
from dragoman.dialects.bare_word import wants_bare_word
from dragoman.dialects.dialect import Location, Rendered, Target
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import profile_of

CONFIG = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["yes", "no"]}}


def asked(config: object) -> Request:
    contents = [{"role": "user", "parts": [{"text": "which?"}]}]
    body = json.dumps({"contents": contents, "generationConfig": config})
    return DIALECTS["gemini"].parse_request(body.encode(), Location(model="m"))


def rendered(to: str, model: str) -> Rendered:
    return DIALECTS[to].render_request(asked(CONFIG), Target("p", model, "p/f", profile_of(model)))


@pytest.mark.parametrize(
    ("to", "model"),
    [
        ("openai_chat", "gpt-4o"),
        ("openai_responses", "gpt-4o"),
        ("anthropic", "claude-sonnet-4-5"),
        ("anthropic", "claude-3-5-haiku-latest"),
        ("openai_chat", "deepseek-chat"),
    ],
)
def test_elsewhere_the_word_is_the_one_member_of_an_object(to: str, model: str) -> None:
    got = rendered(to, model)
    assert got.emulation.wrapped_in == "value"
    assert got.emulation.bare
    assert b"yes" in got.wire.body
    assert not [loss for loss in got.losses if loss.code == "unknown_field"]


def test_google_gets_it_as_it_was_asked() -> None:
    got = rendered("gemini", "gemini-2.5-flash")
    assert json.loads(got.wire.body)["generationConfig"] == CONFIG
    assert not got.emulation.needed


def test_only_this_media_type_means_a_bare_word() -> None:
    for media_type, wanted in (("text/x.enum", True), ("application/json", False)):
        assert wants_bare_word(asked({"responseMimeType": media_type})) is wanted
