"""`dragoman explain` says what would become of a request, and why, and sends nothing."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dragoman.cli.main import main

CONFIG = """
[providers.openai]
api_keys = ["sk-one-111111", "sk-two-222222"]
max_concurrent = 4
[providers.anthropic]
api_key = "sk-three-333333"
[routes.smart]
hedge_after = "p95"
attempts = 4
[[routes.smart.targets]]
target = "openai/gpt-4o"
max_concurrent = 10
when = { images = false, tags = ["gold"] }
[[routes.smart.targets]]
target = "anthropic/claude-sonnet-4-5"
"""
REQUEST = {"model": "smart", "messages": [{"role": "user", "content": "Good evening"}], "seed": 3}


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "dragoman.toml"
    path.write_text(CONFIG)
    return str(path)


def explained(*arguments: str, given: object = None) -> str:
    result = CliRunner().invoke(
        main, ["explain", *arguments], input="" if given is None else json.dumps(given)
    )
    assert result.exit_code == 0, result.output
    return result.output


def test_a_request_is_shown_with_who_is_asked_in_which_order_and_what_is_sent(config: str) -> None:
    told = explained("--config", config, "--tag", "gold", given=REQUEST)
    places = [told.index(place) for place in ("1. openai/gpt-4o#1", "2. openai/gpt-4o#2", "3. anthropic/")]
    assert places == sorted(places)
    assert "passthrough, in openai_chat" in told
    assert "translation, in anthropic" in told
    assert 'seed;kind=dropped;path="$.seed"' in told
    assert "at most 10 requests of this route at once" in told
    assert "at most 4 requests with this key at once" in told
    assert "at most 4 upstream requests" in told
    assert "after p95" in told


def test_a_target_that_does_not_fit_is_shown_with_the_reason(config: str) -> None:
    told = explained("--config", config, given=REQUEST)
    assert "1. anthropic/claude-sonnet-4-5" in told
    assert told.count("gold") == 2  # both keys of the other target
    assert "not asked:" in told


def test_without_a_request_the_model_is_explained(config: str) -> None:
    told = explained("--config", config, "-m", "smart", "--tag", "gold")
    assert "model: smart\n" in told
    assert "strategy: ordered" in told
    assert "1. openai/gpt-4o#1" in told
    assert 'only where images = false, tags = ["gold"]' in told


def test_a_model_of_no_route_leads_to_its_provider(config: str) -> None:
    told = explained("--config", config, "-m", "claude-opus-4-5")
    assert "no route" in told
    assert "1. anthropic/claude-opus-4-5" in told


@pytest.mark.parametrize(
    ("dialect", "request_body"),
    [
        ("anthropic", {"model": "smart", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}),
        ("gemini", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        ("openai_responses", {"model": "smart", "input": "hi"}),
        ("openai_chat", {"messages": [{"role": "user", "content": "the model is said elsewhere"}]}),
    ],
)
def test_a_request_may_be_in_any_format(config: str, dialect: str, request_body: object) -> None:
    told = explained("--config", config, "-m", "smart", "--dialect", dialect, given=request_body)
    assert "anthropic/claude-sonnet-4-5" in told


def test_json_is_for_programs_and_holds_no_key(config: str) -> None:
    told = explained("--config", config, "--json", "--tag", "gold", given=REQUEST)
    answer = json.loads(told)
    assert [one["target"] for one in answer["candidates"]] == [
        "openai/gpt-4o#1",
        "openai/gpt-4o#2",
        "anthropic/claude-sonnet-4-5",
    ]
    assert answer["needs"]["tags"] == ["gold"]
    assert answer["candidates"][2]["losses"] == ['seed;kind=dropped;path="$.seed"']
    assert answer["hedge"] == {"after": "p95", "share": 0.06}
    assert "sk-" not in told


@pytest.mark.parametrize(
    ("arguments", "given", "words"),
    [
        (["-m", "nothing"], None, "not known here"),
        ([], None, "Name the model"),
        ([], {"model": "smart"}, "messages"),
        ([], {"model": "smart", "messages": 5}, "messages"),
    ],
)
def test_what_cannot_be_explained_is_said_and_ends_with_status_2(
    config: str, arguments: list[str], given: object, words: str
) -> None:
    result = CliRunner().invoke(
        main,
        ["explain", "--config", config, *arguments],
        input="" if given is None else json.dumps(given),
    )
    assert result.exit_code == 2
    assert words in result.output
