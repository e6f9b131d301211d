"""What processes tell each other of targets: that a key has to rest after a 429, and that a target fails.

Refusals of keys are not told: another node may have another key by the same name.
"""

from collections.abc import Callable
from typing import Final, Never

import msgspec

from dragoman.coordination.hints import Hints
from dragoman.routing.rests import LONGEST_ASKED
from dragoman.routing.standing import Standings, TargetStanding


class Limited(msgspec.Struct, frozen=True, array_like=True, tag="limited"):
    """A key at a target has reached its rate limit."""

    target: str
    credential: str
    configured: bool


class Failing(msgspec.Struct, frozen=True, array_like=True, tag="failing"):
    """Too many requests of a target fail."""

    target: str
    configured: bool


_DECODER: Final[msgspec.json.Decoder[Limited | Failing]] = msgspec.json.Decoder(Limited | Failing)


class SharedRests:
    """Tells others what rests begin here, and lets rests begin that others tell of."""

    def __init__(self, standings: Standings, hints: Hints, now: Callable[[], float]) -> None:
        """Take how all targets stand, and the clock that their times are on, in seconds."""
        self._standings = standings
        self._hints = hints
        self._now = now

    async def follow(self) -> Never:
        """Tell and listen, until cancelled."""
        self._standings.tell = self._tell
        try:
            await self._hints.follow(self._hear)
        finally:
            self._standings.tell = None

    def _tell(self, target: TargetStanding, credential: str | None, seconds: float) -> None:
        name, configured = target.name, target.configured
        news = Failing(name, configured) if credential is None else Limited(name, credential, configured)
        self._hints.publish(msgspec.json.encode(news).decode(), seconds)

    def _hear(self, about: str, seconds: float) -> None:
        try:
            news = _DECODER.decode(about)
        except msgspec.MsgspecError:
            return  # of another version
        standings, now = self._standings, self._now()
        if not standings.health.cooldown:
            return
        target = standings.target(news.target, configured=news.configured)
        match news:
            case Limited():
                key = standings.key(target, news.credential)
                key.own.learn(now + min(seconds, LONGEST_ASKED))
            case Failing():
                target.breaker.learn(now + min(seconds, standings.health.max_cooldown), now, standings.health)
