"""What is written down outlives its writer, whole or not at all, and never costs more than was allowed."""

import asyncio
import multiprocessing
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import structlog
from tests.ledger_books import entry

from dragoman.config.bookkeeping import Ledger
from dragoman.config.section import MEBIBYTE
from dragoman.ledger import journal as module
from dragoman.ledger.journal import LedgerJournal
from dragoman.ledger.journal_file import JournalFile
from dragoman.ledger.record import HEAD_BYTES, parse_records
from dragoman.store.entry import AttemptEntry, BodyEntry, Entry, UsageCounts


def opened(folder: Path, **settings: int) -> LedgerJournal:
    return LedgerJournal(folder, msgspec.convert(settings, Ledger), "node")


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("journal/*.journal"), key=lambda path: path.stat().st_mtime_ns)


def read(path: Path) -> list[Entry]:
    """What stands in a file; that there is nothing else."""
    mark = bytes.fromhex(path.stem.rsplit("-", 1)[1])
    found = [one.content for one in parse_records(path.read_bytes(), mark, final=True)]
    return [msgspec.msgpack.decode(one or b"damaged", type=Entry) for one in found]


def test_what_is_written_can_be_read_again(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    attempt = AttemptEntry("a/b", "", "openai_chat", "passthrough", "answered", 1.5, usage=UsageCounts(1, 2))
    entries = [
        entry(1, attempts=(attempt,), tags=("x",)),
        entry(2, bodies=(BodyEntry("request", "text/plain", b"\x00\xff" * 100_000),)),
        entry(3, error="\u2028 \x00 end"),
    ]
    assert all(journal.write(one) for one in entries)
    (path,) = files(tmp_path)
    assert read(path) == entries
    assert journal.counts.unread_bytes == path.stat().st_size


def test_nothing_is_made_before_the_first_entry(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    assert not journal.full
    assert journal.oldest_unread is None
    assert list(tmp_path.iterdir()) == []


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        opened(tmp_path).write(entry(1))
    finally:
        os.umask(old)
    (path,) = files(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("node", ["host", "ho/st", "../..", "näme", "", "x" * 500, "a b\n", "n-0.1"])
def test_any_name_of_a_node_makes_a_file_that_is_found_again(tmp_path: Path, node: str) -> None:
    journal = LedgerJournal(tmp_path, Ledger(), node)
    assert journal.write(entry(1))
    (path,) = files(tmp_path)
    assert path.parent == tmp_path / "journal"
    assert JournalFile.claim(path) is None  # it is held
    asyncio.run(journal.close())
    claimed = JournalFile.claim(path)
    assert claimed is not None
    claimed.release()


def test_text_that_is_none_is_written_all_the_same(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    attempt = AttemptEntry("a/b", "", "", "", "", 1.0, error="\ud800!")
    odd = entry(1, model="a\udcffb", attempts=(attempt,), tags=("\ud800",), cost=3)
    assert journal.write(odd)
    (found,) = read(files(tmp_path)[0])
    assert (found.model, found.attempts[0].error, found.tags, found.cost) == ("a?b", "?!", ("?",), 3)


@pytest.mark.parametrize("wrong", [2**64, object()])
def test_what_cannot_be_written_is_counted_and_costs_nothing_else(tmp_path: Path, wrong: object) -> None:
    journal = opened(tmp_path)
    with structlog.testing.capture_logs() as logs:
        assert not journal.write(entry(1, cost=wrong))
        assert not journal.write(entry(1, cost=wrong))
    assert [log["log_level"] for log in logs] == ["error"]
    assert journal.counts.dropped == 2
    assert journal.write(entry(2))
    assert [one.request_id for one in read(files(tmp_path)[0])] == ["req_2"]


def test_a_new_file_is_begun_when_one_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILE_BYTES", 1000)
    journal = opened(tmp_path)
    for number in range(50):
        assert journal.write(entry(number))
    found = files(tmp_path)
    assert len(found) > 2
    assert sorted(one.request_id for path in found for one in read(path)) == sorted(
        f"req_{number}" for number in range(50)
    )
    # all are held, also those that are not written to any more
    assert [JournalFile.claim(path) for path in found] == [None] * len(found)


def test_no_more_is_held_than_was_allowed(tmp_path: Path) -> None:
    journal = opened(tmp_path, max_journal_bytes=MEBIBYTE)
    body = BodyEntry("request", "text/plain", bytes(100_000))
    with structlog.testing.capture_logs() as logs:
        written = [journal.write(entry(number, bodies=(body,))) for number in range(15)]
    assert written == [True] * 10 + [False] * 5
    assert journal.counts.dropped == 5
    assert journal.counts.unread_bytes <= MEBIBYTE
    assert len(logs) == 1
    assert not journal.full  # a small one has its place
    while journal.write(entry(0)):
        pass
    journal.write(entry(0))
    assert len(read(files(tmp_path)[0])) > 10


def test_it_is_full_when_there_is_no_room_at_all(tmp_path: Path) -> None:
    journal = opened(tmp_path, max_journal_bytes=MEBIBYTE)
    one = entry(1, bodies=(BodyEntry("request", "t", b""),))
    journal.write(one)
    room = MEBIBYTE - 2 * journal.counts.unread_bytes
    # the length of longer bytes takes four bytes more
    assert journal.write(msgspec.structs.replace(one, bodies=(BodyEntry("request", "t", bytes(room - 3)),)))
    assert journal.counts.unread_bytes == MEBIBYTE
    assert journal.full
    assert not journal.write(entry(2))


FULL_DISK = """
import json, resource, sys
from pathlib import Path
from dragoman.config.bookkeeping import Ledger
from dragoman.ledger.journal import LedgerJournal
from dragoman.store.entry import Entry

def limited(most):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

def written(journal, numbers):
    entries = [Entry(f"req_{number}", 1.0, "k", "key", "openai_chat", "m", 200) for number in numbers]
    return [journal.write(entry) for entry in entries]

told = []
for place in range(130):
    journal = LedgerJournal(Path(sys.argv[1], str(place)), Ledger(), "node")
    limited(400 + place)
    outcomes, full = written(journal, range(10)), journal.full
    limited(resource.RLIM_INFINITY)
    told.append([outcomes + written(journal, range(10, 13)), full, journal.counts.dropped])
Path(sys.argv[1], "told").write_text(json.dumps(told))
"""


def test_a_disk_that_is_full_leaves_whole_records_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """The limit of the process cuts a record at each of its bytes."""
    subprocess.run([sys.executable, "-c", FULL_DISK, tmp_path], stdout=subprocess.DEVNULL, check=True)
    told = msgspec.json.decode((tmp_path / "told").read_bytes(), type=list[tuple[list[bool], bool, int]])
    for place, (outcomes, full, dropped) in enumerate(told):
        assert full
        assert outcomes.count(False) == dropped >= 5
        assert outcomes[10:] == [True] * 3
        (path,) = files(tmp_path / str(place))
        written = [f"req_{number}" for number, whole in enumerate(outcomes) if whole]
        assert [one.request_id for one in read(path)] == written


def test_a_folder_that_cannot_be_used_is_told_and_tried_again(tmp_path: Path) -> None:
    tmp_path.joinpath("journal").write_text("a file")
    journal = opened(tmp_path)
    with structlog.testing.capture_logs() as logs:
        assert not journal.write(entry(1))
        assert not journal.write(entry(2))
    assert len(logs) == 1
    assert journal.full
    tmp_path.joinpath("journal").unlink()
    assert journal.write(entry(3))


def test_a_fork_writes_to_a_file_of_its_own(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    assert journal.write(entry(1))

    def child() -> None:
        assert journal.write(entry(2))
        assert journal.counts.unread_bytes < 200
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 0
    assert journal.write(entry(3))
    mine, its = sorted(files(tmp_path), key=lambda path: f"-{os.getpid()}-" not in path.name)
    assert [one.request_id for one in read(mine)] == ["req_1", "req_3"]
    assert [one.request_id for one in read(its)] == ["req_2"]
    assert JournalFile.claim(mine) is None
    claimed = JournalFile.claim(its)
    assert claimed is not None
    claimed.release()


def test_only_journals_are_claimed(tmp_path: Path) -> None:
    stranger = tmp_path / "notes.journal"
    stranger.write_text("mine")
    link = tmp_path / "a-1-0123456789abcdef.journal"
    link.symlink_to(stranger)
    assert JournalFile.claim(stranger) is None
    assert JournalFile.claim(link) is None
    assert JournalFile.claim(tmp_path / "b-1-0123456789abcdef.journal") is None


def test_a_record_is_little_more_than_its_entry(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    one = entry(1)
    journal.write(one)
    assert journal.counts.unread_bytes == len(msgspec.msgpack.encode(one)) + HEAD_BYTES


def test_many_open_files_are_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILE_BYTES", 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 10, hard))
    try:
        journal = opened(tmp_path)
        written = [journal.write(entry(number)) for number in range(30)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert False in written
    assert journal.write(entry(99))
    assert sum(len(read(path)) for path in files(tmp_path)) == written.count(True) + 1
