"""Frames that say no more than the next words of a block, known by their bytes: most of every stream.

Such a frame is the one before it, but for one JSON string, and for members that differ everywhere: numbers of
events, counts. Two of them, read in full, show where the string stands; the frames after them need not be
read any more, only what differs in them.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from dragoman.conversation.events import ArgumentsDelta, Event, TextDelta, ThinkingDelta
from dragoman.dialects.json_tree import UNREADABLE

MOST_KEPT = 4096
"""Bytes of a frame that is remembered: a stream is not to take up more than that for it."""
_PATIENCE = 8
"""How often frames may turn out to differ in more than is known before no more of them are compared."""
_NEVER = b"\0"
"""What no frame begins with that holds JSON."""

_Words = TextDelta | ThinkingDelta | ArgumentsDelta
_string = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder().encode


class Varying(NamedTuple):
    """Members of a format's frames that differ from frame to frame, and do not say what its words mean."""

    pattern: re.Pattern[bytes]
    """Finds such a member; its one group is the member's value."""
    decode: Callable[[bytes], object]
    """Reads a value. Raises as `msgspec` does for anything but one JSON value of its type."""


class FrameTemplate:
    """Learns from the frames that were read in full, and reads those that are like them.

    A decoder tells it of every frame that it reads, by `learn`: one that led to anything else than one delta
    may have changed what the frames after it mean, and what was learnt is forgotten.
    """

    __slots__ = (
        "_event",
        "_first",
        "_frame",
        "_last",
        "_patience",
        "_start",
        "_steps",
        "_stop",
        "_varying",
        "grow",
        "value",
    )

    def __init__(self, varying: Varying | None = None) -> None:
        self._varying = varying
        self._first = self._last = _NEVER
        self._start = self._stop = 0
        self._steps: list[tuple[bool, bytes]] = []
        """Where several things differ: whether the next of them is the text, and what stands behind it."""
        self._frame = b""
        self._event: _Words | None = None
        self._patience = _PATIENCE
        self.grow: Callable[[str], object] | None = None
        """What the decoder does with the text besides; to be set when `learn` says so."""
        self.value: object = None
        """The last varying member of the frame that was read last, if frames have any."""

    def read(self, frame: bytes) -> Event | None:
        """The delta that `frame` is; None for a frame that has to be read in full."""
        text, like = self._words(frame), self._event
        return None if text is None or like is None else type(like)(like.index, text, like.choice)

    def skim(self, data: bytes) -> str | None:
        """The words of the delta that `data` is, with the blank line that ends it; None for anything else."""
        return self._words(data[:-2]) if data.startswith(self._first) and data[-2:] == b"\n\n" else None

    def _words(self, frame: bytes) -> str | None:
        if not (frame.startswith(self._first) and frame.endswith(self._last)):
            return None
        try:
            # a slice that ends elsewhere than its string does is no JSON
            text = self._text(frame) if self._steps else _string(frame[self._start - 1 : self._stop + 1])
        except UNREADABLE:
            return None
        if not text:
            return None
        if self.grow is not None:
            self.grow(text)
        return text

    def _text(self, frame: bytes) -> str:
        """As `read`, where more than the text differs. Raises for frames that are not alike."""
        text, at = "", self._start
        for words, behind in self._steps:
            end = frame.find(behind, at) if behind else len(frame) + self._stop
            if words:
                text = _string(frame[at - 1 : end + 1])
            elif self._varying is not None:
                self.value = self._varying.decode(frame[at:end] if end > at else b"")
            at = end + len(behind)
        return text

    def learn(self, frame: bytes, event: Event | None) -> bool:
        """`frame` was read in full. `event` is what it led to, if that was one delta, to which another frame
        like it would lead in the same way. Says whether frames like it are read from now on.
        """
        before, like = self._frame, self._event
        self._first = self._last = _NEVER
        self._frame, self._event, self.grow = b"", None, None
        if not isinstance(event, _Words) or len(frame) > MOST_KEPT or not self._patience:
            return False
        self._frame, self._event = frame, event
        if like is None or type(like) is not type(event) or like.text == event.text:
            return False
        if like.index != event.index or like.choice != event.choice:
            return False
        string = _encode(event.text)
        at = frame.find(string)
        if at < 0 or frame.find(string, at + 1) >= 0:
            return False
        self._lay_out(frame, at + 1, at + len(string) - 1)
        if self.read(before) == like:
            self._patience = _PATIENCE
            return True
        self._first = self._last = _NEVER
        self._patience -= 1
        return False

    def _lay_out(self, frame: bytes, start: int, stop: int) -> None:
        """Take a frame apart, whose text stands from `start` to `stop`. The quotes around it belong to what
        is alike: the white space that JSON allows there may end a line of the event.
        """
        self.value = None
        parts = [(start, stop, True)]
        if self._varying is not None:
            found = (match.span(1) for match in self._varying.pattern.finditer(frame))
            parts += [(begin, end, False) for begin, end in found if end <= start or begin >= stop]
            parts.sort()
        self._start, self._stop = parts[0][0], parts[-1][1] - len(frame)
        self._first, self._last = frame[: self._start], frame[parts[-1][1] :]
        ends = [begin for begin, _, _ in parts[1:]]
        behind = [frame[end:begin] for (_, end, _), begin in zip(parts, ends, strict=False)]
        words = [is_text for _, _, is_text in parts]
        self._steps = list(zip(words, [*behind, b""], strict=True)) if behind else []
