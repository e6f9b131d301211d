"""Keys and teams on the command line, in a store of their own."""

import asyncio
import re
import stat
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from dragoman.access.directory import KeyDirectory
from dragoman.access.key_info import KeyInfo
from dragoman.access.secret import find_secret
from dragoman.cli.main import main
from dragoman.config.secret import Secret
from dragoman.store.opening import SharedDatabase
from dragoman.store.shared_keys import SharedKeys

JSON = dict[str, object]


class Commands:
    """The command, in a folder with a store."""

    def __init__(self, home: Path, url: Secret | None) -> None:
        self.home = home
        self.url = url

    def run(self, *words: str) -> Result:
        """What a command does."""
        result = CliRunner().invoke(main, words)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    def ok(self, *words: str) -> str:
        """What a command that works writes to standard output."""
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def read(self, *words: str) -> JSON:
        """What a command writes for programs."""
        return msgspec.json.decode(self.ok(*words, "--json"), type=JSON)

    def read_all(self, *words: str) -> list[JSON]:
        """The same of a list."""
        return msgspec.json.decode(self.ok(*words, "--json"), type=list[JSON])

    def wrong(self, *words: str) -> str:
        """What a command that does not work says."""
        result = self.run(*words)
        assert result.exit_code == 2
        assert result.stdout == ""
        return result.stderr

    def opens(self, text: str) -> KeyInfo | None:
        """Whose key a gateway with this store takes a text for."""

        async def look() -> KeyInfo | None:
            database = SharedDatabase(self.url, self.home)
            directory = KeyDirectory(SharedKeys(database), lambda: find_secret(None, self.home))
            found = await directory.seek(text)
            await directory.close()
            await database.close()
            return found

        return asyncio.run(look())


