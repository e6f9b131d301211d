"""The operating system's accounting of a gateway's processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.process_tree import PAGE, TICKS, cpu_seconds, members, resident_bytes

BUSY = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"


def process(proc: Path, pid: int, name: str, children: str, times: str) -> None:
    (proc / f"{pid}/task/{pid}").mkdir(parents=True)
    (proc / f"{pid}/task/{pid}/children").write_text(children)
    (proc / f"{pid}/stat").write_text(f"{pid} ({name}) S 1 1 1 0 -1 4194560 1 2 3 4 {times} 20 0 1 0")
    (proc / f"{pid}/statm").write_text("900 100 50 1 0 40 0\n")


def test_children_count_and_those_that_have_ended_too(tmp_path: Path) -> None:
    process(tmp_path, 7, "nginx: ma) ster", "8 9 ", "100 50 30 20")
    process(tmp_path, 8, "worker", "", "5 5 0 0")  # 9 has ended just now
    assert members(7, tmp_path) == [7, 8, 9]
    assert cpu_seconds(7, tmp_path) == pytest.approx(210 / TICKS)
    assert resident_bytes(7, tmp_path) == 200 * PAGE


def test_the_time_of_a_real_process_with_a_child_is_seen() -> None:
    start = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])\n"
    program = start + "print(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        assert cpu_seconds(running.pid) >= 0.18
        assert resident_bytes(running.pid) > 1_000_000
        running.communicate(b"\n")
