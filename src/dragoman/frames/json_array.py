"""A JSON array that arrives element by element, as Google streams answers without `alt=sse`.

Only the outline is looked at: brackets, braces and strings. What stands between them is the JSON
decoder's business. Work is linear in the bytes fed.
"""

import re

from dragoman.frames.sse import MAX_FRAME, FrameTooLargeError

_PLAIN = re.compile(rb'(?:[^"{}\[\]]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+', re.DOTALL)
"""Everything up to the next bracket, brace or string that does not end within the bytes."""
_STRING_END = re.compile(rb'["\\]')
_BETWEEN = b" \t\r\n,"


class JSONArrayDecoder:
    """Bytes in, the array's whole elements out, each as JSON text.

    A body that is one object and no array gives that object: servers send errors so. `pending`
    counts the bytes fed that belong to no whole element yet, brackets and commas included; a proxy
    that has forwarded all but these can still end the array with an element of its own. `closed`
    tells whether the array's end was seen.
    """

    __slots__ = (
        "_buffer",
        "_depth",
        "_dropped",
        "_ended",
        "_in_string",
        "_position",
        "_start",
        "closed",
        "opened",
    )

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._dropped = 0
        self._ended = 0
        self._position: int = 0
        self._start = -1
        self._depth = 0
        self._in_string = False
        self.opened = False
        self.closed = False

    @property
    def pending(self) -> int:
        """Bytes at the end of what was fed that are not part of a whole element."""
        return 0 if self.closed else self._dropped + len(self._buffer) - self._ended

    @property
    def remainder(self) -> bytes:
        """The element that has begun and not ended."""
        return b"" if self._start < 0 else bytes(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The elements that `data` completes.

        Raises `ValueError` for bytes that no array of objects has at that place, and
        `FrameTooLargeError` when a single element grows beyond `MAX_FRAME`; elements that came
        before them are given first, and the next call raises.
        """
        self._buffer += data
        elements: list[bytes] = []
        while self._position < len(self._buffer):
            if self._start < 0:
                try:
                    begun = self._begin()
                except ValueError:
                    if elements:
                        break
                    raise
                if not begun:
                    break
            elif self._in_string:
                if not self._skip_string():
                    break
            else:
                element = self._advance()
                if element is not None:
                    elements.append(element)
        drop = self._position if self._start < 0 else self._start
        if drop:
            del self._buffer[:drop]
            self._dropped += drop
            self._position -= drop
            self._start = min(0, self._start)
        if len(self._buffer) > MAX_FRAME and not elements:
            raise FrameTooLargeError(f"an element of the stream is larger than {MAX_FRAME} bytes")
        return elements

    def _begin(self) -> bool:
        """Move to where the next element begins; False when the bytes end before it."""
        buffer = self._buffer
        while self._position < len(buffer):
            byte = buffer[self._position]
            if byte in _BETWEEN or (byte in b"\xef\xbb\xbf" and not self.opened):
                self._position += 1
            elif byte == 0x5B and not self.opened:  # [
                self.opened = True
                self._position += 1
            elif byte == 0x5D and self.opened and not self.closed:  # ]
                self.closed = True
                self._position += 1
            elif byte == 0x7B and not self.closed:  # {
                self._start = self._position
                self._depth = 0
                return True
            else:
                raise ValueError(f"unexpected byte 0x{byte:02x} between the elements of a JSON array")
        return False

    def _advance(self) -> bytes | None:
        """Go on to the next bracket or unfinished string; the element when it ends there."""
        plain = _PLAIN.match(self._buffer, self._position)
        place = plain.end() if plain else self._position
        self._position = place + 1
        if place == len(self._buffer):
            self._position = place
            return None
        byte = self._buffer[place]
        if byte == 0x22:  # "
            self._in_string = True
        elif byte in b"{[":
            self._depth += 1
        else:
            self._depth -= 1
            if self._depth == 0:
                element = bytes(self._buffer[self._start : self._position])
                self._start = -1
                self._ended = self._dropped + self._position
                return element
        return None

    def _skip_string(self) -> bool:
        """Move past the string's end; False when it cannot be told yet."""
        found = _STRING_END.search(self._buffer, self._position)
        if found is None:
            self._position = len(self._buffer)
        elif found.group() == b'"':
            self._in_string = False
            self._position = found.end()
        elif found.end() < len(self._buffer):
            self._position = found.end() + 1
        else:
            # a backslash at the very end: what it escapes has not come yet
            self._position = found.start()
            return False
        return True
