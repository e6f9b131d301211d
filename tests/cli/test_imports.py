"""What is slow to load is loaded when it is needed, and not before: the start does not wait for it."""

import subprocess
import sys

import pytest

_SLOW = {
    *("sqlalchemy", "alembic", "aiosqlite", "sqlite3", "psycopg"),
    *("redis", "aiohttp", "genai_prices", "botocore", "google.auth", "opentelemetry"),
}
"""Databases, the tables' history, the client for proxies, prices, clouds, traces."""
_ALL = {*_SLOW, "starlette", "uvicorn", "structlog", "prometheus_client", "msgspec", "asyncio"}


@pytest.mark.parametrize(
    ("program", "unwanted"),
    [
        pytest.param(
            "import dragoman.cli.main as it; it.main(['--help'], standalone_mode=False)", _ALL, id="help"
        ),
        pytest.param("import dragoman.cli.serve, dragoman.server.running", _SLOW, id="serve"),
        pytest.param("import dragoman.server.workers, dragoman.server.handover", _SLOW, id="workers"),
    ],
)
def test_a_start_loads_nothing_that_can_wait(program: str, unwanted: set[str]) -> None:
    found = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(); print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    loaded = set(found.stdout.splitlines()[-1].split())
    assert loaded & unwanted == set()
