"""The event loop of the tests here."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
