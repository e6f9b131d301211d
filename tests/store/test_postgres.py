"""Postgres that is away, comes back, says nothing any more, or was given a URL that is wrong."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncGenerator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.postgres_server import PASSWORD, PostgresServer

from dragoman.config.secret import Secret
from dragoman.store.engine import Database
from dragoman.store.error import StoreError

pytestmark = pytest.mark.anyio

SECRETS = (PASSWORD, "p%40ss", "s3cret", "word/", "ss:word")


@contextlib.asynccontextmanager
async def opened(url: Secret, lock_limit: float = 5) -> AsyncGenerator[Database]:
    database = Database(url, lock_limit)
    try:
        yield database
    finally:
        await database.close()


async def one(connection: AsyncConnection) -> int:
    return (await connection.execute(text("SELECT 1"))).scalar_one()


async def all_of(database: Database, count: int) -> list[int | BaseException]:
    return await asyncio.gather(*(database.run(one) for _ in range(count)), return_exceptions=True)


async def test_a_restarted_server_is_used_again_without_a_failed_call(own_postgres: PostgresServer) -> None:
    async with opened(own_postgres.url()) as database:
        assert await all_of(database, 20) == [1] * 20
        own_postgres.stop()
        own_postgres.start()
        assert await all_of(database, 20) == [1] * 20
        own_postgres.crash()
        own_postgres.start()
        assert await all_of(database, 20) == [1] * 20


async def test_while_the_server_is_away_calls_fail_in_time_and_then_work(
    own_postgres: PostgresServer,
) -> None:
    async with opened(own_postgres.url()) as database:
        await all_of(database, 20)
        own_postgres.stop()
        began = time.monotonic()
        for outcome in await all_of(database, 20):
            assert isinstance(outcome, StoreError)
            assert "Connection refused" in str(outcome)
            assert not any(secret in str(outcome) for secret in SECRETS)
        assert time.monotonic() - began < 2
        own_postgres.start()
        assert await all_of(database, 20) == [1] * 20


async def test_a_server_that_was_away_at_the_first_call_is_used_when_it_is_there(
    own_postgres: PostgresServer,
) -> None:
    own_postgres.stop()
    async with opened(own_postgres.url()) as database:
        with pytest.raises(StoreError, match="Connection refused"):
            await database.run(one)
        own_postgres.start()
        assert await database.run(one) == 1


class Line:
    """Between a database and its server: a line that can go dead, without a word to either end."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._server_port = port
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def hold(self) -> None:
        self._open.clear()

    def resume(self) -> None:
        self._open.set()

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up, down = await asyncio.open_connection("127.0.0.1", self._server_port)
        for source, target in ((reader, down), (up, writer)):
            task = asyncio.create_task(self._pass_on(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while piece := await source.read(65536):
                    await self._open.wait()
                    target.write(piece)
                    await target.drain()
        finally:
            target.close()


@contextlib.asynccontextmanager
async def over_a_line(url: Secret, postgres: PostgresServer) -> AsyncGenerator[tuple[Database, Line]]:
    line = Line(postgres.port)
    await line.listen()
    through = Secret(url.reveal().replace(f":{postgres.port}/", f":{line.port}/"))
    try:
        async with opened(through) as database:
            yield database, line
    finally:
        await line.close()


async def test_a_connection_that_went_dead_is_given_up_in_time(
    postgres: PostgresServer, postgres_url: Secret
) -> None:
    async with over_a_line(postgres_url, postgres) as (database, line):
        await all_of(database, 8)
        line.hold()
        began = time.monotonic()
        with pytest.raises(StoreError, match="it took longer than 2 seconds"):
            await database.run(one)
        assert time.monotonic() - began < 3
        with pytest.raises(StoreError):
            await database.run(one)
        assert time.monotonic() - began < 6
        line.resume()
        assert await all_of(database, 8) == [1] * 8


async def test_a_server_that_takes_connections_and_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = Secret(f"postgresql://user:s3cret@127.0.0.1:{silent.getsockname()[1]}/name")
        async with opened(url) as database:
            began = time.monotonic()
            with pytest.raises(StoreError, match="timeout") as raised:
                await database.run(one)
            assert time.monotonic() - began < 4
            assert not any(secret in str(raised.value) for secret in SECRETS)


async def test_changes_whose_end_is_not_known_are_not_made_twice(
    postgres: PostgresServer, postgres_url: Secret
) -> None:
    async with over_a_line(postgres_url, postgres) as (database, line):
        tries = 0

        async def work(connection: AsyncConnection) -> None:
            nonlocal tries
            tries += 1
            await connection.execute(text("INSERT INTO facts VALUES ('a', 'b')"))
            line.hold()

        with pytest.raises(StoreError, match="whose changes may be there or not"):
            await database.run(work, writes=True, limit=0.5)
        assert tries == 1
        line.resume()
        assert await database.run(one) == 1


async def test_a_connection_that_is_lost_in_the_middle_lets_the_work_begin_again(
    postgres: PostgresServer, postgres_url: Secret
) -> None:
    tries = 0

    async def work(connection: AsyncConnection) -> int:
        nonlocal tries
        tries += 1
        await connection.execute(text("INSERT INTO facts VALUES ('a', 'b')"))
        if tries == 1:
            number = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            await asyncio.to_thread(postgres.execute, f"SELECT pg_terminate_backend({number}, 5000)")
        return (await connection.execute(text("SELECT count(*) FROM facts"))).scalar_one()

    async with opened(postgres_url) as database:
        assert await database.run(work, writes=True) == 1
        assert tries == 2


async def test_one_of_two_that_wait_for_each_other_begins_again(postgres_url: Secret) -> None:
    async with opened(postgres_url) as database:
        both = asyncio.Barrier(2)
        tries = 0

        async def work(connection: AsyncConnection, first: str, second: str) -> None:
            nonlocal tries
            tries += 1
            await connection.execute(text("UPDATE facts SET value = '1' WHERE name = :name"), {"name": first})
            if tries <= 2:
                await both.wait()
            await connection.execute(
                text("UPDATE facts SET value = '2' WHERE name = :name"), {"name": second}
            )

        await database.run(
            lambda connection: connection.execute(text("INSERT INTO facts VALUES ('a', ''), ('b', '')")),
            writes=True,
        )
        await asyncio.gather(
            database.run(lambda connection: work(connection, "a", "b"), writes=True),
            database.run(lambda connection: work(connection, "b", "a"), writes=True),
        )
        assert tries == 3


async def test_a_lock_that_is_not_to_be_had_is_said_in_time(
    postgres: PostgresServer, postgres_url: Secret
) -> None:
    async with opened(postgres_url, lock_limit=0.3) as database, opened(postgres_url) as other:
        held, done = asyncio.Event(), asyncio.Event()

        async def hold(connection: AsyncConnection) -> None:
            await connection.execute(text("LOCK TABLE facts"))
            held.set()
            await done.wait()

        holding = asyncio.create_task(other.run(hold, writes=True))
        await held.wait()
        began = time.monotonic()
        with pytest.raises(StoreError, match="lock timeout"):
            await database.run(lambda connection: connection.execute(text("DELETE FROM facts")), writes=True)
        assert time.monotonic() - began < 2
        done.set()
        await holding


async def test_a_wrong_password_is_said_and_not_shown(postgres: PostgresServer) -> None:
    url = Secret(f"postgresql://postgres:s3cret@127.0.0.1:{postgres.port}/postgres")
    async with opened(url) as database:
        with pytest.raises(StoreError, match="password authentication failed") as raised:
            await database.run(one)
        assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "change",
    [
        ("postgresql://", "postgres://"),
        ("postgresql://", "postgresql+psycopg://"),
        ("/postgres", "/postgres?sslmode=prefer&connect_timeout=5&application_name=mine"),
        ("127.0.0.1", "localhost"),
        ("postgresql://", " \n postgresql://"),
    ],
)
async def test_urls_are_taken_as_people_write_them(postgres: PostgresServer, change: tuple[str, str]) -> None:
    text = postgres.url().reveal()
    found = text.rpartition("@")
    url = text.replace(*change) if change[0] in text[:13] else found[0] + "@" + found[2].replace(*change)
    async with opened(Secret(url)) as database:
        assert await database.run(one) == 1
        assert database.place in {
            f"postgres at 127.0.0.1:{postgres.port}",
            f"postgres at localhost:{postgres.port}",
        }


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:s3cret@word/@host/name",
        "postgresql://user:s3cret/word@host:5432/name",
        "postgresql://user:12/s3cret@host/name",
        "postgresql://user:s3cret%zz@host/name",
        "postgresql://user:s3cret@host/name?sslmod=require",
        "postgresql://user:s3cret@[::1/name",
        "mysql://user:s3cret@host/name",
        "sqlite:///s3cret.db",
        "s3cret",
        "",
    ],
)
def test_a_url_that_cannot_be_read_is_said_and_not_shown(url: str) -> None:
    with pytest.raises(StoreError, match="The URL of the database cannot be read") as raised:
        Database(Secret(url))
    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None


async def test_a_host_that_does_not_exist_is_said() -> None:
    async with opened(Secret("postgresql://user:s3cret@no-such-host.invalid/name")) as database:
        with pytest.raises(StoreError, match="no-such-host") as raised:
            await database.run(one)
        assert "s3cret" not in str(raised.value)
