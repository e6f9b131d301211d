"""Values that stand in the environment."""

from collections.abc import Callable

import pytest

from dragoman.config.settings import Settings

Load = Callable[..., Settings]
Problem = Callable[..., str]


def test_a_name_with_a_dollar_sign_becomes_the_value_of_the_variable(load: Load) -> None:
    settings = load(
        '[server]\nhost = "$HOST"\n[auth]\nkeys = ["$ONE", "two"]\n', {"HOST": "::1", "ONE": "sk-one"}
    )
    assert settings.server.host == "::1"
    assert [key.reveal() for key in settings.auth.keys] == ["sk-one", "two"]


def test_two_dollar_signs_stand_for_one(load: Load) -> None:
    assert load('[auth]\nkeys = ["$$ONE"]\n', {"ONE": "x"}).auth.keys[0].reveal() == "$ONE"


def test_a_value_is_not_looked_up_twice(load: Load) -> None:
    assert load('[auth]\nkeys = ["$ONE"]\n', {"ONE": "$TWO"}).auth.keys[0].reveal() == "$TWO"


def test_a_missing_variable_is_reported_with_file_line_key_and_name(problem: Problem) -> None:
    message = problem('[providers.openai]\n\napi_key = "$OPENAI_API_KEY"\n')
    assert message == (
        "dragoman.toml:3: providers.openai.api_key: the environment variable OPENAI_API_KEY is not set; "
        "set it before starting (export OPENAI_API_KEY=...) or write the value here"
    )


def test_an_empty_variable_is_reported(problem: Problem) -> None:
    assert "auth.keys[0]: the environment variable ONE is empty" in problem(
        '[auth]\nkeys = ["$ONE"]', {"ONE": ""}
    )


@pytest.mark.parametrize("value", ["$", "${ONE}", "$ONE-$TWO", "$1", "$ONE "])
def test_what_is_no_variable_name_is_reported(problem: Problem, value: str) -> None:
    message = problem(f'[auth]\nkeys = ["{value}"]\n', {"ONE": "1", "TWO": "2"})
    assert message.startswith("dragoman.toml:2: auth.keys[0]: a value that begins with $ must be the name")


def test_errors_about_a_value_from_the_environment_do_not_show_it(problem: Problem) -> None:
    for text in (
        '[auth]\nkeys = ["$ONE"]\n',
        '[providers.a]\nbase_url = "$ONE"\n',
        '[server]\nport = "$ONE"\n',
    ):
        assert "very secret" not in problem(text, {"ONE": "very secret"})
