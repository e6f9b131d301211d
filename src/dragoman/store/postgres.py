"""Postgres, through psycopg: it may be away for a while, and nobody waits long for it."""

import re
import socket
from collections.abc import Mapping

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Connection, Engine, bindparam, create_engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from dragoman.config.secret import Secret
from dragoman.store.backend import Dialect
from dragoman.store.error import StoreError

ANSWER_LIMIT = 2
"""Seconds to wait for a connection, and for the first answer of one that is there already."""

_CONNECTIONS = 4
_IDLE_LIMIT = 30.0
"""Seconds after which the server ends a transaction in which nothing happens: the process that began it is
stopped or cut off, and others wait for its locks."""

_MIGRATION_LIMIT = 120
"""Seconds to wait while another process changes the tables."""

_TABLES_LOCK = 0x647261676F6D616E
"""The number of the lock for that, among all of the database's."""

_MOMENTARY = frozenset({"40001", "40P01", "55P03"})
"""A transaction could not be serialized; a deadlock; a lock that was not to be had in time."""

_STARTING = ("starting up", "shutting down", "recovery mode")
_ADVICE = re.compile(r"\A(connection failed|consuming input failed): | (Is the server|This probably) .*")
_HOST = re.compile(r"[A-Za-z0-9._:,\[\]%/~-]*")
_PORT = re.compile(r"[0-9,]*")
_NAME = re.compile(r"[^@]*")
_UNREADABLE = (
    "The URL of the database cannot be read. It has to be like postgresql://user:password@host:5432/name; in "
    "user and password, @ is written as %40, / as %2F, : as %3A and % as %25."
)
_SET_UP = select(
    *(
        func.set_config(name, bindparam(name), True)
        for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "jit")
    )
)


class Postgres:
    """See `Backend`. `lock_limit` is how long to wait for a lock that another transaction has, in seconds."""

    dialect: Dialect = "postgresql"
    one_writer = False
    answer_limit = float(ANSWER_LIMIT)

    def __init__(self, url: Secret, lock_limit: float) -> None:
        self._lock_limit = lock_limit
        self._conninfo, parts = _parsed(url)
        self._password = parts.get("password", "")
        self.place = _place(parts)
        # for this transaction only: a connection may come from a pool that others share
        self._settings = {
            "lock_timeout": f"{self._lock_limit:.3f}s",
            "idle_in_transaction_session_timeout": f"{_IDLE_LIMIT}s",
            "jit": "off",
        }

    def engine(self) -> AsyncEngine:
        """See `Backend.engine`."""

        async def connect() -> psycopg.AsyncConnection:
            # no prepared statements: poolers between here and the server lose them
            return await psycopg.AsyncConnection.connect(self._conninfo, prepare_threshold=None)

        return create_async_engine(
            "postgresql+psycopg://",
            # errors are logged, and parameters are what clients wrote
            hide_parameters=True,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=2 * self._lock_limit,
            async_creator=connect,
        )

    def sync_engine(self, *, writes: bool = False) -> Engine:
        """See `Backend.sync_engine`."""

        def connect() -> psycopg.Connection:
            return psycopg.connect(self._conninfo, prepare_threshold=None)

        return create_engine(
            "postgresql+psycopg://", hide_parameters=True, poolclass=NullPool, creator=connect
        )

    def prepare(self) -> None:
        """See `Backend.prepare`. Whoever has a URL has a database."""

    def lock(self, connection: Connection) -> None:
        """See `Backend.lock`."""
        connection.execute(select(func.set_config("lock_timeout", f"{_MIGRATION_LIMIT}s", True)))
        connection.execute(select(func.pg_advisory_xact_lock(_TABLES_LOCK)))

    async def begin(self, connection: AsyncConnection, *, writes: bool, limit: float | None) -> None:
        """See `Backend.begin`. Transactions are READ COMMITTED: what must not change meanwhile is locked."""
        await connection.begin()
        # a statement whose connection was severed ends too
        patience = "0" if limit is None else f"{limit + 1:.3f}s"
        await connection.execute(_SET_UP, self._settings | {"statement_timeout": patience})

    async def sever(self, connection: AsyncConnection) -> None:
        """See `Backend.sever`. The socket is shut: to cancel the question would need the server's answer."""
        driver = (await connection.get_raw_connection()).driver_connection
        if isinstance(driver, psycopg.AsyncConnection) and not driver.closed:
            with socket.socket(fileno=socket.dup(driver.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

    def momentary(self, error: DBAPIError) -> bool:
        """See `Backend.momentary`."""
        if getattr(error.orig, "sqlstate", None) in _MOMENTARY:
            return True
        return isinstance(error.orig, psycopg.OperationalError) and any(
            words in str(error.orig) for words in _STARTING
        )

    def reason(self, error: DBAPIError) -> str:
        """See `Backend.reason`."""
        cause = error.orig
        if not isinstance(cause, psycopg.Error):
            return type(cause).__name__
        # the rest of what Postgres says are details, with values of rows
        text = cause.diag.message_primary or " ".join(str(cause).split())
        text = _ADVICE.sub("", text)
        return "the connection failed" if self._password and self._password in text else text.rstrip(".")


def _parsed(url: Secret) -> tuple[str, Mapping[str, str]]:
    """What libpq is given, and its parts. An error of libpq's would show pieces of a URL that it misread."""
    text = re.sub(r"\A(postgres|postgresql)(\+psycopg)?://", "postgresql://", url.reveal().strip())
    if not text.startswith("postgresql://"):
        raise StoreError(_UNREADABLE)
    try:
        found = conninfo_to_dict(text)
    except psycopg.Error:
        raise StoreError(_UNREADABLE) from None
    parts = {name: str(value) for name, value in found.items() if value is not None}
    patterns = {"host": _HOST, "hostaddr": _HOST, "port": _PORT, "dbname": _NAME}
    if not all(pattern.fullmatch(parts.get(name, "")) for name, pattern in patterns.items()):
        raise StoreError(_UNREADABLE)
    defaults = {"connect_timeout": ANSWER_LIMIT, "application_name": "dragoman", "client_encoding": "UTF8"}
    return make_conninfo(text, **{k: v for k, v in defaults.items() if k not in parts}), parts


def _place(parts: Mapping[str, str]) -> str:
    host = parts.get("host") or parts.get("hostaddr") or "the local socket"
    port = f":{parts['port']}" if "port" in parts else ""
    return f"{parts.get('dbname') or parts.get('user', 'postgres')} at {host}{port}"
