"""Several upstream answers read as one: streamed, the pieces in the order in which they come; whole,
a choice for each.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from dragoman.conversation.response import Response
from dragoman.conversation.usage import Usage
from dragoman.upstream.transport import UpstreamResponse


class FanIn:
    """Reads several answers at once, and a single one without any task of its own.

    At most one piece of each branch waits here, so a slow client slows every upstream.
    """

    def __init__(self, upstreams: Sequence[UpstreamResponse]) -> None:
        """Take the answers, their heads already here."""
        self._upstreams = upstreams
        self.open = len(upstreams)
        """How many branches have not ended yet."""
        self._readers: dict[asyncio.Task[bytes], int] = {}
        self._ready: list[asyncio.Task[bytes]] = []
        self._ending: list[UpstreamResponse] = []
        self.branch = 0
        """Where the last piece came from."""
        self.next: Callable[[], Awaitable[bytes]] = (
            upstreams[0].next if len(upstreams) == 1 else self._next_of_any
        )
        """The next bytes of the next branch that has some, empty bytes once when it ends: whoever reads them
        tells so by `ended`. Not to be called when none is open. Raises what the upstream raised.
        """

    def ended(self) -> None:
        """The last piece was the end of its branch."""
        self.open -= 1

    async def _next_of_any(self) -> bytes:
        if not self._readers:
            for branch in range(len(self._upstreams)):
                self._read(branch)
        if not self._ready:
            done, _ = await asyncio.wait(self._readers, return_when=asyncio.FIRST_COMPLETED)
            self._ready = sorted(done, key=self._readers.__getitem__)
        task = self._ready.pop(0)
        self.branch = self._readers.pop(task)
        data = task.result()
        if data:
            self._read(self.branch)
        return data

    def expect_end(self) -> None:
        """Every answer is complete: nothing more is read here, and none is closed that may end by itself."""
        if not self._readers:
            self._ending = list(self._upstreams)
        self.open = 0

    def close(self) -> None:
        """Stop reading and let every upstream go. Waits for nothing, so that no cancellation gets lost."""
        for task in self._readers:
            task.cancel()
            task.add_done_callback(_forget)
        for upstream in self._upstreams:
            if upstream not in self._ending:
                upstream.close()
        self._readers.clear()

    def _read(self, branch: int) -> None:
        self._readers[asyncio.ensure_future(self._upstreams[branch].next())] = branch


def _forget(task: asyncio.Task[bytes]) -> None:
    """Look at how a reader ended: asyncio complains about errors that nobody has looked at."""
    if not task.cancelled():
        task.exception()


def joined(responses: Sequence[Response]) -> Response:
    """Several answers to one request as one answer with a choice each; usage is the sum."""
    first = responses[0]
    if len(responses) == 1:
        return first
    usage: Usage | None = None
    for response in responses:
        if response.usage is not None:
            usage = response.usage if usage is None else usage.plus(response.usage)
    choices = [choice for response in responses for choice in response.choices]
    return msgspec.structs.replace(
        first,
        choices=tuple(msgspec.structs.replace(choice, index=index) for index, choice in enumerate(choices)),
        usage=usage,
    )
