"""Meters of which everything is asked at once, where they can do it so."""

from collections.abc import Sequence

from dragoman.coordination.meters import Draw, Drawn, Meters, Slot


class Prompt:
    """See `Meters`. What cannot be done at once is done as usual."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self.served = 0
        """What was done at once."""

    @property
    def degraded(self) -> bool:
        return self._meters.degraded

    async def draw(self, draws: Sequence[Draw], /) -> Drawn:
        drawn = self.draw_now(draws)
        return await self._meters.draw(draws) if drawn is None else drawn

    def draw_now(self, draws: Sequence[Draw], /) -> Drawn | None:
        drawn = self._meters.draw_now(draws)
        self.served += drawn is not None
        return drawn

    async def put_back(self, draws: Sequence[Draw], /) -> None:
        if not self.put_back_now(draws):
            await self._meters.put_back(draws)

    def put_back_now(self, draws: Sequence[Draw], /) -> bool:
        done = self._meters.put_back_now(draws)
        self.served += done
        return done

    async def enter(self, slots: Sequence[Slot], /) -> int | None:
        return None if self.enter_now(slots) else await self._meters.enter(slots)

    def enter_now(self, slots: Sequence[Slot], /) -> bool:
        done = self._meters.enter_now(slots)
        self.served += done
        return done

    async def leave(self, slots: Sequence[Slot], /) -> None:
        if not self.leave_now(slots):
            await self._meters.leave(slots)

    def leave_now(self, slots: Sequence[Slot], /) -> bool:
        done = self._meters.leave_now(slots)
        self.served += done
        return done

    async def in_use(self, name: str, /) -> int:
        return await self._meters.in_use(name)

    async def close(self) -> None:
        await self._meters.close()
