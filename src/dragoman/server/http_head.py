"""The head of an answer of the HTTP server: status line and headers, rendered in one go."""

import http
import time
from collections.abc import Iterable

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in http.HTTPStatus}
_CONTROLS = bytes({*range(32), 127} - {ord("\t")})
"""What no header may hold."""
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Clock:
    """The `date` header of answers, rendered once for each second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = ""

    def date_line(self) -> str:
        """The whole line of the header, as of now."""
        second = int(time.time())
        if second != self._second:
            now = time.gmtime(second)
            # names are English whatever the locale is (RFC 9110, 5.6.7)
            day = f"{_DAYS[now.tm_wday]}, {now.tm_mday:02} {_MONTHS[now.tm_mon - 1]} {now.tm_year:04}"
            self._line = f"date: {day} {now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02} GMT\r\n"
            self._second = second
        return self._line


def render_head(status: int, headers: Iterable[tuple[str, str]], date: str, framing: str) -> bytes:
    """The status line, the line of the date, the headers, the lines that say where the answer ends, and the
    empty one.

    Names are in lower case. What is not Latin-1 becomes a question mark. Raises `ValueError` where a control
    character would end a header early.
    """
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    raw = "".join(lines).encode("latin-1", "replace")
    if len(raw) - len(raw.translate(None, _CONTROLS)) != 2 * len(lines):
        raise ValueError("a header of the answer holds a control character")
    opening = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"
    return b"%b%b%b\r\n" % ((opening + date).encode(), raw, framing.encode())
