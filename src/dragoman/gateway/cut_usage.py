"""The tokens of a streamed answer that the gateway has cut short: its upstream was let go before it told
them.
"""

from dragoman.conversation.events import ArgumentsDelta, Event, TextDelta, ThinkingDelta
from dragoman.conversation.request import Request
from dragoman.conversation.token_estimate import estimate_text_tokens, estimate_tokens
from dragoman.conversation.usage import Usage


class CutUsage:
    """Hears what the client gets of an answer, and estimates what the upstream has not told of it."""

    def __init__(self, request: Request, copies: int = 1) -> None:
        """Take the request, and how often it was sent."""
        self._request = request
        self._copies = copies
        self._said: list[str] = []

    def hear(self, event: Event) -> None:
        """Hear one event."""
        if isinstance(event, TextDelta | ThinkingDelta | ArgumentsDelta):
            self._said.append(event.text)

    def estimated(self, told: Usage | None) -> Usage:
        """The usage so far with an estimate of what is missing. Vendors that tell the output at the
        beginning mean its first tokens: more than those may have been said.
        """
        told = told or Usage()
        asked = None if told.prompt else self._copies * estimate_tokens(self._request)
        said = max(told.output or 0, estimate_text_tokens("".join(self._said)))
        return told.updated(Usage(input=asked, output=said))
