"""The page on clients names the versions that are run, and settings that can be read."""

import json
import re
import tomllib
from pathlib import Path

import msgspec
import pytest
from tests.clients.client import CLIENTS, PAGE, Client
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway

GATEWAY = LiveGateway("http://127.0.0.1:9", CLIENT_KEY, UPSTREAM_KEY, 9)


class Pins(msgspec.Struct):
    """The versions that are installed."""

    dependencies: dict[str, str]


def test_the_table_names_the_versions_that_are_run() -> None:
    pins = msgspec.json.decode(Path(__file__).with_name("package.json").read_bytes(), type=Pins)
    rows = re.findall(r"^\| (.+?) \(`(.+?)`\) \| (\S+) \|", PAGE, re.MULTILINE)
    assert rows == [(client.title, client.package, pins.dependencies[client.package]) for client in CLIENTS]


@pytest.mark.parametrize("client", CLIENTS, ids=[client.title for client in CLIENTS])
def test_settings_lead_to_the_gateway_with_its_key(client: Client) -> None:
    variables, files = client.environment(GATEWAY), client.files(GATEWAY)
    assert CLIENT_KEY in variables.values()
    assert any(GATEWAY.url in text for text in (*variables.values(), *files.values()))
    for path, text in files.items():
        read = {".toml": tomllib.loads, ".json": json.loads}[Path(path).suffix]
        assert read(text)


@pytest.mark.parametrize("client", CLIENTS, ids=[client.title for client in CLIENTS])
def test_the_names_that_a_client_asks_for_are_told(client: Client) -> None:
    assert [name for name in client.models if f"`{name}`" not in PAGE] == []
