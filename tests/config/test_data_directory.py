"""Where the gateway keeps what must outlive it."""

from pathlib import Path

import pytest

from dragoman.config.data_directory import data_directory


def test_the_variable_decides(tmp_path: Path) -> None:
    assert data_directory({"DRAGOMAN_HOME": str(tmp_path)}) == tmp_path


def test_a_relative_path_and_a_tilde_are_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert data_directory({"DRAGOMAN_HOME": "state"}) == tmp_path / "state"
    assert data_directory({"DRAGOMAN_HOME": "~/state"}) == Path("/home/somebody/state")


@pytest.mark.parametrize("environ", [{}, {"DRAGOMAN_HOME": ""}])
def test_else_it_is_the_platforms_own_place(environ: dict[str, str]) -> None:
    directory = data_directory(environ)
    assert directory.is_absolute()
    assert directory.name == "dragoman"
