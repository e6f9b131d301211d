"""The first of a host's addresses that takes a connection (RFC 8305)."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dragoman.upstream.dialing import Address, dial

pytestmark = pytest.mark.anyio

FILES = Path("/proc/self/fd")


def open_files() -> int:
    return len(list(FILES.iterdir()))


def listening(stack: ExitStack, host: str = "127.0.0.1") -> Address:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = stack.enter_context(socket.create_server((host, 0), family=family))
    return host, made.getsockname()[1]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture
def open_address(stack: ExitStack) -> Address:
    return listening(stack)


@pytest.fixture
def refusing() -> Address:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return "127.0.0.1", taken.getsockname()[1]


@pytest.fixture
def silent(stack: ExitStack) -> Address:
    """Nobody answers there: its queue of connections is full."""
    listener = stack.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    address = listener.getsockname()
    for _ in range(4):
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(address)
    return "127.0.0.1", address[1]


async def test_the_first_address_is_taken_where_it_answers(stack: ExitStack, open_address: Address) -> None:
    with await dial([open_address, listening(stack)]) as line:
        assert line.getpeername() == open_address


async def test_an_address_that_refuses_gives_way_at_once(open_address: Address, refusing: Address) -> None:
    began = time.monotonic()
    with await dial([refusing, refusing, open_address]) as line:
        assert line.getpeername() == open_address
    assert time.monotonic() - began < 0.2


async def test_an_address_that_is_silent_gives_way_soon(open_address: Address, silent: Address) -> None:
    began = time.monotonic()
    with await dial([silent, open_address]) as line:
        assert line.getpeername() == open_address
    assert 0.2 < time.monotonic() - began < 2


async def test_the_other_family_comes_second(stack: ExitStack, silent: Address, refusing: Address) -> None:
    try:
        other = listening(stack, "::1")
    except OSError:
        pytest.skip("the machine has no IPv6")
    began = time.monotonic()
    with await dial([silent, refusing, silent, silent, other]) as line:
        assert line.getpeername()[:2] == other
    assert time.monotonic() - began < 0.5


async def test_where_all_refuse_the_first_reason_is_told(refusing: Address) -> None:
    for addresses in ([refusing], [refusing, refusing]):
        with pytest.raises(ConnectionRefusedError):
            await dial(addresses)


@pytest.mark.skipif(not FILES.exists(), reason="counts open files as Linux shows them")
async def test_no_other_socket_is_left_behind(
    open_address: Address, silent: Address, refusing: Address
) -> None:
    before = open_files()
    (await dial([silent, refusing, open_address])).close()
    trying = asyncio.ensure_future(dial([silent, silent]))
    await asyncio.sleep(0.3)
    assert open_files() > before
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying
    await asyncio.sleep(0.01)
    assert open_files() == before
