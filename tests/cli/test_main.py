"""The command says what it found, and what is wrong, in a few plain lines."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dragoman import __version__
from dragoman.access.keys import FILE, KeyRing
from dragoman.cli.main import main
from dragoman.cli.serve import found
from dragoman.config.allowance import BudgetSettings, TeamSettings
from dragoman.config.bookkeeping import Store
from dragoman.config.secret import Secret
from dragoman.config.settings import Auth, Coordination, KeySettings, RouteSettings, Server, Settings
from dragoman.providers.provider import Provider

DEMO = {"demo": Provider("demo", ("openai_chat",), model_patterns=("demo",), embedded=True)}

GOOD = """
[providers.openai]
base_url = "http://127.0.0.1:9110/v1"
api_key = "sk-up"
[providers.local]
dialect = "openai_chat"
base_url = "http://127.0.0.1:11434/v1"
[routes.best]
targets = ["openai/gpt-4o", "local/llama3"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs, without any key in its environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRAGOMAN_HOME", str(tmp_path / "home"))
    for name in (
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "DRAGOMAN_CONFIG",
    ):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_the_version_is_told() -> None:
    assert command("--version").output == f"dragoman, version {__version__}\n"


def test_help_needs_no_server() -> None:
    """Else it would be slow."""
    code = (
        "import sys; from dragoman.cli.main import main; main(['--help'], standalone_mode=False); "
        "sys.exit(any(name in sys.modules for name in ('uvicorn', 'aiohttp', 'msgspec')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "serve" in done.stdout


def test_check_shows_where_each_name_leads(folder: Path) -> None:
    (folder / "some.toml").write_text(GOOD)
    result = command("check", "--config", "some.toml")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "provider local: openai_chat, openai_completions at http://127.0.0.1:11434/v1, no key",
        (
            "provider openai: openai_chat, openai_responses, openai_completions "
            "at http://127.0.0.1:9110/v1, with a key"
        ),
        "route best: openai/gpt-4o, then local/llama3",
        f"store: {folder / 'home' / 'dragoman.db'}, made at the first use",
        "virtual keys: none yet; 'dragoman keys create' makes one",
        "management API: closed; auth.admin_key opens it",
        "The configuration is fine.",
    ]
    assert "sk-up" not in result.output


def test_a_file_of_the_usual_name_is_found_by_itself(folder: Path) -> None:
    (folder / "dragoman.toml").write_text(GOOD)
    assert "route best" in command("check").output


@pytest.mark.usefixtures("folder")
def test_without_any_file_the_demo_provider_is_there() -> None:
    assert command("check").output.startswith("provider demo: ")


@pytest.mark.parametrize("name", ["check", "serve"])
def test_a_wrong_file_is_named_with_its_line(folder: Path, name: str) -> None:
    (folder / "dragoman.toml").write_text("[server]\nprot = 4100\n")
    result = command(name)
    assert result.exit_code == 2
    assert "dragoman.toml" in result.output
    assert "line 2" in result.output or ":2" in result.output
    assert "prot" in result.output


def test_a_port_that_is_taken_costs_no_key(folder: Path) -> None:
    """A new key is shown once: a start that fails must not make one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = command("serve", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 2
    assert "Address already in use" in result.output
    assert not (folder / "home" / FILE).exists()


@pytest.mark.usefixtures("folder")
def test_a_host_that_is_none_is_said_to_be_unknown() -> None:
    result = command("serve", "--port", "0", "--host", "no-such-host.invalid")
    assert result.exit_code == 2
    assert "Cannot listen on no-such-host.invalid:0" in result.output
    assert "Unknown error" not in result.output


def test_the_first_start_shows_its_key_once_with_a_line_to_paste(tmp_path: Path) -> None:
    first = KeyRing.from_settings(Settings(), tmp_path)
    lines = found(Settings(), DEMO, first, tmp_path, 4100)
    assert len(lines) == 6
    assert lines[0] == f"dragoman {__version__} on http://127.0.0.1:4100"
    assert first.created is not None
    assert lines[3] == f"store: {tmp_path / 'dragoman.db'}"
    assert lines[4].endswith(first.created)
    assert f"Bearer {first.created}" in lines[5]
    assert '"model": "demo"' in lines[5]
    second = KeyRing.from_settings(Settings(), tmp_path)
    assert first.created not in "".join(found(Settings(), DEMO, second, tmp_path, 4100))


def test_an_ipv6_address_stands_in_brackets(tmp_path: Path) -> None:
    settings = Settings(server=Server(host="::1"), auth=Auth(open=True))
    lines = found(settings, DEMO, KeyRing.from_settings(settings, tmp_path), tmp_path, 1)
    assert lines[0].endswith("http://[::1]:1")
    assert lines[-1] == "keys: none asked for (auth.open)"


def test_routes_and_the_number_of_keys_are_told(tmp_path: Path) -> None:
    settings = Settings(routes={"best": RouteSettings(("demo/demo",))})
    lines = found(settings, DEMO, KeyRing.of(["a", "b"]), tmp_path, 1)
    assert lines[1:3] == ["providers: demo", "routes: best"]


def test_a_start_tells_of_budgets_virtual_keys_and_what_is_shared(tmp_path: Path) -> None:
    budgets = (BudgetSettings(5),)
    settings = Settings(
        auth=Auth(admin_key=Secret("a" * 32), secret=Secret("s" * 32)),
        keys={name: KeySettings(Secret(f"sk-{name}"), budgets=budgets) for name in ("ci", "cd")},
        teams={"research": TeamSettings(budgets=budgets)},
        store=Store(Secret("postgresql://me:hunter22@db/d")),
        coordination=Coordination(Secret("valkey://:hunter22@v")),
    )
    lines = found(settings, DEMO, KeyRing.of(["a", "b"]), tmp_path, 1)
    assert lines[3:] == [
        "store: Postgres (store.url)",
        "coordination: Valkey (coordination.url)",
        "budgets: of 2 keys, 1 team of the configuration",
        "management API: /dragoman/api/ (auth.admin_key)",
        "keys: 2 from the configuration; virtual keys of the store too",
    ]


def test_keys_of_the_configuration_are_counted_with_and_without_a_name(tmp_path: Path) -> None:
    named = {"ci": KeySettings(Secret("sk-ci")), "team": KeySettings(Secret("sk-team"))}
    settings = Settings(auth=Auth(keys=(Secret("sk-a"),)), keys=named)
    assert found(settings, DEMO, KeyRing.of(["a"]), tmp_path, 1)[-1] == "keys: 3 from the configuration"
    only_named = Settings(keys=named)
    assert found(only_named, DEMO, KeyRing.of(["a"]), tmp_path, 1)[-1] == "keys: 2 from the configuration"
