"""Loading the configuration file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.config.file import load_settings
from dragoman.config.settings import Settings
from dragoman.config.source import ConfigError

EXAMPLE = """\
[server]
host = "127.0.0.1"
port = 4100
[auth]
keys = ["sk-client"]              # or "$ENV_NAME"; open = true for none
[providers.openai]
base_url = "http://127.0.0.1:9110/v1"
api_key = "sk-up"                 # or "$OPENAI_API_KEY"
[providers.anthropic]
base_url = "http://127.0.0.1:9110"
api_key = "sk-up"
[providers.local]                 # any OpenAI-compatible host
dialect = "openai_chat"
base_url = "http://127.0.0.1:11434/v1"
[routes."gpt-4o"]
targets = ["openai/gpt-4o"]
[routes."sonnet"]
targets = ["anthropic/claude-sonnet-4-5"]
"""

Load = Callable[..., Settings]
Problem = Callable[..., str]


def test_the_example_means_what_it_says(load: Load) -> None:
    settings = load(EXAMPLE)
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 4100)
    assert [key.reveal() for key in settings.auth.keys] == ["sk-client"]
    assert list(settings.providers) == ["openai", "anthropic", "local"]
    key = settings.providers["openai"].api_key
    assert key is not None
    assert key.reveal() == "sk-up"
    assert settings.providers["local"].dialect == "openai_chat"
    assert settings.routes["gpt-4o"].targets == ("openai/gpt-4o",)


def test_without_a_file_the_defaults_hold() -> None:
    settings = load_settings(None, {})
    assert settings == Settings()
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 4100)
    assert settings.server.max_body_bytes == 64 * 1024 * 1024
    timeouts = settings.timeouts
    assert (timeouts.connect, timeouts.first_event, timeouts.between_events) == (10, 600, 300)
    assert (timeouts.total, timeouts.keep_alive) == (3600, 15)
    assert not settings.auth.open


def test_an_empty_file_is_the_same_as_none(load: Load) -> None:
    settings = load("")
    assert settings.providers == {}
    assert settings.server == Settings().server


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.toml"
    path.write_bytes(b"\xef\xbb\xbf[server]\r\nport = 1\r\n[auth]\r\nkeys = []\r\n")
    settings = load_settings(path, {})
    assert settings.server.port == 1
    assert settings.source.line(("auth", "keys")) == 4


def test_host_and_port_of_the_command_line_replace_those_of_the_file(load: Load) -> None:
    settings = load('[server]\nhost = "::1"\nport = 1\n', host="127.0.0.2", port=0)
    assert (settings.server.host, settings.server.port) == ("127.0.0.2", 0)


def test_an_empty_host_on_the_command_line_does_not_mean_every_address(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load("", host="")
    assert caught.value.key == "server.host"


def test_no_secret_shows_in_the_settings(load: Load) -> None:
    settings = load(
        '[auth]\nkeys = ["sk-hidden-1"]\n'
        '[providers.openai]\napi_key = "sk-hidden-2"\nheaders = { X-Token = "hidden-3" }\n'
    )
    assert "hidden" not in repr(settings)
    assert "hidden" not in str(settings)
    assert "hidden" not in f"{settings.auth.keys[0]} {settings.auth.keys[0]!r}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            '[providers.openai]\napi_key = "a"\nbase_url = "http://x"\n[providers.openai]\n',
            "dragoman.toml:4: providers.openai: this heading stands in the file twice; "
            "put all its keys under the first one",
            id="a table twice",
        ),
        pytest.param(
            "[server]\nport = 1\n\nport = 2\n",
            "dragoman.toml:4: server.port: this key has a value already; keep one of the two",
            id="a key twice",
        ),
        pytest.param(
            "[server]\nhost = 127.0.0.1\n",
            "dragoman.toml:2: server.host: this is not TOML (",
            id="text without quotes",
        ),
        pytest.param("[server\n", "dragoman.toml:1: server: this is not TOML (", id="an open heading"),
        pytest.param(
            '[auth]\nkeys = ["a",\n\n', "dragoman.toml:2: auth.keys: this is not TOML (", id="an open list"
        ),
        pytest.param("nonsense", "dragoman.toml:1: the file: this is not TOML (", id="prose"),
        pytest.param("[" * 5000, "dragoman.toml", id="brackets without end"),
    ],
)
def test_a_file_that_is_not_toml_is_reported_by_line_and_key(
    problem: Problem, text: str, message: str
) -> None:
    assert problem(text).startswith(message)


def test_a_deeply_nested_list_is_an_error_and_no_crash(problem: Problem) -> None:
    assert problem("a = " + "[" * 100_000).startswith("dragoman.toml")


def test_a_syntax_error_never_shows_the_value(problem: Problem) -> None:
    message = problem("[providers.openai]\napi_key = sk-secret-without-quotes\n")
    assert "sk-secret" not in message
    assert message.startswith("dragoman.toml:2: providers.openai.api_key: this is not TOML")
    assert 'text between double quotes: key = "text"' in message


def test_a_file_that_is_not_utf8_is_reported_by_line(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.toml"
    path.write_bytes(b'[server]\nhost = "caf\xe9"\n')
    with pytest.raises(ConfigError, match=r"dragoman\.toml:2: the file: this is not UTF-8 text"):
        load_settings(path, {})


def test_a_file_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load_settings(tmp_path / "missing.toml", {})
    assert caught.value.line is None
    assert caught.value.file.endswith("missing.toml")


def test_an_error_carries_its_parts(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load("[server]\nprot = 1\n")
    error = caught.value
    assert (error.file, error.line, error.key, error.problem) == (
        "dragoman.toml",
        2,
        "server.prot",
        "unknown key",
    )
    assert str(error) == f"dragoman.toml:2: server.prot: unknown key; {error.remedy}"
