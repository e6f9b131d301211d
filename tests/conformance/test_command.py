"""The command: what it takes, what it writes, how it ends."""

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from tests.conformance.conftest import configuration
from tests.conftest import CLIENT_KEY, serving

from dragoman.cli.conformance import Orders, patterns_of, subject_of
from dragoman.cli.main import main
from dragoman.conformance.runner import EVERYTHING, Pattern, ports, vendors

ORDERS = Orders("g", "http://127.0.0.1:1/", "k", "127.0.0.1", 9110)


def free_ports() -> int:
    """The first of four ports in a row that nobody listens on."""
    for first in range(39_110, 39_910, 4):
        try:
            for port in range(first, first + 4):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return first
    raise OSError("no four free ports")


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., Result]:
    """Runs the command before a live gateway."""
    first = free_ports()
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports(first).items()}

    def run(*more: str) -> Result:
        with serving(configuration(urls), tmp_path) as gateway:
            options = ("--base-url", gateway.url, "--key", CLIENT_KEY, "--upstream-port", str(first))
            return CliRunner().invoke(main, ("conformance", *options, *more))

    return run


def test_a_run_prints_the_matrix_and_writes_both_reports(
    command: Callable[..., Result], tmp_path: Path
) -> None:
    json_file, html_file = tmp_path / "report.json", tmp_path / "report.html"
    result = command(
        "--only", "text/C/A", "--json", str(json_file), "--html", str(html_file), "--name", "Mine"
    )
    assert result.exit_code == 0, result.output
    assert "Mine: 2 of 2 cells pass (100.0 %), 1 of 16 pairs served" in result.output
    assert json.loads(json_file.read_text())["counted"] == 2
    assert "<h1>Mine</h1>" in html_file.read_text()


def test_a_score_under_the_wanted_one_ends_with_status_1(command: Callable[..., Result]) -> None:
    assert command("--only", "text/C/A", "--fail-under", "100").exit_code == 0
    missing = command("--only", "text/C/A", "--fail-under", "100", "--model", "anthropic=nowhere")
    assert missing.exit_code != 0


def test_a_gateway_that_is_not_there_is_said_to_be() -> None:
    options = ("--base-url", "http://127.0.0.1:1", "--upstream-port", str(free_ports()), "--only", "text/C/C")
    result = CliRunner().invoke(main, ("conformance", *options))
    assert result.exit_code == 2
    assert "No gateway answers at http://127.0.0.1:1" in result.output


def test_a_port_that_is_taken_is_said_to_be() -> None:
    first = free_ports()
    with socket.create_server(("127.0.0.1", first + 2)):
        options = ("--base-url", "http://127.0.0.1:1", "--upstream-port", str(first))
        result = CliRunner().invoke(main, ("conformance", *options))
    assert result.exit_code == 2
    assert "cannot listen" in result.output


def test_cells_are_chosen_by_feature_group_and_format() -> None:
    assert patterns_of(()) == EVERYTHING
    chosen = patterns_of(("text/anthropic/G", "tools", "*/*/openai-chat"))
    assert chosen == (
        Pattern("text", "anthropic", "gemini"),
        Pattern("tools"),
        Pattern(upstream="openai_chat"),
    )


@pytest.mark.parametrize("text", ["telepathy", "text/latin", "text/C/latin"])
def test_a_name_that_is_not_known_ends_with_what_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        patterns_of((text,))
    assert ended.value.code == 2
    assert "expected one of" in capsys.readouterr().err


def test_models_and_headers_are_by_upstream() -> None:
    subject = subject_of(
        Orders(
            "g",
            "http://h:1/",
            "k",
            "127.0.0.1",
            9110,
            models=("anthropic=claude", "openai-chat.reasoning=gpt"),
            headers=("x-team: red",),
            upstream_headers=("gemini=x-custom-host: http://a:1/v1",),
            path_prefix="/llm/",
        )
    )
    assert subject.base_url == "http://h:1"
    assert subject.model("anthropic") == "claude"
    assert subject.model("openai_chat", "reasoning") == "gpt"
    assert subject.model("gemini", "reasoning") == "conformance-gemini-reasoning"
    assert subject.headers == {"x-team": "red"}
    assert subject.upstream_headers == {"gemini": {"x-custom-host": "http://a:1/v1"}}
    assert subject.url("/v1/messages") == "http://h:1/llm/v1/messages"


@pytest.mark.parametrize(
    "orders",
    [
        {"models": ("latin=x",)},
        {"models": ("anthropic",)},
        {"headers": ("no colon",)},
        {"upstream_headers": ("latin=a: b",)},
    ],
)
def test_options_that_make_no_sense_end_with_why(orders: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(SystemExit):
        subject_of(msgspec.structs.replace(ORDERS, **orders))


def test_the_vendors_listen_on_four_ports_in_a_row() -> None:
    first = free_ports()

    async def urls() -> list[str]:
        async with vendors("127.0.0.1", first) as fakes:
            return [fake.url for fake in fakes.values()]

    assert asyncio.run(urls()) == [f"http://127.0.0.1:{first + number}" for number in range(4)]
