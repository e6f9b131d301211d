"""`[models."PATTERN"]` of the configuration: checked like every other section."""

from pathlib import Path

import pytest

from dragoman.config.file import load_settings
from dragoman.config.source import ConfigError
from dragoman.models.overrides import build_profiles
from dragoman.models.profile import Profiles, profile_of


def profiles(folder: Path, text: str) -> Profiles:
    path = folder / "dragoman.toml"
    path.write_text(text, "utf-8")
    return build_profiles(load_settings(path, {}))


def test_a_field_of_the_file_replaces_the_built_in_one(tmp_path: Path) -> None:
    got = profiles(
        tmp_path,
        """
        [models."claude-opus-9*"]
        max_output_tokens = 64
        efforts = ["low", "high"]
        max_temperature = 1
        """,
    ).of("claude-opus-9-1")
    assert got.max_output_tokens == 64
    assert got.efforts == ("low", "high")
    assert got.max_temperature == 1
    assert got.family == profile_of("claude-opus-9-1").family


def test_without_the_section_nothing_is_changed(tmp_path: Path) -> None:
    assert profiles(tmp_path, "").of("gpt-4o") is profile_of("gpt-4o")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("prefil = true", "dragoman.toml:2: models.\"x-*\".prefil: unknown key; did you mean 'prefill'?"),
        (
            'sampling = "some"',
            'dragoman.toml:2: models."x-*".sampling: "some" is not possible here; write one of: full',
        ),
        (
            'efforts = ["low", "hig"]',
            'dragoman.toml:2: models."x-*".efforts[1]: "hig" is not possible here; did you mean \'high\'?',
        ),
        (
            'max_output_tokens = "9"',
            (
                'dragoman.toml:2: models."x-*".max_output_tokens: expected a whole number, not text; '
                "write for example max_output_tokens = 4096"
            ),
        ),
        ("prefill = 1", 'dragoman.toml:2: models."x-*".prefill: expected true or false, not a whole number'),
    ],
)
def test_what_does_not_fit_is_reported_with_line_key_and_remedy(
    tmp_path: Path, line: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        profiles(tmp_path, f'[models."x-*"]\n{line}\n')
    assert str(caught.value).startswith(str(tmp_path / message)), str(caught.value)


def test_a_pattern_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a pattern needs a name"):
        profiles(tmp_path, '[models.""]\nprefill = true\n')


def test_a_pattern_that_is_no_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="models"):
        profiles(tmp_path, '[models]\n"gpt-*" = 3\n')
