"""How a database gets its tables, whatever was there before, and however many start at once."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from tests.postgres_server import PostgresServer

from dragoman.config.secret import Secret
from dragoman.store import migration, migrations
from dragoman.store.backend import Backend
from dragoman.store.engine import backend_at
from dragoman.store.error import StoreError
from dragoman.store.migration import FOLDER, bring_up_to_date, stored_version
from dragoman.store.tables import METADATA, RESPONSES


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | Secret]:
    """A place without any tables."""
    if request.param == "sqlite":
        yield tmp_path / "dragoman.db"
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    with postgres.database("no_tables") as url:
        yield url


@pytest.fixture
def backend(location: Path | Secret) -> Backend:
    return backend_at(location)


@contextlib.contextmanager
def connected(backend: Backend) -> Generator[Connection]:
    backend.prepare()
    engine = backend.sync_engine(writes=True)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def tables(backend: Backend) -> set[str]:
    with connected(backend) as connection:
        return set(inspect(connection).get_table_names())


ALL = {*METADATA.tables, "alembic_version"}


# the next test looks at those, too
@pytest.mark.filterwarnings(
    "ignore:Skipped unsupported reflection of expression-based index",
    "ignore:autogenerate skipping metadata-specified expression-based index",
)
def test_the_steps_lead_to_the_tables_that_the_program_uses(backend: Backend) -> None:
    bring_up_to_date(backend)
    with connected(backend) as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, METADATA) == []
        assert stored_version(connection) == migrations.NEWEST


def test_what_the_comparison_does_not_see_is_the_same_too(backend: Backend, tmp_path: Path) -> None:
    """Collations, conditions of indexes and options of tables: as the databases themselves say them."""
    bring_up_to_date(backend)
    with connected(backend) as connection:
        migrated = described(connection)
        METADATA.drop_all(connection)
        METADATA.create_all(connection)
        assert described(connection) == migrated


def described(connection: Connection) -> object:
    if connection.dialect.name == "sqlite":
        asked = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%' ORDER BY name"
        return [
            (name, re.sub(r"\s*([(),])\s*", r"\1", " ".join((sql or "").split())))
            for name, sql in connection.execute(text(asked))
        ]
    columns = (
        "SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default "
        "FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version' "
        "ORDER BY 1, ordinal_position"
    )
    indexes = (
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version' "
        "ORDER BY 1"
    )
    return [list(connection.execute(text(asked)).all()) for asked in (columns, indexes)]


def test_the_newest_step_is_the_last_and_there_is_one_way_to_it() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.NEWEST]


def test_a_database_of_the_time_before_there_were_steps_keeps_what_it_has(backend: Backend) -> None:
    with connected(backend) as connection:
        RESPONSES.metadata.create_all(connection, [RESPONSES])
        connection.execute(
            RESPONSES.insert(),
            {"id": "a", "key": "b", "created": 1.0, "expires": 2.0, "request": b"c", "answer": b"d"},
        )
    bring_up_to_date(backend)
    assert tables(backend) == ALL
    with connected(backend) as connection:
        assert connection.execute(RESPONSES.select()).all() == [("a", "b", 1.0, 2.0, None, b"c", b"d")]


def test_a_database_that_is_up_to_date_is_not_touched(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_up_to_date(backend)

    def upgrade(*_: object) -> None:
        pytest.fail("there is nothing to do")

    monkeypatch.setattr(migration, "_upgrade", upgrade)
    bring_up_to_date(backend)


def test_a_database_of_a_newer_version_is_refused_and_left_alone(backend: Backend) -> None:
    bring_up_to_date(backend)
    with connected(backend) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError) as raised:
        bring_up_to_date(backend)
    assert str(raised.value) == (
        f"The database {backend.place} was made by a newer version of Dragoman: its tables are of version "
        f"9999, and this one knows them up to {migrations.NEWEST}. Use that version again, or newer."
    )
    with connected(backend) as connection:
        assert stored_version(connection) == "9999"


def test_a_step_that_fails_leaves_everything_as_it_was(backend: Backend) -> None:
    """`leases` is there, but not as it should be: its index fails, after other tables were made."""
    with connected(backend) as connection:
        connection.execute(text("CREATE TABLE leases (id TEXT)"))
    with pytest.raises(Exception, match="account"):
        bring_up_to_date(backend)
    assert tables(backend) == {"leases"}
    with connected(backend) as connection:
        connection.execute(text("DROP TABLE leases"))
    bring_up_to_date(backend)
    assert tables(backend) == ALL


def test_several_databases_can_be_made_at_once_in_one_process(tmp_path: Path) -> None:
    backends = [backend_at(tmp_path / f"{number}.db") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(bring_up_to_date, backends))
    assert [tables(backend) for backend in backends] == [ALL] * 4


STARTER = """
import asyncio, pathlib, sys
from sqlalchemy import select, text
from dragoman.config.secret import Secret
from dragoman.store.engine import Database

kind, where = sys.argv[1:3]
database = Database(pathlib.Path(where) if kind == "sqlite" else Secret(where))

async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    insert = text("INSERT INTO facts VALUES (:name, '')")
    await database.run(lambda connection: connection.execute(insert, {"name": sys.argv[3]}), writes=True)
    await database.close()

asyncio.run(main())
"""


def test_eight_processes_that_start_at_once_make_one_database(
    location: Path | Secret, backend: Backend
) -> None:
    where = str(location) if isinstance(location, Path) else location.reveal()
    pipe = subprocess.PIPE
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", STARTER, backend.dialect, where, str(number)],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )
        for number in range(8)
    ]
    for starter in starters:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"ready\n"
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write(b"go\n")
        starter.stdin.flush()
    outcomes = [(starter.communicate(timeout=60)[1], starter.returncode) for starter in starters]
    assert outcomes == [(b"", 0)] * 8
    with connected(backend) as connection:
        assert set(connection.execute(text("SELECT name FROM facts")).scalars()) == set("01234567")
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
    assert tables(backend) == ALL
