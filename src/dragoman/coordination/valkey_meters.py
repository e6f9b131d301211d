"""What all nodes count together, in a Valkey or Redis server."""

import asyncio
import contextlib
import math
import secrets
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Final, TypeVar, cast

from redis.commands.core import AsyncScript

from dragoman.config.secret import Secret
from dragoman.coordination import valkey_scripts
from dragoman.coordination.meters import SLACK, Draw, Drawn, Level, Meters, Slot
from dragoman.coordination.pocket import LARGE, Ask, Pocket, level_of
from dragoman.coordination.valkey_connection import NAMESPACE, PAUSE, ValkeyConnection

OPERATION_LIMIT: Final = 0.5
CONNECT_LIMIT: Final = 0.5
"""Seconds that the server has, for an answer and for a new connection: more than a busy process is ever late
by, for it would count for itself then. Only those wait who meet with a failure first: afterwards nobody but a
task of its own asks whether the server is back.
"""
LIFETIME: Final = 30.0
"""Seconds for which a slot is taken unless its process says that it still is."""
HEARTBEAT: Final = 10.0
"""Seconds between two times that it says so."""
TICK: Final = 0.2
"""Seconds between two looks at what goes back to the server."""
MOST_LEFT_OVER: Final = 10_000
"""Slots that are kept in mind to be given back when the server is there; more end after their lifetime."""
AT_ONCE: Final = 500
"""Slots that are spoken of in one call."""

_Result = TypeVar("_Result")


