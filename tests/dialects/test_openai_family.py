"""What OpenAI's two formats have in common."""

import json

import pytest

from dragoman.conversation.opaque import Opaque
from dragoman.dialects.openai_family import (
    belongs,
    flat_format,
    nested_format,
    service_tier,
    user_identifier,
)

FLAT = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
NESTED = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}


@pytest.mark.parametrize(
    ("field", "dialect", "wanted"),
    [
        (Opaque("openai_chat", "future", b"1"), "openai_chat", True),
        (Opaque("openai_chat", "future", b"1"), "openai_responses", False),
        (Opaque("openai_chat", "prompt_cache_key", b"1"), "openai_responses", True),
        (Opaque("openai_responses", "prompt_cache_key", b"1"), "openai_chat", True),
        (Opaque("openai_responses", "prompt_cache_key", b"1"), "anthropic", False),
        (Opaque("gemini", "store", b"1"), "openai_chat", False),
    ],
)
def test_a_field_belongs_to_its_format_or_to_both(field: Opaque, dialect: str, wanted: bool) -> None:
    assert belongs(field, dialect) is wanted


def test_grammars_of_free_text_tools_go_both_ways() -> None:
    flat, nested = json.dumps(FLAT).encode(), json.dumps(NESTED).encode()
    assert json.loads(flat_format(nested)) == FLAT
    assert json.loads(nested_format(flat)) == NESTED
    assert (flat_format(flat), nested_format(nested)) == (flat, nested)


@pytest.mark.parametrize("form", [b'{"type": "text"}', b'"odd"', b'{"type":"new","x":1.0}'])
def test_other_forms_of_free_text_stay_as_they_are(form: bytes) -> None:
    assert flat_format(form) == nested_format(form) == form


@pytest.mark.parametrize(
    ("asked", "client", "dialect", "wanted"),
    [
        ("standard_only", "anthropic", "openai_chat", "default"),
        ("priority", "openai_chat", "openai_responses", "priority"),
        ("ultrafast", "openai_responses", "openai_responses", "ultrafast"),
        ("ultrafast", "openai_responses", "openai_chat", None),
    ],
)
def test_tiers_have_openais_words(asked: str, client: str, dialect: str, wanted: str | None) -> None:
    assert service_tier(asked, client, dialect) == wanted


def test_long_ids_of_users_are_hashed_and_short_ones_are_not() -> None:
    assert user_identifier("u" * 64) == "u" * 64
    assert len(user_identifier("u" * 65)) == 64
    assert user_identifier("u" * 65) != user_identifier("u" * 66)
