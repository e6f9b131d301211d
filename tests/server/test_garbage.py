"""What a process has at its start is not looked through again."""

import subprocess
import sys

_PROGRAM = """
import gc
from dragoman.server.garbage import settle

before = gc.get_threshold()[0]
settle()
assert gc.get_freeze_count() > 1000
assert len(gc.get_objects()) < 1000
assert gc.get_threshold()[0] > before
assert gc.isenabled()

class Ring:
    def __init__(self):
        self.itself = self

freed = []
class Watched(Ring):
    def __del__(self):
        freed.append(1)

# what comes later is still found when nothing refers to it
for _ in range(100_000):
    Watched()
assert len(freed) > 50_000
"""


def test_what_is_there_stays_and_what_comes_is_still_found_when_it_is_lost() -> None:
    # in a process of its own: there is no way back
    subprocess.run([sys.executable, "-c", _PROGRAM], check=True)
