"""What the tests of configuration share: files written, settings loaded, errors caught."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dragoman.config.file import load_settings
from dragoman.config.settings import Settings
from dragoman.config.source import ConfigError


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Settings of a file with the given text, which is called `dragoman.toml`."""
    monkeypatch.chdir(tmp_path)

    def load_text(
        text: str, environ: Mapping[str, str] | None = None, host: str | None = None, port: int | None = None
    ) -> Settings:
        path = Path("dragoman.toml")
        path.write_text(text, "utf-8")
        return load_settings(path, environ or {}, host, port)

    return load_text


@pytest.fixture
def problem(load: Callable[..., Settings]) -> Callable[..., str]:
    """The error message that a file with the given text leads to."""

    def load_wrong_text(text: str, environ: Mapping[str, str] | None = None, host: str | None = None) -> str:
        with pytest.raises(ConfigError) as caught:
            load(text, environ, host)
        return str(caught.value)

    return load_wrong_text
