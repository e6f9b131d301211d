"""The tokens of a streamed answer that was cut short, by the gateway or by a client that left: its upstream
was let go before it told them.
"""

import math

from dragoman.conversation.events import ArgumentsDelta, Event, TextDelta, ThinkingDelta
from dragoman.conversation.request import Request
from dragoman.conversation.token_estimate import estimate_text_tokens, estimate_tokens
from dragoman.conversation.usage import Usage

MOST_HEARD = 16 * 1024
"""Characters of an answer that are looked at; what follows is taken to be like them."""


class CutUsage:
    """Hears what the client gets of an answer, and estimates what the upstream has not told of it."""

    def __init__(self, request: Request | None = None, copies: int = 1) -> None:
        """Take the request, if it has been read, and how often it was sent."""
        self._request = request
        self._copies = copies
        self._said: list[str] = []
        self._heard = 0
        self._length = 0

    def hear(self, event: Event) -> None:
        """Hear one event."""
        if isinstance(event, TextDelta | ThinkingDelta | ArgumentsDelta):
            self._length += len(event.text)
            if self._heard < MOST_HEARD:
                self._said.append(event.text)
                self._heard += len(event.text)

    def estimated(self, told: Usage | None, request: Request | None = None) -> Usage:
        """The usage so far with an estimate of what is missing; of the prompt where its request is known.
        Vendors that tell the output at the
        beginning mean its first tokens: more than those may have been said.
        """
        told = told or Usage()
        request = request or self._request
        asked = None if told.prompt or request is None else self._copies * estimate_tokens(request)
        share = self._length / self._heard if self._heard else 1
        said = max(told.output or 0, math.ceil(share * estimate_text_tokens("".join(self._said))))
        return told.updated(Usage(input=asked, output=said))
