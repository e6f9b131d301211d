"""`dragoman store`, as people use it, over both kinds of database."""

import contextlib
import csv
import io
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.store.kept import a_request, a_row, keep_now, one_of_each, rows_of

from dragoman.cli.main import main
from dragoman.config.secret import Secret
from dragoman.store.backend import Backend
from dragoman.store.engine import backend_at
from dragoman.store.migration import bring_up_to_date
from dragoman.store.tables import JOURNALS, ROLLUPS

DAY = 86_400.0
MOMENT = 1_750_000_000.0  # 2025-06-15 15:06:40 UTC


class Home:
    """A data directory with a configuration, and the command over both."""

    def __init__(self, folder: Path, url: Secret | None) -> None:
        self.folder = folder
        self.config = folder / "dragoman.toml"
        self.config.write_text("" if url is None else f'[store]\nurl = "{url.reveal()}"\n')
        self.url = url

    @property
    def backend(self) -> Backend:
        return backend_at(self.folder / "dragoman.db" if self.url is None else self.url)

    def run(self, *words: str | Path) -> Result:
        arguments = ["store", words[0], "--config", self.config, *words[1:]]
        return CliRunner(env={"DRAGOMAN_HOME": str(self.folder)}).invoke(
            main, [str(word) for word in arguments]
        )

    def fill(self, count: int = 3) -> None:
        bring_up_to_date(self.backend)
        engine = self.backend.sync_engine(writes=True)
        requests = [a_request(number, MOMENT + DAY * number) for number in range(count)]
        with engine.begin() as connection:
            keep_now(connection, rows_of(requests))
            keep_now(connection, {ROLLUPS: [a_row(ROLLUPS)]})
        engine.dispose()


@pytest.fixture
def home(store_url: Secret | None, tmp_path: Path) -> Home:
    return Home(tmp_path, store_url)


only_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)


def test_check_says_what_is_there(home: Home) -> None:
    home.fill()
    result = home.run("check")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    kind = "SQLite" if home.url is None else "Postgres"
    assert lines[0] == f"Database: {home.backend.place} ({kind})"
    assert re.fullmatch(r"Size: [\d.]+ [KM]iB", lines[1])
    assert lines[2] == "Tables: version 0001, up to date"
    assert {"  requests: 3", "  attempts: 6", "  bodies: 6", "  rollups: 1", "  keys: 0"} < set(lines)
    assert lines[-2:] == [
        "Requests: from 2025-06-15 15:06:40 to 2025-06-17 15:06:40 UTC",
        "The database is fine.",
    ]


def test_check_gives_the_same_to_programs(home: Home) -> None:
    home.fill()
    found = json.loads(home.run("check", "--json").output)
    assert found["rows"]["requests"] == 3
    assert found["version"] == found["newest"] == "0001"
    assert found["problems"] == []
    assert found["oldest"] == "2025-06-15T15:06:40Z"


def test_check_counts_what_waits_in_journals(home: Home) -> None:
    home.fill()
    folder = home.folder / "journal"
    folder.mkdir()
    (folder / "a.journal").write_bytes(b"x" * 5000)
    (folder / "b.journal").write_bytes(b"x" * 1000)
    (folder / "c.journal").write_bytes(b"x" * 300)
    engine = home.backend.sync_engine(writes=True)
    with engine.begin() as connection:
        known = [
            a_row(JOURNALS, name="a.journal", position=1000),
            a_row(JOURNALS, name="b.journal", position=1000),
        ]
        keep_now(connection, {JOURNALS: known})
    engine.dispose()
    assert "Journal: 4.2 KiB in 2 files are not in the database yet" in home.run("check").output


@only_sqlite
def test_check_makes_no_database(home: Home) -> None:
    result = home.run("check")
    assert result.exit_code == 0
    assert result.output == f"There is no database yet at {home.folder}/dragoman.db.\n"
    assert not (home.folder / "dragoman.db").exists()


