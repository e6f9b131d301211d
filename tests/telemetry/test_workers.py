"""The folder through which worker processes share what they count."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dragoman.telemetry.workers import SHARED, forget, share


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the environment back as it was."""
    monkeypatch.setenv(SHARED, "")


def test_what_an_earlier_run_has_counted_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "counter_17.db").write_bytes(b"old")
    share(folder)
    assert list(folder.iterdir()) == []
    assert os.environ[SHARED] == str(folder)


def test_the_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    share(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o077 == 0


def test_of_a_process_that_has_ended_its_counts_stay_and_its_present_goes(tmp_path: Path) -> None:
    share(tmp_path)
    for name in ("counter_17", "histogram_17", "gauge_max_17", "gauge_livesum_17", "gauge_livesum_117"):
        (tmp_path / f"{name}.db").write_bytes(b"")
    forget(17)
    forget(18)
    left = {file.stem for file in tmp_path.iterdir()}
    assert left == {"counter_17", "histogram_17", "gauge_max_17", "gauge_livesum_117"}


def test_alone_there_is_nothing_to_forget() -> None:
    forget(17)


READER = """
import pathlib, sys, threading, time
from dragoman.telemetry.metrics import Metrics
metrics = Metrics()
young = pathlib.Path(sys.argv[1]) / "counter_999999.db"
young.write_bytes(b"")
threading.Timer(0.05, young.unlink).start()
page, _ = metrics.render()
assert b"dragoman_" in page
"""


def test_a_page_is_written_while_another_worker_makes_its_file(tmp_path: Path) -> None:
    share(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", READER, str(tmp_path)], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
