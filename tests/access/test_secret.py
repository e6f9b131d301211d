"""The secret that virtual keys are hashed with."""

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dragoman.access.secret import (
    FILE,
    KeySecret,
    check_secret,
    find_secret,
    make_secret,
    may_be_virtual,
    new_virtual_key,
)
from dragoman.config.secret import Secret
from dragoman.config.source import ConfigError
from dragoman.store.opening import SharedDatabase
from dragoman.store.shared_keys import SharedKeys


def test_a_virtual_key_is_256_random_bits_behind_a_word() -> None:
    keys = {new_virtual_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(re.fullmatch(r"sk-dr-[A-Za-z0-9_-]{43}", key) for key in keys)
    assert all(may_be_virtual(key) for key in keys)


@pytest.mark.parametrize("text", ["", "sk-dr-", "sk-dr-" + "a" * 42, "sk-dr-" + "a" * 44, "sk-" + "a" * 46])
def test_what_has_another_form_is_no_virtual_key(text: str) -> None:
    assert not may_be_virtual(text)
    assert not may_be_virtual("sk-dr-" + "a" * 42 + "\n")
    assert not may_be_virtual("sk-dr-" + "ä" * 43)


def test_the_secret_of_the_configuration_is_taken_and_no_file_is_made(tmp_path: Path) -> None:
    configured = Secret("x" * 32)
    made, found = make_secret(configured, tmp_path), find_secret(configured, tmp_path)
    assert found is not None
    assert made.fingerprint == found.fingerprint == KeySecret(b"x" * 32).fingerprint
    assert list(tmp_path.iterdir()) == []


def test_without_one_nothing_is_found_and_nothing_is_made_by_looking(tmp_path: Path) -> None:
    assert find_secret(None, tmp_path / "home") is None
    assert not (tmp_path / "home").exists()


def test_a_secret_that_is_made_is_for_its_owner_only_and_stays(tmp_path: Path) -> None:
    made = make_secret(None, tmp_path / "home")
    path = tmp_path / "home" / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    found = find_secret(None, tmp_path / "home")
    assert found is not None
    assert found.fingerprint == make_secret(None, tmp_path / "home").fingerprint == made.fingerprint


def test_those_who_race_for_the_secret_agree_on_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(make_secret, [None] * 32, [tmp_path / "home"] * 32))
    assert len({secret.fingerprint for secret in made}) == 1
    assert [path.name for path in (tmp_path / "home").iterdir()] == [FILE]


def test_the_same_key_has_another_hash_under_another_secret() -> None:
    one, other = KeySecret(b"1" * 32), KeySecret(b"2" * 32)
    assert one.digest("sk-dr-a") == one.digest("sk-dr-a") != other.digest("sk-dr-a")
    assert len(one.digest("sk-dr-a")) == 32
    assert one.fingerprint != other.fingerprint


def test_the_fingerprint_tells_nothing_and_neither_does_the_object() -> None:
    secret = KeySecret(b"topsecret-topsecret-topsecret-xx")
    assert "topsecret" not in secret.fingerprint
    assert "topsecret" not in repr(secret)


def test_a_damaged_file_is_reported_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("short\n")
    with pytest.raises(ConfigError, match="the file is damaged; restore it from a backup") as caught:
        make_secret(None, tmp_path)
    assert caught.value.file == str(tmp_path / FILE)
    assert "short" not in str(caught.value)
    assert (tmp_path / FILE).read_text() == "short\n"


def test_a_folder_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be used: .*DRAGOMAN_HOME"):
        make_secret(None, tmp_path / "file")


@pytest.mark.anyio
async def test_a_gateway_with_another_secret_is_told_what_to_do(tmp_path: Path) -> None:
    shared = SharedDatabase(None, tmp_path)
    store = SharedKeys(shared)
    await check_secret(KeySecret(b"1" * 32), store)
    await check_secret(KeySecret(b"1" * 32), store)
    with pytest.raises(ConfigError) as caught:
        await check_secret(KeySecret(b"2" * 32), store)
    assert str(caught.value).startswith(
        "configuration: auth.secret: is not the one that the keys of this store are hashed with; "
        "set [auth] secret to the same value on every gateway that shares this store"
    )
    await shared.close()