def test_check_changes_no_tables(home: Home) -> None:
    """Those of an earlier version are left for the gateway to change."""
    home.fill()
    engine = home.backend.sync_engine(writes=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    engine.dispose()
    result = home.run("check")
    assert result.exit_code == 0
    assert (
        "Tables: none with a version; the next start of the gateway brings them to version 0001"
        in result.output
    )


@only_sqlite
def test_check_finds_a_file_that_is_damaged(home: Home) -> None:
    home.fill(2000)
    with (home.folder / "dragoman.db").open("r+b") as file:
        file.seek(4096 * 40)
        file.write(b"\x55" * 4096 * 20)
    result = home.run("check")
    assert result.exit_code == 1
    assert "PROBLEM: The file is damaged" in result.output or "malformed" in result.stderr


@only_sqlite
def test_check_finds_a_file_that_others_may_read(home: Home) -> None:
    home.fill()
    (home.folder / "dragoman.db").chmod(0o644)
    result = home.run("check")
    assert result.exit_code == 1
    assert (
        f"PROBLEM: Others may read {home.folder}/dragoman.db: its mode is 644, and should be 600."
        in result.output
    )


def test_check_finds_a_table_that_is_missing(home: Home) -> None:
    home.fill()
    engine = home.backend.sync_engine(writes=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE leases")
    engine.dispose()
    result = home.run("check")
    assert result.exit_code == 1
    assert "PROBLEM: Tables are missing: leases." in result.output


@pytest.mark.parametrize("command", [["check"], ["backup", "b.db"], ["export"], ["prune"]])
def test_a_database_that_is_away_is_said_without_its_password(tmp_path: Path, command: list[str]) -> None:
    home = Home(tmp_path, Secret("postgresql://user:s3cret@127.0.0.1:1/name"))
    result = home.run(*command)
    assert result.exit_code == 1
    assert "The database name at 127.0.0.1:1 cannot be used: " in result.stderr
    assert "Connection refused" in result.stderr
    assert "s3cret" not in result.output
    assert not Path("b.db").exists()


@pytest.mark.parametrize("command", [["check"], ["backup", "b.db"], ["export"], ["prune"]])
def test_a_url_that_cannot_be_read_is_said_and_not_shown(tmp_path: Path, command: list[str]) -> None:
    result = Home(tmp_path, Secret("postgresql://user:s3cret@word/@host/name")).run(*command)
    assert result.exit_code in {1, 2}
    assert "postgresql://user:password@host" in result.stderr
    assert "s3cret" not in result.output


def test_a_backup_is_made_and_restored(home: Home, tmp_path: Path) -> None:
    home.fill(20)
    file = tmp_path / "backup.db"
    result = home.run("backup", file)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Everything in {home.backend.place} is in {file}: ")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (tmp_path / "new").mkdir()
    other = Home(tmp_path / "new", None)
    result = other.run("restore", file)
    assert result.exit_code == 0
    assert result.stdout == f"Everything in {file} is in {other.backend.place}.\n"
    assert "requests: 20\n" in result.stderr
    assert other.run("export").stdout == home.run("export").stdout
    assert "is not empty" in other.run("restore", file).stderr


def test_a_second_backup_needs_another_name(home: Home, tmp_path: Path) -> None:
    home.fill()
    home.run("backup", tmp_path / "backup.db")
    result = home.run("backup", tmp_path / "backup.db")
    assert result.exit_code == 1
    assert result.stderr == f"{tmp_path}/backup.db is there already. Give the backup a name of its own.\n"


@only_sqlite
def test_there_is_no_backup_of_nothing(home: Home, tmp_path: Path) -> None:
    result = home.run("backup", tmp_path / "backup.db")
    assert result.exit_code == 1
    assert "There is no database yet" in result.stderr
    assert list(tmp_path.glob("*.db")) == []


def test_requests_are_exported_with_their_attempts(home: Home) -> None:
    home.fill(1)
    (line,) = home.run("export").stdout.splitlines()
    row = json.loads(line)
    assert row["request_id"] == "req-0"
    assert row["began"] == "2025-06-15T15:06:40.000000Z"
    assert row["cost"] == "0.000001250"
    assert row["tags"] == ["a"]
    assert row["charges"] == [["key:k/day", "lease", 1250]]
    assert row["stream"] is False
    assert "id" not in row
    assert [(one["number"], one["cost"], one["cost_rows"]) for one in row["attempts"]] == [
        (1, "0.000000625", [["input", 250, "2.5"]]),
        (2, "0.000000625", [["input", 250, "2.5"]]),
    ]


def test_every_request_is_exported_once_in_the_order_of_time(home: Home) -> None:
    bring_up_to_date(home.backend)
    engine = home.backend.sync_engine(writes=True)
    with engine.begin() as connection:  # many in the same moment, and not in order
        requests = [a_request(number, MOMENT + number % 3) for number in range(1300)]
        keep_now(connection, rows_of(requests))
    engine.dispose()
    rows = [json.loads(line) for line in home.run("export").stdout.splitlines()]
    assert len({row["request_id"] for row in rows}) == len(rows) == 1300
    assert [row["began"] for row in rows] == sorted(row["began"] for row in rows)
    assert all(len(row["attempts"]) == 2 for row in rows)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--since", "2025-06-16"], [1, 2]),
        (["--since", "2025-06-16T15:06:40"], [1, 2]),
        (["--since", "2025-06-16T15:06:41"], [2]),
        (["--until", "2025-06-16"], [0]),
        (["--since", "2025-06-16T17:06:40+02:00", "--until", "2025-06-17T15:06:40Z"], [1]),
        (["--since", "2030-01-01"], []),
    ],
)
def test_a_time_can_be_chosen(home: Home, options: list[str], expected: list[int]) -> None:
    home.fill()
    rows = [json.loads(line)["request_id"] for line in home.run("export", *options).stdout.splitlines()]
    assert rows == [f"req-{number}" for number in expected]