class ValkeyMeters:
    """See `Meters`. Exact among all that share the server; of a large bucket a process takes slices in
    advance, and what all of them grant is never more than the bucket gave.

    `local` counts along all the time, and decides while the server is out of reach.
    """

    def __init__(
        self,
        url: Secret,
        local: Meters,
        operation_limit: float = OPERATION_LIMIT,
        connect_limit: float = CONNECT_LIMIT,
        pause: float = PAUSE,
        lifetime: float = LIFETIME,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        """Limits, pause, lifetime and heartbeat are in seconds.

        Raises `ValueError` for a URL that is none of a server; see `parse_valkey_url`.
        """
        self._server = ValkeyConnection(
            url, "each node counts for itself what limits are for", operation_limit, connect_limit, pause
        )
        self._local = local
        self._lifetime = lifetime
        self._heartbeat = heartbeat
        client = self._server.client
        self._draws = client.register_script(valkey_scripts.DRAW)
        self._put_backs = client.register_script(valkey_scripts.PUT_BACK)
        self._enters = client.register_script(valkey_scripts.ENTER)
        self._holds = client.register_script(valkey_scripts.HOLD)
        self._leaves = client.register_script(valkey_scripts.LEAVE)
        self._counts = client.register_script(valkey_scripts.IN_USE)
        self._pockets: dict[str, Pocket] = {}
        self._members: dict[str, list[str]] = {}
        """By name, as whom this process has taken slots."""
        self._alone: Counter[str] = Counter()
        """Slots that were taken while the server was away."""
        self._left_over: list[tuple[str, str]] = []
        """Slots, by name and member, that were given back while the server was away."""
        self._who = secrets.token_hex(8)
        self._entered = 0
        self._following: asyncio.Task[None] | None = None
        self._unfinished: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def degraded(self) -> bool:
        """See `Meters.degraded`."""
        return self._server.out or self._local.degraded

    # --- buckets

    async def draw(self, draws: Sequence[Draw], /) -> Drawn:
        """See `Meters.draw`."""
        granted = self.draw_now(draws)
        if granted is not None:
            return granted
        if self._server.out:
            return await self._local.draw(draws)

        async def undo(drawn: Drawn) -> None:
            if drawn.refused is None:
                await self.put_back(draws)

        return await self._whole(self._draw(draws), undo)

    def draw_now(self, draws: Sequence[Draw], /) -> Drawn | None:
        """See `Meters.draw_now`: out of what this process holds of the buckets."""
        self._follow()
        return self._local.draw_now(draws) if self._server.out else self._granted_here(draws)

    def _granted_here(self, draws: Sequence[Draw]) -> Drawn | None:
        """Take all out of pockets; None, and nothing is taken, where they do not hold enough."""
        pockets: list[Pocket] = []
        for draw in draws:
            pocket = self._pocket(draw)
            if pocket is None or not pocket.serves(draw) or pocket in pockets:
                return None
            pockets.append(pocket)
        if not self._local.put_back_now(_drawn_already(draws)):
            return None
        now = time.monotonic()
        levels: list[Level] = []
        for pocket, draw in zip(pockets, draws, strict=True):
            pocket.take(draw)
            levels.append(pocket.level(now))
        return Drawn(None, 0.0, tuple(levels))

    def _pocket(self, draw: Draw) -> Pocket | None:
        """The pocket that a draw may be served from."""
        return self._pockets.get(draw.name) if draw.amount <= draw.most >= LARGE else None

    async def _draw(self, draws: Sequence[Draw]) -> Drawn:
        """Ask the server for what the pockets lack."""
        asks: list[Ask] = []
        try:
            for draw in draws:
                pocket = self._pocket(draw)
                if pocket is None and draw.amount <= draw.most >= LARGE:
                    pocket = self._pockets[draw.name] = Pocket(draw)
                asks.append(Ask(draw, pocket))
            arguments = [SLACK, *(argument for ask in asks for argument in ask.arguments)]
            answer = await self._run(self._draws, "bucket", [draw.name for draw in draws], arguments)
        finally:
            for ask in asks:
                ask.end()
        if answer is None:
            drawn = await self._local.draw(draws)
            if drawn.refused is not None:
                for ask in asks:
                    ask.undo()
            return drawn
        refused, *numbers = cast("list[int | bytes]", answer)
        used, more = [float(number) for number in numbers[::2]], [float(number) for number in numbers[1::2]]
        if refused:
            for ask in asks:
                ask.undo()
            place = int(refused) - 1
            levels = [level_of(draw, one) for draw, one in zip(draws, used, strict=True)]
            return Drawn(place, asks[place].wait(levels[place]), tuple(levels))
        await self._count_along(draws)
        now = time.monotonic()
        return Drawn(
            None,
            0.0,
            tuple(ask.given(one, slice_, now) for ask, one, slice_ in zip(asks, used, more, strict=True)),
        )

    async def _count_along(self, draws: Sequence[Draw]) -> None:
        """The local ones are to know what was used, for when they decide."""
        await self._local.put_back(_drawn_already(draws))

    async def put_back(self, draws: Sequence[Draw], /) -> None:
        """See `Meters.put_back`."""
        self._follow()
        await self._local.put_back(draws)
        asked = self._put_into_pockets(draws)
        if asked and not self._server.out:
            await self._whole(self._return(asked))

    def put_back_now(self, draws: Sequence[Draw], /) -> bool:
        """See `Meters.put_back_now`: into what this process holds of the buckets."""
        self._follow()
        # while the server is out of reach, what the pockets do not take is lost to it either way
        if not (self._server.out or all(self._has_pocket(draw) for draw in draws)):
            return False
        if not self._local.put_back_now(draws):
            return False
        self._put_into_pockets(draws)
        return True

    def _has_pocket(self, draw: Draw) -> bool:
        """Whether a pocket takes all of what is put back."""
        return draw.amount >= 0 and draw.most >= LARGE and draw.name in self._pockets

    def _put_into_pockets(self, draws: Sequence[Draw]) -> list[Draw]:
        """Put back what pockets take; the rest."""
        rests: list[Draw] = []
        for draw in draws:
            pocket = self._pockets.get(draw.name) if draw.most >= LARGE else None
            if pocket is None:
                rests.append(draw)
            elif draw.amount >= 0:
                pocket.put(draw.amount)
            else:
                rest = draw.amount + pocket.take(draw._replace(amount=-draw.amount))
                if rest:
                    rests.append(draw._replace(amount=rest))
        return rests

    async def _return(self, draws: Sequence[Draw]) -> None:
        arguments = [number for _, *numbers in draws for number in numbers]
        await self._run(self._put_backs, "bucket", [draw.name for draw in draws], arguments)

    # --- slots

    async def enter(self, slots: Sequence[Slot], /) -> int | None:
        """See `Meters.enter`."""
        self._follow()
        if self._server.out:
            return await self._enter_alone(slots)

        async def undo(refused: int | None) -> None:
            if refused is None:
                await self.leave(slots)

        return await self._whole(self._enter(slots), undo)

    async def _enter(self, slots: Sequence[Slot]) -> int | None:
        taken = [(slot.name, self._member()) for slot in slots]
        arguments: list[str | float] = [self._lifetime]
        for slot, (_, member) in zip(slots, taken, strict=True):
            arguments += (slot.most, member)
        answer = await self._run(self._enters, "slots", [slot.name for slot in slots], arguments)
        if answer is None:
            self._remember(taken)
            return await self._enter_alone(slots)
        if answer:
            return int(cast("int", answer)) - 1
        for name, member in taken:
            self._members.setdefault(name, []).append(member)
        await self._local.enter([Slot(slot.name, sys.maxsize) for slot in slots])
        return None

    def enter_now(self, slots: Sequence[Slot], /) -> bool:
        """See `Meters.enter_now`: only while the server is out of reach."""
        self._follow()
        if not self._server.out or not self._local.enter_now(slots):
            return False
        self._alone.update(slot.name for slot in slots)
        return True

    async def _enter_alone(self, slots: Sequence[Slot]) -> int | None:
        refused = await self._local.enter(slots)
        if refused is None:
            self._alone.update(slot.name for slot in slots)
        return refused

    def leave_now(self, slots: Sequence[Slot], /) -> bool:
        """See `Meters.leave_now`: only while the server is out of reach."""
        if not self._server.out or not self._local.leave_now(slots):
            return False
        self._remember(self._gone(slots))
        return True

    async def leave(self, slots: Sequence[Slot], /) -> None:
        """See `Meters.leave`."""
        await self._local.leave(slots)
        gone = self._gone(slots)
        if gone and self._server.out:
            self._remember(gone)
        elif gone:
            await self._whole(self._remove(gone))

    def _gone(self, slots: Sequence[Slot]) -> list[tuple[str, str]]:
        """Have slots of this process no more; those that the server knows of, by name and member."""
        gone: list[tuple[str, str]] = []
        for name, _ in slots:
            members = self._members.get(name)
            if self._alone[name] > 0:
                self._alone[name] -= 1
            elif members:
                gone.append((name, members.pop()))
            if not members:
                self._members.pop(name, None)
            if not self._alone[name]:
                del self._alone[name]
        return gone

    async def in_use(self, name: str, /) -> int:
        """See `Meters.in_use`."""
        self._follow()
        answer = None if self._server.out else await self._run(self._counts, "slots", [name], [])
        return await self._local.in_use(name) if answer is None else int(cast("int", answer))

    async def _remove(self, taken: Sequence[tuple[str, str]]) -> None:
        members = [member for _, member in taken]
        if await self._run(self._leaves, "slots", [name for name, _ in taken], members) is None:
            self._remember(taken)

    def _remember(self, taken: Sequence[tuple[str, str]]) -> None:
        if len(self._left_over) + len(taken) <= MOST_LEFT_OVER:
            self._left_over += taken

    def _member(self) -> str:
        self._entered += 1
        return f"{self._who}:{self._entered}"

    # --- what happens by itself

    def _follow(self) -> None:
        if not self._closed and (self._following is None or self._following.done()):
            self._following = asyncio.create_task(self._look_after())

    async def _look_after(self) -> None:
        """Give back what is not used, keep what is, and find out when a server that was lost is back."""
        next_beat = time.monotonic() + self._heartbeat
        while True:
            await asyncio.sleep(TICK)
            if self._server.out:
                if await self._run(self._counts, "slots", [""], []) is None:
                    continue
                next_beat = 0.0
            await self._give_back(time.monotonic())
            if self._left_over:
                left_over, self._left_over = self._left_over, []
                await self._remove(left_over)
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + self._heartbeat
                await self._hold()

    async def _give_back(self, now: float) -> None:
        rests = [rest for pocket in self._pockets.values() if (rest := pocket.rest(now)) is not None]
        for name in [name for name, pocket in self._pockets.items() if pocket.idle(now)]:
            del self._pockets[name]
        if rests:
            await self._return(rests)

    async def _hold(self) -> None:
        """Say that the slots of this process are still taken, those also that it has taken alone."""
        for name in self._alone.elements():
            self._members.setdefault(name, []).append(self._member())
        self._alone.clear()
        taken = [(name, member) for name, members in self._members.items() for member in members]
        for begin in range(0, len(taken), AT_ONCE):
            part = taken[begin : begin + AT_ONCE]
            arguments = [self._lifetime, *(member for _, member in part)]
            await self._run(self._holds, "slots", [name for name, _ in part], arguments)
        # what was left meanwhile may have been taken again just now
        gone = [(name, member) for name, member in taken if member not in self._members.get(name, ())]
        if gone:
            await self._remove(gone)

    async def close(self) -> None:
        """See `Meters.close`."""
        if self._closed:
            return
        self._closed = True
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following
        await asyncio.gather(*self._unfinished, return_exceptions=True)
        await self._give_back(math.inf)
        taken = [(name, member) for name, members in self._members.items() for member in members]
        self._members.clear()
        if taken:
            await self._remove(taken)
        await self._server.close()
        await self._local.close()

    # --- asking

    async def _run(
        self, script: AsyncScript, kind: str, names: Iterable[str], arguments: Sequence[str | float]
    ) -> object | None:
        """What a script answers; None while the server is out of reach."""
        keys = [f"{NAMESPACE}{kind}:{name}".encode("utf-8", "surrogatepass") for name in names]
        return await self._server.ask(
            lambda: cast("Awaitable[object]", script(keys=keys, args=list(arguments)))
        )

    async def _whole(
        self,
        operation: Coroutine[object, object, _Result],
        undo: Callable[[_Result], Awaitable[None]] | None = None,
    ) -> _Result:
        """Let an operation come to its end also if its caller does not wait for it, and then undo it."""
        task = asyncio.create_task(operation)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            undoing = asyncio.create_task(_undone(task, undo))
            self._unfinished.add(undoing)
            undoing.add_done_callback(self._unfinished.discard)
            raise


def _drawn_already(draws: Sequence[Draw]) -> list[Draw]:
    """What takes these draws out of buckets, whatever is in them."""
    return [Draw(name, most, time, -amount) for name, most, time, amount in draws]


async def _undone(task: asyncio.Task[_Result], undo: Callable[[_Result], Awaitable[None]] | None) -> None:
    result = await task
    if undo is not None:
        await undo(result)
