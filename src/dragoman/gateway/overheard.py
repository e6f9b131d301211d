"""A client whose answer is also kept, for the ledger."""

from dragoman.gateway.call import Call, Client
from dragoman.ledger.bodies import BodyKeeper
from dragoman.store.entry import BodyEntry


class OverheardClient:
    """See `Client`. What is sent there is kept besides, up to a limit in bytes."""

    def __init__(self, client: Client, most: int) -> None:
        self._client = client
        self._most = most
        self._said = bytearray()
        self._media_type = ""

    @property
    def started(self) -> bool:
        """See `Client.started`."""
        return self._client.started

    @property
    def left(self) -> bool:
        """See `Client.left`."""
        return self._client.left

    async def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """See `Client.respond`."""
        self._note(headers)
        self._hear(body)
        await self._client.respond(status, headers, body)

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        """See `Client.start`."""
        self._note(headers)
        await self._client.start(status, headers)

    async def write(self, data: bytes) -> None:
        """See `Client.write`."""
        self._hear(data)
        await self._client.write(data)

    async def finish(self) -> None:
        """See `Client.finish`."""
        await self._client.finish()

    def bodies(self, call: Call, keeper: BodyKeeper) -> tuple[BodyEntry, ...]:
        """What is kept of the request and of the answer."""
        kept = (
            keeper.keep("request", "application/json", call.body),
            keeper.keep("answer", self._media_type, bytes(self._said)),
        )
        return tuple(body for body in kept if body is not None)

    def _note(self, headers: list[tuple[str, str]]) -> None:
        self._media_type = next((value for name, value in headers if name == "content-type"), "")

    def _hear(self, data: bytes) -> None:
        if (room := self._most - len(self._said)) > 0:
            self._said += data[:room]
