"""What differs between the databases."""

from typing import Literal, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Dialect = Literal["sqlite", "postgresql"]


class Backend(Protocol):
    """One kind of database, at its place."""

    @property
    def dialect(self) -> Dialect:
        """Its kind, by the name that SQLAlchemy has for it."""
        ...

    @property
    def place(self) -> str:
        """Where it is, for people: without user and password."""
        ...

    @property
    def one_writer(self) -> bool:
        """Whether only one transaction at a time can write."""
        ...

    @property
    def answer_limit(self) -> float | None:
        """Within how many seconds a connection has to answer at all."""
        ...

    def engine(self) -> AsyncEngine:
        """A new engine. It connects when it is first used."""
        ...

    def sync_engine(self, *, writes: bool = False) -> Engine:
        """The same for threads, without a pool; `writes` holds for all of its transactions."""
        ...

    def prepare(self) -> None:
        """Make what has to be there before anybody connects. Blocks."""
        ...

    def lock(self, connection: Connection) -> None:
        """Wait until nobody else changes the tables, and keep others from it until the transaction ends."""
        ...

    async def begin(self, connection: AsyncConnection, *, writes: bool, limit: float | None) -> None:
        """Begin a transaction on a connection, which takes at most `limit` seconds. It fails if the database
        does not answer there any more.
        """
        ...

    async def sever(self, connection: AsyncConnection) -> None:
        """End what the connection is at: whoever waits for its answer has an error instead, at once."""
        ...

    def momentary(self, error: DBAPIError) -> bool:
        """Whether the same may well work a moment later: others were in the way."""
        ...

    def reason(self, error: DBAPIError) -> str:
        """What went wrong, for people: nothing of what is kept, and no secret."""
        ...
