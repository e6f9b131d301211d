"""Frames that say no more than the next words of a block, known by their bytes: most of every stream.

Such a frame is the one before it, but for one JSON string. Two of them, read in full, show where that string
stands; the frames after them need not be read any more, only the string in them.
"""

from collections.abc import Callable

import msgspec

from dragoman.conversation.events import ArgumentsDelta, Event, TextDelta, ThinkingDelta
from dragoman.dialects.json_tree import UNREADABLE

MOST_KEPT = 4096
"""Bytes of a frame that is remembered: a stream is not to take up more than that for it."""

_NEVER = b"\0"
"""What no JSON text begins with: a string that is read from there on is none."""

_PATIENCE = 8
"""How often frames may turn out to differ in more than the string before no more of them are compared."""

_Words = TextDelta | ThinkingDelta | ArgumentsDelta
_string = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder().encode


class FrameTemplate:
    """Learns from the frames that were read in full, and reads those that are like them.

    A decoder tells it of every frame that it reads, by `learn`: one that led to anything else than one delta
    may have changed what the frames after it mean, and what was learnt is forgotten.
    """

    __slots__ = ("_after", "_before", "_end", "_event", "_frame", "_grow", "_patience", "_start")

    def __init__(self) -> None:
        self._before = self._after = _NEVER
        self._start = self._end = 0
        self._frame = b""
        self._patience = _PATIENCE
        self._event: _Words | None = None
        self._grow: Callable[[str], object] | None = None

    def read(self, frame: bytes) -> Event | None:
        """The delta that `frame` is; None for a frame that has to be read in full."""
        if not (frame.startswith(self._before) and frame.endswith(self._after)):
            return None
        like = self._event
        try:
            # it ends with the first quotation mark that is not escaped, or fails
            text = _string(frame[self._start : self._end])
        except UNREADABLE:
            return None
        if like is None or not text:
            return None
        if self._grow is not None:
            self._grow(text)
        return type(like)(like.index, text, like.choice)

    def learn(self, frame: bytes, event: Event | None, grow: Callable[[str], object] | None = None) -> None:
        """`frame` was read in full. `event` is what it led to, if that was one delta, which another frame like
        it would lead to in the same way; `grow` then is what its decoder does with the text besides.
        """
        before, like = self._frame, self._event
        self._before = self._after = _NEVER
        self._frame, self._event, self._grow = b"", None, None
        if not isinstance(event, _Words) or len(frame) > MOST_KEPT or not self._patience:
            return
        self._frame, self._event = frame, event
        if like is None or type(like) is not type(event):
            return
        if like.index != event.index or like.choice != event.choice:
            return
        string = _encode(event.text)
        at = frame.find(string)
        if at < 0 or frame.find(string, at + 1) >= 0 or event.text == like.text:
            return
        self._before, self._after = frame[: at + 1], frame[at + len(string) - 1 :]
        self._start, self._end = at, 1 - len(self._after)
        if self.read(before) != like:
            self._before = self._after = _NEVER
            self._patience -= 1
            return
        self._grow = grow
        self._patience = _PATIENCE
