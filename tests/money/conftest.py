"""How long the tests of money take."""

import os

import pytest

VARIABLE = "DRAGOMAN_MONEY"


@pytest.fixture(scope="session")
def thorough() -> bool:
    """Whether everything is tried as often as it has to be, and not only a few times: `DRAGOMAN_MONEY`."""
    return bool(os.environ.get(VARIABLE))