@pytest.fixture
def commands(tmp_path: Path, store_url: Secret | None, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The command, with nothing in its store yet."""
    home = tmp_path / "home"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRAGOMAN_HOME", str(home))
    if store_url is not None:
        Path("dragoman.toml").write_text(f'[store]\nurl = "{store_url.reveal()}"\n')
    return Commands(home, store_url)


sqlite_only = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


def test_a_key_is_printed_alone_and_opens(commands: Commands) -> None:
    result = commands.run("keys", "create", "--name", "alice", "--owner", "Alice A")
    assert result.exit_code == 0
    assert re.fullmatch(r"sk-dr-[\w-]{43}\n", result.stdout)
    assert re.match(r"alice \(key_[0-9a-f]{16}\), for Alice A\. This is the only time", result.stderr)
    assert result.stdout.strip() not in result.stderr
    info = commands.opens(result.stdout.strip())
    assert info is not None
    assert (info.name, info.owner) == ("alice", "Alice A")


def test_every_rule_of_a_key_is_kept(commands: Commands) -> None:
    commands.ok("teams", "create", "--name", "research", "--budget", "50/month@Europe/Berlin")
    words = (
        "keys create --name a --team research --route gpt-* --route anthropic/* --tag gold --priority -5 "
        "--requests 100/minute --requests 1_000/day --tokens 1000000/day --cost 2.5/hour --budget 50/month "
        "--budget 5/day@America/New_York --max-concurrent 4 --expires 30d"
    )
    made = commands.read(*words.split())
    shown = commands.read("keys", "show", "a")
    limits = [
        {"requests": 100, "tokens": None, "cost": None, "per": "minute"},
        {"requests": 1000, "tokens": None, "cost": None, "per": "day"},
        {"requests": None, "tokens": 1_000_000, "cost": None, "per": "day"},
        {"requests": None, "tokens": None, "cost": 2.5, "per": "hour"},
    ]
    assert shown["limits"] == made["limits"] == limits
    assert shown["budgets"] == [
        {"amount": 50.0, "per": "month", "zone": "UTC", "spent": 0.0},
        {"amount": 5.0, "per": "day", "zone": "America/New_York", "spent": 0.0},
    ]
    for name, value in (("team", "research"), ("routes", ["gpt-*", "anthropic/*"]), ("tags", ["gold"])):
        assert shown[name] == made[name] == value
    assert (shown["priority"], shown["max_concurrent"], shown["state"]) == (-5, 4, "active")
    assert str(made["key"]) not in str(shown)
    info = commands.opens(str(made["key"]))
    assert info is not None
    assert [holder.kind for holder in info.holders] == ["key", "team"]
    words_of_it = commands.ok("keys", "show", "a")
    for rule in (
        "1000000 tokens a day",
        "$2.50 an hour",
        "a budget of $50.00 a month ($0.00 spent, $50.00 left)",
        "a budget of $5.00 a day in America/New_York",
        "only models gpt-*, anthropic/*",
    ):
        assert rule in words_of_it


def test_keys_are_listed_the_newest_first(commands: Commands) -> None:
    commands.ok("keys", "create", "--name", "alice", "--budget", "5/total")
    commands.ok("keys", "create", "--name", "bob", "--expires", "2999-01-31")
    assert [key["name"] for key in commands.read_all("keys", "list")] == ["bob", "alice"]
    heading, bob, alice = commands.ok("keys", "list").splitlines()
    assert heading.split()[:5] == ["ID", "NAME", "OWNER", "TEAM", "STATE"]
    assert bob.split()[1:] == ["bob", "-", "-", "active", "2999-01-31", "00:00", "-"]
    assert alice.endswith("never             a budget of $5.00 in all ($0.00 spent, $5.00 left)")


def test_an_empty_store_has_no_keys_and_says_how_to_make_one(commands: Commands) -> None:
    result = commands.run("keys", "list")
    assert result.exit_code == 0
    assert "dragoman keys create --name NAME" in result.stderr
    assert commands.read_all("keys", "list") == []
    assert commands.read_all("teams", "list") == []


def test_a_key_is_rotated_with_an_overlap(commands: Commands) -> None:
    old = commands.ok("keys", "create", "--name", "alice").strip()
    result = commands.run("keys", "rotate", "alice", "--overlap", "24h")
    new = result.stdout.strip()
    assert re.fullmatch(r"sk-dr-[\w-]{43}", new)
    assert "the one before opens until" in result.stderr
    assert commands.opens(old) == commands.opens(new) is not None
    assert commands.read("keys", "show", "alice")["rotated_until"] is not None
    last = commands.ok("keys", "rotate", "alice").strip()
    assert commands.opens(old) is None
    assert commands.opens(new) is None
    assert commands.opens(last) is not None


def test_a_key_is_disabled_enabled_and_deleted(commands: Commands) -> None:
    key = commands.ok("keys", "create", "--name", "alice").strip()
    assert commands.ok("keys", "disable", "alice") == ""
    assert commands.read("keys", "show", "alice")["state"] == "disabled"
    info = commands.opens(key)
    assert info is not None
    assert info.disabled
    commands.ok("keys", "enable", str(info.id))
    assert commands.read("keys", "show", "alice")["state"] == "active"
    commands.ok("keys", "delete", "alice")
    assert commands.opens(key) is None
    assert commands.wrong("keys", "show", "alice").startswith("key: there is no key with this id or name")


def test_a_team_with_keys_is_deleted_only_by_force(commands: Commands) -> None:
    commands.ok("teams", "create", "--name", "research", "--requests", "60/minute")
    commands.ok("keys", "create", "--name", "alice", "--team", "research")
    assert commands.read("teams", "show", "research")["keys"] == ["alice"]
    assert "keys:          alice" in commands.ok("teams", "show", "research")
    assert commands.ok("teams", "list").splitlines()[1].split()[1:3] == ["research", "1"]
    assert commands.wrong("teams", "delete", "research").startswith("team: a key belongs to it; move or")
    commands.ok("teams", "delete", "research", "--force")
    assert commands.read("keys", "show", "alice")["team"] is None


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--requests 100", "--requests: write a number, a slash and second, minute, hour or day"),
        ("--requests 1.5/minute", "--requests: write a whole number greater than 0"),
        ("--requests 0/minute", "--requests: write a whole number greater than 0"),
        ("--tokens 5/month", "--tokens: write a number, a slash"),
        (
            "--cost five/hour",
            "--cost: write a number, a slash and second, minute, hour or day, such as 5/hour",
        ),
        ("--cost 0/hour", "--cost: write an amount greater than 0"),
        ("--budget 5", "--budget: write an amount, a slash and day, week, month or total"),
        ("--budget 0/day", "--budget: write an amount greater than 0"),
        ("--budget 5/day --budget 6/day", 'rules.budgets[1]: there is a budget for per = "day" already'),
        ("--budget 5/day@Nowhere/Land", 'rules.budgets[0].zone: there is no time zone "Nowhere/Land"'),
        ("--expires soon", "--expires: write a time, such as 12h, 30d or 8w, or a date"),
        ("--expires 2001-01-01", "expires: this is not in the future"),
        ("--expires 0d", "expires: this is not in the future"),
        ("--team nobody", "team: there is no team with this id or name"),
        ("--max-concurrent 0", "0 is not in the range"),
        ("--priority 101", "101 is not in the range"),
    ],
)
@sqlite_only
def test_what_cannot_be_meant_is_said_by_its_option(commands: Commands, words: str, problem: str) -> None:
    assert problem in commands.wrong("keys", "create", "--name", "alice", *words.split())
    assert commands.read_all("keys", "list") == []


@sqlite_only
def test_a_name_is_needed_and_is_given_once(commands: Commands) -> None:
    assert "--name" in commands.wrong("keys", "create")
    commands.ok("keys", "create", "--name", "alice")
    assert "name: there is a key" in commands.wrong("keys", "create", "--name", "alice")
    assert "cannot be seen" in commands.wrong("keys", "create", "--name", "a\nb")


@sqlite_only
def test_the_text_of_a_key_is_not_said_again_where_a_name_belongs(commands: Commands) -> None:
    key = commands.ok("keys", "create", "--name", "alice").strip()
    for command in ("show", "rotate", "disable", "enable", "delete"):
        assert key not in commands.wrong("keys", command, key)


@sqlite_only
def test_all_that_is_kept_is_for_its_owner_and_holds_no_key(commands: Commands) -> None:
    key = commands.ok("keys", "create", "--name", "alice").strip()
    assert {path.name for path in commands.home.iterdir()} >= {"dragoman.db", "key-secret"}
    for path in commands.home.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert key.encode() not in path.read_bytes()
        assert key[6:].encode() not in path.read_bytes()


@sqlite_only
def test_another_secret_than_that_of_the_store_is_refused_with_what_to_do(commands: Commands) -> None:
    commands.ok("keys", "create", "--name", "alice")
    Path("dragoman.toml").write_text(f'[auth]\nsecret = "{"x" * 32}"\n')
    message = commands.wrong("keys", "create", "--name", "bob")
    assert "set [auth] secret to the same value on every gateway that shares this store" in message
    assert "x" * 32 not in message


@sqlite_only
def test_a_wrong_configuration_is_said_first(commands: Commands) -> None:
    Path("dragoman.toml").write_text("[auth]\nopne = true\n")
    assert commands.wrong("keys", "list").startswith("dragoman.toml:2: auth.opne: unknown key")


@sqlite_only
def test_a_store_that_is_away_is_said_without_its_password(commands: Commands) -> None:
    Path("dragoman.toml").write_text('[store]\nurl = "postgresql://me:hunter22@127.0.0.1:1/none"\n')
    message = commands.wrong("keys", "list")
    assert "cannot be used" in message
    assert "hunter22" not in message


@sqlite_only
def test_a_key_for_a_gateway_that_is_open_is_made_with_a_note(commands: Commands) -> None:
    Path("dragoman.toml").write_text("[auth]\nopen = true\n")
    result = commands.run("keys", "create", "--name", "alice")
    assert result.exit_code == 0
    assert "auth.open = true" in result.stderr
