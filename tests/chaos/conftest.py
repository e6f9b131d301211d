"""The chaos suite: a gateway as a process of its own, and upstreams that do everything wrong.

By default a sample of it is played; all of it with `scripts/test --chaos`, which takes some minutes.
"""

import os
from collections.abc import Iterator

import pytest
from tests.chaos.audit import Audit
from tests.chaos.configuration import configuration
from tests.chaos.process import COUNTED
from tests.chaos.stage import Stage
from tests.live.client import MODELS

EVERYTHING = bool(os.environ.get("DRAGOMAN_CHAOS"))
"""Whether all of it is to be played."""

if not COUNTED:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def everything() -> bool:
    """Whether all is to be played, in place of a sample."""
    return EVERYTHING


@pytest.fixture(scope="session")
def running_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Audit]]:
    """One gateway for all plays of a worker, and what it held before the first of them."""
    stage = Stage(tmp_path_factory.mktemp("chaos"))
    with stage.open(configuration()):
        audit = Audit(stage)
        yield stage, audit
        audit.close()


@pytest.fixture
def stage(running_stage: tuple[Stage, Audit]) -> Iterator[Stage]:
    """The gateway and its upstreams. Whatever was played in a test, nothing of it is left behind."""
    stage, audit = running_stage
    yield stage
    audit.check()


@pytest.fixture(params=list(MODELS))
def client(request: pytest.FixtureRequest) -> str:
    """The dialect of the clients."""
    return request.param


@pytest.fixture(params=list(MODELS))
def upstream(request: pytest.FixtureRequest) -> str:
    """The dialect of a route's first target."""
    return request.param


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request: pytest.FixtureRequest) -> bool:
    """Whether clients ask for a stream."""
    return request.param
