"""Which recollection a gateway gets, and what that costs."""

import subprocess
import sys

import pytest

from dragoman.config.secret import Secret
from dragoman.coordination.memory import MemoryRecollection
from dragoman.coordination.opening import open_recollection
from dragoman.coordination.valkey import ValkeyRecollection


@pytest.mark.anyio
async def test_a_url_leads_to_a_server_and_none_to_this_process_alone() -> None:
    assert isinstance(open_recollection(None, 10), MemoryRecollection)
    shared = open_recollection(Secret("valkey://cache.example"), 10)
    assert isinstance(shared, ValkeyRecollection)
    await shared.close()


def test_a_url_of_no_server_is_refused() -> None:
    with pytest.raises(ValueError, match="must begin with"):
        open_recollection(Secret("http://cache.example"), 10)


def test_the_client_library_is_loaded_only_for_a_server() -> None:
    program = (
        "import sys\n"
        "from dragoman.coordination.opening import open_recollection\n"
        "open_recollection(None, 10)\n"
        "assert 'redis' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