def test_a_table_for_spreadsheets_has_no_formulas_and_no_lines_within(home: Home) -> None:
    bring_up_to_date(home.backend)
    engine = home.backend.sync_engine(writes=True)
    names = ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(1)", "\tx", 'a,"b"', "two\nlines", "plain"]
    with engine.begin() as connection:
        requests = [a_request(number, MOMENT + number, model=name) for number, name in enumerate(names)]
        keep_now(connection, rows_of(requests))
    engine.dispose()
    result = home.run("export", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout, newline="")))
    assert [row["model"] for row in rows] == [
        '\'=HYPERLINK("http://x")',
        "'+1",
        "'-1",
        "'@SUM(1)",
        "\\tx",
        'a,"b"',
        "two\\nlines",
        "plain",
    ]
    assert rows[0]["cost"] == "0.000001250"
    assert rows[0]["stream"] == "false"
    assert rows[0]["first_token"] == ""


def test_an_export_goes_to_a_new_file_for_its_owner_only(home: Home, tmp_path: Path) -> None:
    home.fill()
    file = tmp_path / "ledger.jsonl"
    result = home.run("export", "--output", file)
    assert result.stdout == f"3 requests are in {file}.\n"
    assert file.read_text() == home.run("export").stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    result = home.run("export", "-o", file)
    assert result.exit_code == 2
    assert result.stderr == f"{file} cannot be written: File exists.\n"


@only_sqlite
def test_whoever_reads_an_export_may_have_enough(home: Home) -> None:
    home.fill(3000)
    program = "from dragoman.cli.main import main; main()"
    command = [sys.executable, "-c", program, "store", "export", "--config", home.config]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"DRAGOMAN_HOME": str(home.folder)},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


def test_old_requests_are_forgotten_when_asked_for(home: Home) -> None:
    home.fill(10)
    result = home.run("prune", "--before", "2025-06-19", "--dry-run")
    assert result.stdout == "To be forgotten: 4 requests, 8 attempts, 8 bodies, 0 responses, 0 leases.\n"
    result = home.run("prune", "--before", "2025-06-19", "--json")
    assert json.loads(result.stdout) == {
        "requests": 4,
        "attempts": 8,
        "bodies": 8,
        "responses": 0,
        "leases": 0,
    }
    found = json.loads(home.run("check", "--json").output)
    assert found["rows"]["requests"] == 6
    assert found["rows"]["rollups"] == 1


def test_the_configuration_says_what_is_old(home: Home) -> None:
    home.fill(3)
    assert "0 requests" in home.run("prune").stdout
    assert "Requests are kept for good ([ledger] retention is 0)" in home.run("prune").stderr
    days = (time.time() - MOMENT) / DAY
    home.config.write_text(home.config.read_text() + f"[ledger]\nretention = {days - 1.5}\n")
    assert "Forgotten: 2 requests" in home.run("prune").stdout


@pytest.mark.parametrize("moment", ["yesterday", "", "2026-13-01", "99999-01-01"])
def test_a_date_that_is_none_is_refused(home: Home, moment: str) -> None:
    for command in (["prune", "--before", moment], ["export", "--since", moment]):
        result = home.run(*command)
        assert result.exit_code == 2
        assert "write a date, such as 2026-11-01" in result.stderr


def test_a_date_in_the_future_forgets_nothing(home: Home) -> None:
    home.fill()
    result = home.run("prune", "--before", "2999-01-01")
    assert result.exit_code == 2
    assert "that is in the future" in result.stderr
    assert json.loads(home.run("check", "--json").output)["rows"]["requests"] == 3


@contextlib.contextmanager
def writing(home: Home) -> Generator[None]:
    """Somebody has the database open, and is in the middle of a transaction that writes."""
    with contextlib.closing(sqlite3.connect(home.folder / "dragoman.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM bodies WHERE request_id = 'req-0'")
        yield
        other.execute("COMMIT")


@only_sqlite
def test_all_but_prune_work_while_the_gateway_is_writing(home: Home, tmp_path: Path) -> None:
    home.fill()
    with writing(home):
        assert home.run("check").exit_code == 0
        assert home.run("backup", tmp_path / "backup.db").exit_code == 0
        assert len(home.run("export").stdout.splitlines()) == 3


def test_the_help_is_quick_and_loads_no_database() -> None:
    program = (
        "import sys\nfrom dragoman.cli.main import main\n"
        "try: main(['store', 'prune', '--help'])\nexcept SystemExit: pass\n"
        "assert not {'sqlalchemy', 'alembic', 'psycopg', 'sqlite3', 'aiosqlite'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_every_kind_of_row_survives_a_backup(home: Home, tmp_path: Path) -> None:
    bring_up_to_date(home.backend)
    engine = home.backend.sync_engine(writes=True)
    with engine.begin() as connection:
        keep_now(connection, one_of_each())
    engine.dispose()
    before = json.loads(home.run("check", "--json").output)["rows"]
    assert home.run("backup", tmp_path / "backup.db").exit_code == 0
    (tmp_path / "new").mkdir()
    other = Home(tmp_path / "new", None)
    other.run("restore", tmp_path / "backup.db")
    assert json.loads(other.run("check", "--json").output)["rows"] == before
