"""How long the soak takes."""

import os

import pytest

VARIABLE = "DRAGOMAN_SOAK"


@pytest.fixture(scope="session")
def soak_seconds() -> float:
    """Seconds of traffic: 30, or what `DRAGOMAN_SOAK` says."""
    return float(os.environ.get(VARIABLE, "30"))
