"""Both event loops."""

import os

import pytest

LOOPS = [True, False] if os.environ.get("DRAGOMAN_MONEY") else [True]
"""Whether uvloop is used: it is in production. The other is for where it cannot be installed."""


@pytest.fixture(
    params=[("asyncio", {"use_uvloop": quick}) for quick in LOOPS],
    ids=["uvloop" if quick else "asyncio" for quick in LOOPS],
)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The event loops; both where everything is tried."""
    return request.param
