"""Which of the two ways a request takes, and that what is not needed is not even imported."""

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dragoman.upstream.http1_transport import Http1Transport
from dragoman.upstream.opening import open_transport

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Serve

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def test_without_proxies_all_connections_are_our_own() -> None:
    assert isinstance(open_transport(), Http1Transport)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy"])
def test_with_a_proxy_they_are_not(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://proxy:3128")
    assert not isinstance(open_transport(), Http1Transport)


@pytest.mark.anyio
async def test_each_host_is_reached_in_its_own_way(serve: "Serve", monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(line: "Line") -> None:
        while True:
            asked.append((await line.request()).target)
            await line.send(OK)

    asked: list[str] = []
    server = await serve(script)
    monkeypatch.setenv("HTTP_PROXY", f"http://{server.where}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    transport = open_transport()
    request = server.post(target="/direct")
    elsewhere = server.post(target="/x")
    for one in (request, type(elsewhere)("POST", "http://upstream.invalid/x", (), b"{}"), request):
        response = await transport.send(one, 5)
        assert await response.read(2) == b"ok"
    await transport.close()
    assert asked == ["/direct", "http://upstream.invalid/x", "/direct"]


@pytest.mark.parametrize("proxy", ["", "http://proxy:3128"])
def test_aiohttp_is_imported_only_for_a_host_behind_a_proxy(proxy: str) -> None:
    code = (
        "import sys, os; os.environ['HTTPS_PROXY'] = sys.argv[1]\n"
        "import dragoman.server.service, dragoman.upstream.opening as opening\n"
        "opening.open_transport()\n"
        "sys.exit('aiohttp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, proxy], check=False).returncode == 0
