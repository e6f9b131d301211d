"""The management API over a real database, of each kind."""

import hashlib
from collections.abc import Callable, Iterator

import pytest
import structlog
from starlette.types import ASGIApp
from structlog.testing import LogCapture
from tests.console.api import ADMIN_KEY, Api

from dragoman.access.issuing import Issuing
from dragoman.access.key_info import KeyInfo, configured_key, configured_team
from dragoman.access.secret import KeySecret
from dragoman.config.allowance import BudgetSettings, KeySettings, TeamSettings
from dragoman.config.secret import Secret
from dragoman.config.settings import Auth, RouteSettings, Settings
from dragoman.console import admission, audit
from dragoman.console.admission import Admission
from dragoman.console.management import management_app
from dragoman.store.database_keys import DatabaseKeys
from dragoman.store.database_leases import DatabaseLeases
from dragoman.store.engine import Database
from dragoman.store.ledger_search import LedgerSearch

BuildApp = Callable[[Settings], ASGIApp]

SECRET = KeySecret(b"a secret of the tests, long enough")
_KEY = "sk-configured-0123456789"
SETTINGS = Settings(
    auth=Auth(admin_key=Secret(ADMIN_KEY)),
    keys={"static": KeySettings(key=Secret(_KEY), team="old", budgets=(BudgetSettings(3.0, "day"),))},
    teams={"old": TeamSettings(budgets=(BudgetSettings(30.0, "total"),))},
    routes={"gpt-4o": RouteSettings(targets=("openai/gpt-4o",), budgets=(BudgetSettings(300.0, "week"),))},
)


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = 1_795_356_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of the gateway."""
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    """What the management API takes for the time."""
    return Clock()


@pytest.fixture
def issuing(database: Database, clock: Clock) -> Issuing:
    """The keys of the database."""
    return Issuing(DatabaseKeys(database), lambda: SECRET, clock)


@pytest.fixture
def build_app(database: Database, issuing: Issuing, clock: Clock) -> BuildApp:
    """Makes the application for other settings."""

    def build(settings: Settings) -> ASGIApp:
        async def search() -> LedgerSearch:
            return LedgerSearch(database)

        return management_app(
            settings=lambda: settings,
            configured=lambda: _configured(settings),
            issuing=issuing,
            leases=DatabaseLeases(database),
            search=search,
            now=clock,
            admission=Admission(clock),
        )

    return build


@pytest.fixture
def api(build_app: BuildApp) -> Api:
    """Whoever has the admin key."""
    return Api(build_app(SETTINGS))


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[LogCapture]:
    """What is written to the log."""
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    # another test may have had the modules' own loggers made for its stream
    for module, name in ((audit, "dragoman.audit"), (admission, "dragoman.console")):
        monkeypatch.setattr(module, "_log", structlog.get_logger(name))
    yield capture
    structlog.configure(**before)


def _configured(settings: Settings) -> list[KeyInfo]:
    teams = {name: configured_team(name, rules) for name, rules in settings.teams.items()}
    return [
        configured_key(
            hashlib.sha256(key.key.reveal().encode()).hexdigest()[:12], name, key, teams.get(key.team or "")
        )
        for name, key in settings.keys.items()
    ]
