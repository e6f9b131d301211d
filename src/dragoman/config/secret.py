"""Secrets: text that is used but never shown."""


class Secret:
    """A key or another value that must not appear in a log, a traceback or a `repr`.

    Only `reveal` gives the text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for the wire and for hashing, never for people."""
        return self._text

    def _hidden(self) -> str:
        return "[redacted]"

    __repr__ = _hidden
    __str__ = _hidden
