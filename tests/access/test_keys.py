"""Client keys."""

import hashlib
import re
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dragoman.access.holder import Budget, Holder, Limit
from dragoman.access.key_info import KeyInfo
from dragoman.access.keys import FILE, KeyRing, new_key
from dragoman.config.allowance import BudgetSettings, LimitSettings, TeamSettings
from dragoman.config.secret import Secret
from dragoman.config.settings import Auth, KeySettings, Settings
from dragoman.config.source import ConfigError

FRESH = Settings()


def test_a_new_key_is_sk_and_43_url_safe_characters() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(re.fullmatch(r"sk-[A-Za-z0-9_-]{43}", key) for key in keys)


def test_the_first_start_makes_a_key_that_opens_and_is_shown_once(tmp_path: Path) -> None:
    first = KeyRing.from_settings(FRESH, tmp_path)
    assert first.created is not None
    assert first.verify(first.created) is not None
    second = KeyRing.from_settings(FRESH, tmp_path)
    assert second.created is None
    assert second.verify(first.created) == first.verify(first.created)


def test_only_the_hash_of_the_made_key_is_kept_and_only_for_its_owner(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "home"
    created = KeyRing.from_settings(FRESH, directory).created
    assert created is not None
    assert [path.name for path in directory.iterdir()] == [FILE]
    text = (directory / FILE).read_text("utf-8")
    assert created not in text
    assert created[3:] not in text
    assert hashlib.sha256(created.encode()).hexdigest() in text
    assert stat.S_IMODE((directory / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_starters_that_race_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        rings = list(pool.map(KeyRing.from_settings, [FRESH] * 32, [tmp_path / "home"] * 32))
    created = [ring.created for ring in rings if ring.created is not None]
    assert len(created) == 1
    assert all(ring.verify(created[0]) for ring in rings)
    assert [path.name for path in (tmp_path / "home").iterdir()] == [FILE]


def test_processes_that_race_agree_on_one_key(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys\n"
        "from dragoman.access.keys import KeyRing\n"
        "from dragoman.config.settings import Settings\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "print(KeyRing.from_settings(Settings(), pathlib.Path(sys.argv[1])).created or '')\n"
    )
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for starter in starters:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "ready\n"
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    created = [key for starter in starters if (key := starter.communicate(timeout=60)[0].strip())]
    assert len(created) == 1
    assert KeyRing.from_settings(FRESH, tmp_path).verify(created[0]) is not None


def test_configured_keys_open_and_no_file_is_made(tmp_path: Path) -> None:
    settings = Settings(auth=Auth(keys=(Secret("sk-one"), Secret("two"))))
    ring = KeyRing.from_settings(settings, tmp_path / "home")
    first, second = ring.verify("sk-one"), ring.verify("two")
    assert first is not None
    assert second is not None
    assert first.id != second.id
    assert (first.name, second.name) == ("key 1", "key 2")
    assert ring.created is None
    assert not (tmp_path / "home").exists()


def test_configured_keys_replace_the_made_one(tmp_path: Path) -> None:
    made = KeyRing.from_settings(FRESH, tmp_path).created
    ring = KeyRing.from_settings(Settings(auth=Auth(keys=(Secret("sk-one"),))), tmp_path)
    assert ring.verify(made) is None


NAMED = Settings(
    auth=Auth(keys=(Secret("sk-listed"),)),
    keys={
        "alice": KeySettings(Secret("sk-alice"), tags=("gold", "research")),
        "nightly": KeySettings(Secret("sk-nightly"), max_concurrent=4, priority=-10),
    },
)


def test_a_named_key_brings_its_name_and_its_rules(tmp_path: Path) -> None:
    ring = KeyRing.from_settings(NAMED, tmp_path)
    alice, nightly = ring.verify("sk-alice"), ring.verify("sk-nightly")
    assert alice == KeyInfo(alice.id if alice else "", "alice", tags=("gold", "research"))
    assert nightly is not None
    held = Holder("key", nightly.id, "nightly", max_concurrent=4)
    assert nightly == KeyInfo(nightly.id, "nightly", priority=-10, holders=(held,))


def test_named_and_listed_keys_open_side_by_side(tmp_path: Path) -> None:
    ring = KeyRing.from_settings(NAMED, tmp_path)
    listed = ring.verify("sk-listed")
    assert listed == KeyInfo(listed.id if listed else "", "key 1")


def test_named_keys_alone_are_enough_to_make_none(tmp_path: Path) -> None:
    settings = Settings(keys={"alice": KeySettings(Secret("sk-alice"))})
    ring = KeyRing.from_settings(settings, tmp_path / "home")
    assert ring.created is None
    assert ring.verify("sk-alice") is not None
    assert ring.verify("alice") is None
    assert not (tmp_path / "home").exists()


def test_the_id_of_a_key_is_the_same_wherever_it_is_written(tmp_path: Path) -> None:
    named = KeyRing.from_settings(NAMED, tmp_path).verify("sk-alice")
    listed = KeyRing.of(["sk-alice"]).verify("sk-alice")
    assert named is not None
    assert listed is not None
    assert named.id == listed.id


def test_a_ring_of_named_keys_holds_no_key_in_plain_text(tmp_path: Path) -> None:
    assert "sk-alice" not in repr(vars(KeyRing.from_settings(NAMED, tmp_path)))
    assert "sk-alice" not in repr(NAMED)


@pytest.mark.parametrize(
    "presented",
    [
        None,
        "",
        "sk-on",
        "sk-one ",
        "SK-ONE",
        "sk-onee",
        "\udcff",
        "ключ",
        hashlib.sha256(b"sk-one").hexdigest(),
    ],
)
def test_what_is_not_a_key_opens_nothing(presented: str | None) -> None:
    assert KeyRing.of(["sk-one"]).verify(presented) is None


def test_the_id_of_a_key_tells_nothing_of_it() -> None:
    info = KeyRing.of(["sk-one"]).verify("sk-one")
    assert info is not None
    assert re.fullmatch("[0-9a-f]{12}", info.id)
    assert "one" not in info.id


def test_a_ring_holds_no_key_in_plain_text() -> None:
    assert "sk-one" not in repr(vars(KeyRing.of(["sk-one"])))


@pytest.mark.parametrize("presented", [None, "", "anything"])
def test_an_open_gateway_lets_everybody_in(tmp_path: Path, presented: str | None) -> None:
    ring = KeyRing.from_settings(Settings(auth=Auth(open=True)), tmp_path / "home")
    assert ring.is_open
    assert ring.created is None
    assert ring.verify(presented) is not None
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"[]", b'{"keys":[{"name":"x","sha256":"zz"}]}', b'{"keys":[{"name":"x"}]}']
)
def test_a_damaged_key_file_is_reported_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ConfigError, match="the file is damaged; delete it") as caught:
        KeyRing.from_settings(FRESH, tmp_path)
    assert caught.value.file == str(tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == content


def test_a_directory_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be used: .*DRAGOMAN_HOME"):
        KeyRing.from_settings(FRESH, tmp_path / "file")


TEAMED = Settings(
    teams={
        "research": TeamSettings(limits=(LimitSettings(requests=60),), budgets=(BudgetSettings(50.0),)),
        "free": TeamSettings(),
    },
    keys={
        "alice": KeySettings(
            Secret("sk-alice"),
            team="research",
            routes=("gpt-*",),
            limits=(LimitSettings(cost=0.5, per="hour"),),
            budgets=(BudgetSettings(5.0, "day", "Europe/Berlin"),),
        ),
        "bob": KeySettings(Secret("sk-bob"), team="free"),
    },
)


def test_a_key_of_the_file_is_held_to_its_own_rules_and_to_those_of_its_team(tmp_path: Path) -> None:
    alice = KeyRing.from_settings(TEAMED, tmp_path).verify("sk-alice")
    assert alice is not None
    assert (alice.team_id, alice.team_name, alice.routes) == ("config:research", "research", ("gpt-*",))
    limit = Limit("cost", 500_000_000, 3600)
    budget = Budget(5_000_000_000, "day", "Europe/Berlin")
    own, team = alice.holders
    assert own == Holder("key", alice.id, "alice", (limit,), (budget,))
    assert (team.kind, team.id, team.name) == ("team", "config:research", "research")
    assert team.limits == (Limit("requests", 60, 60),)
    assert team.budgets == (Budget(50_000_000_000, "month", "UTC"),)


def test_who_is_held_to_nothing_is_no_holder(tmp_path: Path) -> None:
    bob = KeyRing.from_settings(TEAMED, tmp_path).verify("sk-bob")
    assert bob is not None
    assert (bob.team_name, bob.holders) == ("free", ())


@pytest.mark.parametrize(
    ("routes", "allowed", "refused"),
    [
        ((), ["gpt-4o", "anything/at all"], []),
        (("gpt-*",), ["gpt-4o", "gpt-"], ["GPT-4o", "claude", "openai/gpt-4o", "", "gpt"]),
        (("openai/*", "demo"), ["openai/gpt-4o", "openai/a/b", "demo"], ["openai", "demo2", "xopenai/a"]),
        (("gpt-4[ab]", "o?"), ["gpt-4a", "o1"], ["gpt-4c", "o10", "gpt-4[ab]"]),
        (("*",), ["gpt-4o", "a/b", "with\nlines"], []),
    ],
)
def test_a_key_may_use_the_models_that_its_patterns_match(
    routes: tuple[str, ...], allowed: list[str], refused: list[str]
) -> None:
    key = KeyInfo("id", "name", routes=routes)
    assert [key.may_use(model) for model in allowed] == [True] * len(allowed)
    assert [key.may_use(model) for model in refused] == [False] * len(refused)


def test_a_pattern_cannot_be_made_to_take_long() -> None:
    key = KeyInfo("id", "name", routes=("*a*a*a*a*a*a*a*a*a*b",))
    began = time.perf_counter()
    assert not key.may_use("a" * 2000)
    assert time.perf_counter() - began < 1
