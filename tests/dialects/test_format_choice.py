"""A provider that speaks both of OpenAI's formats is asked in the one that can carry the request."""

import json

import msgspec
import pytest

from dragoman.dialects.dialect import Head, Location, Target
from dragoman.dialects.format_choice import spoken_format
from dragoman.models.profile import Profile

BOTH = ("openai_chat", "openai_responses")


def head(**fields: object) -> Head:
    raw = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in fields.items()}
    return Head("m", False, Location(), raw)


def target(chat_tools: str = "always", reasoning: str = "effort") -> Target:
    profile = msgspec.convert(
        {"family": "f", "chat_tools": chat_tools, "reasoning": reasoning}, Profile, strict=False
    )
    return Target("p", "m", "p/f", profile)


TOOLS = [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.parametrize(
    ("rule", "fields", "expected"),
    [
        ("always", {"tools": TOOLS, "reasoning_effort": "high"}, "openai_chat"),
        ("without_effort", {"tools": TOOLS}, "openai_chat"),
        ("without_effort", {"tools": TOOLS, "reasoning_effort": "high"}, "openai_responses"),
        ("without_effort", {"tools": TOOLS, "reasoning_effort": "none"}, "openai_chat"),
        ("without_effort", {"tools": TOOLS, "reasoning_effort": None}, "openai_chat"),
        ("reasoning_off", {"tools": TOOLS}, "openai_responses"),
        ("reasoning_off", {"tools": TOOLS, "reasoning_effort": "low"}, "openai_responses"),
        ("reasoning_off", {"tools": TOOLS, "reasoning_effort": "none"}, "openai_chat"),
        ("never", {"tools": TOOLS, "reasoning_effort": "none"}, "openai_responses"),
        ("never", {"functions": [{"name": "f"}]}, "openai_responses"),
        ("without_effort", {"functions": [{"name": "f"}], "reasoning_effort": "high"}, "openai_responses"),
        ("never", {"tools": []}, "openai_chat"),
        ("never", {"reasoning_effort": "high"}, "openai_chat"),
    ],
)
def test_tools_with_reasoning_go_by_responses_where_chat_refuses_them(
    rule: str, fields: dict[str, object], expected: str
) -> None:
    assert spoken_format(BOTH, "openai_chat", head(**fields), target(rule)) == expected


def test_a_client_of_responses_stays_there() -> None:
    assert spoken_format(BOTH, "openai_responses", head(), target()) == "openai_responses"


@pytest.mark.parametrize("asked", ["anthropic", "gemini"])
def test_clients_of_other_vendors_reach_reasoning_models_by_responses(asked: str) -> None:
    assert spoken_format(BOTH, asked, head(), target()) == "openai_responses"
    assert spoken_format(BOTH, asked, head(), target(reasoning="none")) == "openai_chat"
    assert spoken_format(BOTH, asked, head(), target("never", reasoning="none")) == "openai_responses"


@pytest.mark.parametrize("asked", ["openai_chat", "openai_responses", "anthropic", "gemini"])
def test_a_provider_of_one_format_is_asked_in_it(asked: str) -> None:
    assert spoken_format(("anthropic",), asked, head(tools=TOOLS), target("never")) == "anthropic"


def test_the_clients_own_format_comes_before_the_preferred_one() -> None:
    assert spoken_format(("openai_chat", "anthropic"), "anthropic", head(), target()) == "anthropic"
