"""Flame graphs: where the time goes, from stacks that were sampled."""

import html
import re
from collections.abc import Iterable
from typing import NamedTuple

from benchmarks.drawing import document

WIDTH, ROW, MARGIN = 1200, 18, 10
NARROWEST = 1.5
"""Pixels below which a frame is left out."""
CHARACTER = 6.4
"""Pixels, about."""
STYLE = (
    "text{font:11px ui-monospace,monospace;fill:#222}.h{font:600 15px system-ui,sans-serif}"
    ".s{font:12px system-ui,sans-serif;fill:#666}rect{stroke:#fff;stroke-width:.5}"
    ".c0{fill:#f2b28a}.c1{fill:#f5cf8e}.c2{fill:#a9d3b5}.c3{fill:#b7cbe0}"
    "@media (prefers-color-scheme:dark){text{fill:#eee}.s{fill:#bbb}rect{stroke:#111}"
    ".c0{fill:#8a4a22}.c1{fill:#7d5c1c}.c2{fill:#2f6b43}.c3{fill:#3a536b}}"
)
COLOURS = (("dragoman/", "c0"), ("asyncio/", "c3"), ("<built-in>", "c3"))
"""By the file of a frame; others are `c1`."""
FRAME = re.compile(r"^(?P<name>.*) \((?P<file>[^()]*?)(?::\d+)?\)$")
LIBRARIES = re.compile(r"^.*/(?:site-packages|python3\.\d+|src)/")


class Frame:
    """A function, called from where it stands in the tree, and what it calls."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.calls: dict[str, Frame] = {}

    @property
    def depth(self) -> int:
        """How many rows it takes."""
        return 1 + max((frame.depth for frame in self.calls.values()), default=0)


class Box(NamedTuple):
    """A frame as it is drawn: where it begins and how wide it is, as shares of all; its row from below."""

    name: str
    begin: float
    width: float
    row: int


def fold(lines: Iterable[str], trunk: str = "") -> Frame:
    """The tree of stacks as `outer;inner;innermost COUNT`; lines without a count are left out. Where a stack
    has a function called `trunk`, the tree begins with it.
    """
    root = Frame("all")
    for line in lines:
        stack, _, count = line.strip().rpartition(" ")
        if not stack or not count.isdigit():
            continue
        root.count += int(count)
        frame = root
        names = [shortened(name) for name in stack.split(";")]
        begin = next((place for place, name in enumerate(names) if name.partition(" (")[0] == trunk), 0)
        for name in names[begin:]:
            frame = frame.calls.setdefault(name, Frame(name))
            frame.count += int(count)
    return root


def shortened(name: str) -> str:
    """A frame's name without line numbers and the folders of an installation."""
    if not (found := FRAME.match(name)):
        return name
    return f"{found['name']} ({LIBRARIES.sub('', found['file'])})"


def boxes(root: Frame, narrowest: float = 0.0) -> list[Box]:
    """What is to be drawn, the caller below what it calls; nothing that is narrower than this share."""
    found: list[Box] = []

    def lay(frame: Frame, begin: float, row: int) -> None:
        width = frame.count / root.count
        if width < narrowest:
            return
        found.append(Box(frame.name, begin, width, row))
        for call in sorted(frame.calls.values(), key=lambda call: call.name):
            lay(call, begin, row + 1)
            begin += call.count / root.count

    if root.count:
        lay(root, 0.0, 0)
    return found


def draw(root: Frame, title: str, words: str) -> str:
    """The flame graph. Each frame has its whole name and its share as a title, which browsers show."""
    inner = WIDTH - 2 * MARGIN
    drawn = boxes(root, NARROWEST / inner)
    rows = max((box.row for box in drawn), default=0) + 1
    height = 60 + rows * ROW + MARGIN
    parts = [
        f'<text class="h" x="{MARGIN}" y="24">{html.escape(title)}</text>',
        f'<text class="s" x="{MARGIN}" y="44">{html.escape(words)}</text>',
    ]
    for box in drawn:
        x, width = MARGIN + box.begin * inner, box.width * inner
        y = height - MARGIN - (box.row + 1) * ROW
        room = int((width - 6) / CHARACTER)
        label = box.name if len(box.name) <= room else box.name.partition(" (")[0][:room] if room > 2 else ""
        text = f'<text x="{x + 3:.1f}" y="{y + 13}">{html.escape(label)}</text>' if label else ""
        parts.append(
            f"<g><title>{html.escape(box.name)}: {100 * box.width:.1f} %</title>"
            f'<rect class="{_colour(box.name)}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW}"/>'
            f"{text}</g>"
        )
    return document(WIDTH, height, title, parts, STYLE)


def _colour(name: str) -> str:
    if name == "all":
        return "c2"
    return next((colour for mark, colour in COLOURS if mark in name), "c1")
