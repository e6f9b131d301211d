"""A configuration is read again when its file has become another one, once, and a bad one changes nothing."""

import asyncio
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dragoman.access.keys import KeyRing
from dragoman.config.settings import RouteSettings, Server, Settings
from dragoman.config.source import ConfigError
from dragoman.server import reload as module
from dragoman.server.configuration import Configuration
from dragoman.server.reload import FileWatch, Reload, Reloading

pytestmark = pytest.mark.anyio


def configuration(*routes: str, server: Server | None = None) -> Configuration:
    settings = Settings(
        routes={name: RouteSettings(("demo/demo",)) for name in routes}, server=server or Server()
    )
    return Configuration(settings, {}, KeyRing.of(["sk-secret"]))


class Stage:
    """A reload whose configurations a test lays out, and what came of it."""

    def __init__(self, *read: Configuration | Exception) -> None:
        self.readings = list(read)
        self.taken: list[Configuration] = []
        self.outcomes: list[bool] = []
        self.reload = Reload(configuration("a"), self.read, self.renewal, self.outcomes.append)

    def read(self) -> Configuration:
        found = self.readings.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def renewal(self, new: Configuration) -> "module.Callable[[], None]":
        return lambda: self.taken.append(new)


def test_a_good_configuration_is_taken_over_and_its_changes_are_named() -> None:
    new = configuration("a", "b", server=Server(port=1, body_timeout=3))
    stage = Stage(new)
    with capture_logs() as entries:
        take_over = stage.reload.prepare()
        assert stage.taken == []
        take_over()
    assert stage.taken == [new]
    assert stage.reload.current is new
    assert stage.outcomes == [True]
    assert entries == [
        {
            "event": "the configuration was read again",
            "routes": "+b",
            "settings": "server.body_timeout",
            "log_level": "info",
        },
        {
            "event": "some settings take effect with a restart only",
            "settings": "server.port",
            "log_level": "warning",
        },
    ]


@pytest.mark.parametrize(
    "error", [ConfigError("some.toml", 3, "routes.a", "is wrong", "mend it"), RuntimeError("a bug")]
)
def test_a_bad_configuration_changes_nothing_and_is_told(error: Exception) -> None:
    stage = Stage(error)
    before = stage.reload.current
    with capture_logs() as entries:
        stage.reload.prepare()()
    assert stage.taken == []
    assert stage.reload.current is before
    assert stage.outcomes == [False]
    (entry,) = entries
    assert entry["log_level"] == "error"
    if isinstance(error, ConfigError):
        assert entry["error"] == "some.toml:3: routes.a: is wrong; mend it"


def test_a_configuration_that_cannot_be_prepared_changes_nothing() -> None:
    stage = Stage(configuration("b"))

    def fail(_: Configuration) -> "module.Callable[[], None]":
        raise RuntimeError("a bug")

    reload = Reload(configuration("a"), stage.read, fail)
    with capture_logs() as entries:
        reload.prepare()()
    assert list(reload.current.settings.routes) == ["a"]
    assert [entry["log_level"] for entry in entries] == ["error"]


# --- the file ----------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "dragoman.toml"
    path.write_text("first")
    return path


def test_a_file_that_stays_as_it_is_has_not_changed(path: Path) -> None:
    watch = FileWatch(path)
    assert not any(watch.changed() for _ in range(3))


def test_a_change_is_told_once_and_only_when_the_file_has_settled(path: Path) -> None:
    watch = FileWatch(path)
    pause = watch.pause
    path.write_text("[half")
    assert not watch.changed()
    assert watch.pause < pause
    path.write_text("[half] and the rest")
    assert not watch.changed()
    assert watch.changed()
    assert not watch.changed()
    assert watch.pause == pause


def test_a_file_that_is_replaced_has_changed(path: Path) -> None:
    watch = FileWatch(path)
    other = path.with_name("other")
    other.write_text("fresh")  # of the same length
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert [watch.changed() for _ in range(3)] == [False, True, False]


def test_links_are_followed_to_their_end(tmp_path: Path) -> None:
    """As Kubernetes has it: a link to a file in a folder that is a link, which is moved in one step."""
    for number in (1, 2):
        (tmp_path / f"data-{number}").mkdir()
        (tmp_path / f"data-{number}" / "dragoman.toml").write_text(str(number))
    (tmp_path / "data").symlink_to("data-1")
    path = tmp_path / "dragoman.toml"
    path.symlink_to("data/dragoman.toml")
    watch = FileWatch(path)
    (tmp_path / "data-new").symlink_to("data-2")
    (tmp_path / "data-new").replace(tmp_path / "data")
    assert [watch.changed() for _ in range(3)] == [False, True, False]


def test_a_file_that_is_gone_for_a_moment_is_not_missed(path: Path) -> None:
    watch = FileWatch(path)
    path.unlink()
    assert not watch.changed()
    path.write_text("second")
    assert [watch.changed() for _ in range(3)] == [False, True, False]


def test_a_change_that_is_read_anyhow_is_not_told_again(path: Path) -> None:
    watch = FileWatch(path)
    path.write_text("second one")
    watch.skip()
    assert not any(watch.changed() for _ in range(3))


# --- in an event loop --------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.01)
    monkeypatch.setattr(module, "SETTLING", 0.005)


async def test_a_changed_file_is_read_and_a_bad_one_only_once(path: Path) -> None:
    stage = Stage(ConfigError("f", 1, "k", "p", "r"), configuration("c"))
    watching = asyncio.ensure_future(Reloading(stage.reload, FileWatch(path)).watch())
    with capture_logs() as entries:
        await asyncio.to_thread(path.write_text, "bad one")
        await asyncio.sleep(0.2)
        assert stage.outcomes == [False]
        await asyncio.to_thread(path.write_text, "good")
        await asyncio.sleep(0.2)
    assert stage.outcomes == [False, True]
    assert [entry["log_level"] for entry in entries] == ["error", "info"]
    watching.cancel()


async def test_a_file_is_not_looked_at_where_the_settings_say_so(path: Path) -> None:
    stage = Stage(configuration("a", server=Server(watch=False)))
    reloading = Reloading(stage.reload, FileWatch(path))
    await reloading.read_again()
    watching = asyncio.ensure_future(reloading.watch())
    await asyncio.to_thread(path.write_text, "changed")
    await asyncio.sleep(0.1)
    assert stage.outcomes == [True]
    watching.cancel()


async def test_the_loop_goes_on_while_a_configuration_is_read(path: Path) -> None:
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow() -> Configuration:
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), loop).result(5)
        return configuration("b")

    stage = Stage()
    reload = Reload(configuration("a"), slow, stage.renewal)
    with capture_logs():
        both = asyncio.gather(*(Reloading(reload, FileWatch(path)).read_again() for _ in range(2)))
        await asyncio.wait_for(began.wait(), 1)
        await asyncio.wait_for(both, 1)
    assert len(stage.taken) == 2
