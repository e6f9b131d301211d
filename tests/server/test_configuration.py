"""What two configurations have apart is told by name, and nothing of it is secret."""

from pathlib import Path

import pytest

from dragoman.access.keys import KeyRing
from dragoman.config.source import ConfigError
from dragoman.server.configuration import Configuration, Origin, difference, read_again, read_settings

OLD = """
[server]
port = 4100
[auth]
keys = ["sk-first-0123456789"]
[providers.one]
dialect = "openai_chat"
base_url = "http://127.0.0.1:1/v1"
api_key = "sk-upstream-1"
[providers.two]
dialect = "anthropic"
base_url = "http://127.0.0.1:1"
[routes.a]
targets = ["one/x"]
[routes.b]
targets = ["one/y"]
[keys.alice]
key = "sk-alice-0123456789"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(folder: Path, text: str, *, port: int | None = None, workers: int | None = None) -> Configuration:
    path = folder / "some.toml"
    path.write_text(text)
    settings, providers = read_settings(Origin(path, port=port, workers=workers))
    return Configuration(settings, providers, KeyRing.from_settings(settings, folder))


def test_nothing_is_different_about_the_same_file(folder: Path) -> None:
    old, new = read(folder, OLD), read(folder, OLD.replace("4100", " 4100 # as before"))
    found = difference(old.settings, old, new)
    assert (found.changes, found.fixed) == ({}, ())


@pytest.mark.parametrize(
    ("before", "after", "section", "words"),
    [
        ("[routes.b]", "[routes.c]", "routes", "+c -b"),
        ('["one/y"]', '["one/z"]', "routes", "~b"),
        ('"sk-upstream-1"', '"sk-upstream-2"', "providers", "~one"),
        ("[providers.two]", "[providers.three]", "providers", "+three -two"),
        ('"sk-alice-0123456789"', '"sk-alice-9876543210"', "keys", "~alice"),
        ("[keys.alice]", "[keys.bob]", "keys", "+bob -alice"),
        ("sk-first", "sk-second", "settings", "auth.keys"),
        ("[auth]", "[timeouts]\nconnect = 3\n[auth]", "settings", "timeouts.connect"),
        (
            "[auth]",
            "shutdown_timeout = 3\nwatch = false\n[auth]",
            "settings",
            "server.shutdown_timeout server.watch",
        ),
        ("[auth]", "[models.x]\nmax_output_tokens = 3\n[auth]", "models", "+x"),
    ],
)
def test_what_is_different_is_named(folder: Path, before: str, after: str, section: str, words: str) -> None:
    old, new = read(folder, OLD), read(folder, OLD.replace(before, after))
    found = difference(old.settings, old, new)
    assert found.changes == {section: words}
    assert found.fixed == ()
    assert "sk-" not in repr(found)


@pytest.mark.parametrize(
    ("after", "name"),
    [
        ("[log]\nlevel = 'debug'\n[auth]", "log.level"),
        ("host = '127.0.0.2'\n[auth]", "server.host"),
        ("workers = 2\n[auth]", "server.workers"),
        ("[memory]\nresponses = 3\n[auth]", "memory.responses"),
        ("[media]\nfetch = false\n[auth]", "media.fetch"),
        ("[coordination]\nurl = 'valkey://h'\n[auth]", "coordination.url"),
    ],
)
def test_what_takes_a_restart_is_told_apart_as_long_as_it_differs(
    folder: Path, after: str, name: str
) -> None:
    old, new = read(folder, OLD), read(folder, OLD.replace("[auth]", after))
    assert difference(old.settings, old, new).fixed == (name,)
    assert difference(old.settings, new, new).fixed == (name,)
    assert difference(old.settings, new, old).fixed == ()
    assert difference(old.settings, old, new).changes == {}


def test_a_key_that_comes_from_the_environment_is_noticed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = OLD + "[providers.openai]\n"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    old = read(folder, text)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-2")
    new = read(folder, text)
    assert difference(old.settings, old, new).changes == {"providers": "~openai"}


def test_what_the_command_line_says_goes_before_the_file(folder: Path) -> None:
    server = read(folder, OLD, port=1234, workers=3).settings.server
    assert (server.port, server.workers) == (1234, 3)


def test_a_running_gateway_makes_no_key_that_nobody_sees(folder: Path) -> None:
    path = folder / "some.toml"
    path.write_text(OLD.partition("[keys")[0].replace('keys = ["sk-first-0123456789"]', ""))
    with pytest.raises(ConfigError, match=r"some\.toml:4: auth\.keys: there is no key"):
        read_again(Origin(path), folder / "data")
    assert not (folder / "data").exists()
    settings, _ = read_settings(Origin(path))
    made = KeyRing.from_settings(settings, folder / "data").created
    assert read_again(Origin(path), folder / "data").keys.verify(made) is not None


def test_the_usual_file_is_taken_once_it_is_there(folder: Path) -> None:
    origin = Origin()
    assert origin.path is None
    (folder / "dragoman.toml").write_text(OLD)
    assert "a" in read_again(origin, folder).settings.routes
