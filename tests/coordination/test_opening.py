"""Which coordination a gateway gets, and what that costs."""

import subprocess
import sys

import pytest

from dragoman.config.secret import Secret
from dragoman.coordination.memory import MemoryRecollection
from dragoman.coordination.memory_meters import MemoryMeters
from dragoman.coordination.opening import open_hints, open_meters, open_recollection
from dragoman.coordination.valkey import ValkeyRecollection
from dragoman.coordination.valkey_meters import ValkeyMeters


@pytest.mark.anyio
async def test_a_url_leads_to_a_server_and_none_to_this_process_alone() -> None:
    assert isinstance(open_recollection(None, 10), MemoryRecollection)
    shared = open_recollection(Secret("valkey://cache.example"), 10)
    assert isinstance(shared, ValkeyRecollection)
    await shared.close()


@pytest.mark.anyio
async def test_limits_are_counted_through_a_server_or_where_they_are_counted_locally() -> None:
    assert isinstance(open_meters(None), MemoryMeters)
    local = MemoryMeters()
    assert open_meters(None, local) is local
    shared = open_meters(Secret("valkey://cache.example"), local)
    assert isinstance(shared, ValkeyMeters)
    await shared.close()


def test_a_url_of_no_server_is_refused() -> None:
    url = Secret("http://cache.example")
    for opening in (lambda: open_recollection(url, 10), lambda: open_meters(url), lambda: open_hints(url)):
        with pytest.raises(ValueError, match="must begin with"):
            opening()


def test_the_client_library_is_loaded_only_for_a_server() -> None:
    program = (
        "import sys\n"
        "from dragoman.coordination.opening import open_hints, open_meters, open_recollection\n"
        "open_recollection(None, 10), open_meters(None), open_hints(None)\n"
        "assert 'redis' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
