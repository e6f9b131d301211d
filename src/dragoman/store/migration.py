"""Bringing a database to the tables that this version needs: at its first use, by whoever comes first."""

import threading
from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

from dragoman.store import migrations
from dragoman.store.backend import Backend
from dragoman.store.error import StoreError

FOLDER = Path(migrations.__file__).parent

_VERSIONS = table("alembic_version", column("version_num"))
_ALEMBIC = threading.Lock()
"""Alembic keeps what it works at in its modules: one database at a time."""


def bring_up_to_date(backend: Backend) -> None:
    """Make the tables what they have to be, in one transaction: all of it is there in the end, or nothing.

    Processes that start at once wait for the first of them, and find nothing left to do. Blocks. Raises
    `StoreError` for a database of a newer version, and SQLAlchemy's errors.
    """
    backend.prepare()
    reader = backend.sync_engine()
    try:
        with reader.begin() as connection:
            if stored_version(connection) == migrations.NEWEST:
                return
    finally:
        reader.dispose()
    writer = backend.sync_engine(writes=True)
    try:
        with writer.begin() as connection:
            backend.lock(connection)
            stored = stored_version(connection)
            if stored != migrations.NEWEST:
                _upgrade(connection, stored, backend.place)
    finally:
        writer.dispose()


def stored_version(connection: Connection) -> str | None:
    """The last step that the database has seen; None for one without any."""
    if not inspect(connection).has_table(_VERSIONS.name):
        return None
    return connection.execute(select(_VERSIONS.c.version_num)).scalar_one_or_none()


def _upgrade(connection: Connection, stored: str | None, place: str) -> None:
    from alembic import command  # noqa: PLC0415 - slow to import, and seldom needed
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    config = Config()
    # what is read there takes % for a sign of its own
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    steps = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if stored is not None and stored not in steps:
        raise StoreError(
            f"The database {place} was made by a newer version of Dragoman: its tables are of version "
            f"{stored}, and this one knows them up to {migrations.NEWEST}. Use that version again, or newer."
        )
    with _ALEMBIC:
        command.upgrade(config, "head")
