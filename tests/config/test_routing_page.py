"""`docs/routing.md` is true: its examples load, its numbers are the defaults, its output is the command's."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner

from dragoman.cli.main import main
from dragoman.config.file import load_settings
from dragoman.config.settings import HealthSettings, Queue, Retries, RouteSettings, Strategy, Timeouts

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "routing.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)

PROVIDERS = """
[providers.openai]
api_key = "k"
[providers.gemini]
api_key = "k"
[providers.local]
dialect = "openai_chat"
base_url = "http://127.0.0.1:11434/v1"
"""


def section(heading: str) -> str:
    found = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert found
    return " ".join(found.split())


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_taken(tmp_path: Path, example: str) -> None:
    path = tmp_path / "dragoman.toml"
    path.write_text(example, "utf-8")
    variables = re.findall(r'"\$(\w+)"', example)
    load_settings(path, {name: f"sk-{name}" for name in variables})


def test_every_strategy_has_its_row() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \|", PAGE.partition("\n## Strategies\n")[2].partition("\n## ")[0], re.MULTILINE
    )
    assert rows == list(get_args(Strategy))


def test_the_numbers_are_the_defaults() -> None:
    health, queue, retries, timeouts = HealthSettings(), Queue(), Retries(), Timeouts()
    assert f"`attempts` upstream requests ({retries.attempts} unless" in PAGE
    assert f"`backoff` ({retries.backoff:g} s)" in section("What is tried again, and what never is")
    assert f"`max_backoff` ({retries.max_backoff:g} s)" in section("What is tried again, and what never is")
    for name, value in (
        ("`window` seconds", health.window),
        ("`min_failures` requests", health.min_failures),
        ("`cooldown` seconds", health.cooldown),
        ("`max_cooldown`", health.max_cooldown),
    ):
        assert f"{name} ({value:g})" in section("Health"), name
    assert health.failure_share == 0.5
    assert f"`queue.size` waiting requests ({queue.size})" in section("Limits and the queue")
    assert f"`queue.timeout` seconds ({queue.timeout:g})" in section("Limits and the queue")
    limits = section("Time limits")
    for name in ("connect", "first_event", "between_events", "total"):
        assert f"| `{name}` | {getattr(timeouts, name):g} s |" in limits, name
    assert f"`keep_alive` seconds ({timeouts.keep_alive:g})" in limits
    route = RouteSettings(("a/b",))
    assert f"`affinity` seconds ({route.affinity:g})" in section("Conversations stay where they are")
    assert f"hedge_share = {route.hedge_share:g} " in section("Hedging")


def test_the_explanation_is_what_the_command_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for prices, which change."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESEARCH_KEY", "sk-research")
    [example] = (example for example in EXAMPLES if "[routes.assistant]" in example)
    Path("dragoman.toml").write_text(PROVIDERS + example, "utf-8")
    block = re.search(r"    \$ echo '(.*)' \| dragoman explain\n((?:    .*\n)+)", PAGE)
    assert block is not None
    result = CliRunner().invoke(main, ["explain"], input=block[1])
    shown = [line.removeprefix("    ") for line in block[2].splitlines()]
    assert [re.sub(r"[\d.]+ USD", "$", line) for line in result.output.splitlines()] == [
        re.sub(r"[\d.]+ USD", "$", line) for line in shown
    ]


def test_the_links_lead_somewhere() -> None:
    for path, anchor in re.findall(r"\]\(([\w.]*)(?:#([\w-]+))?\)", PAGE):
        if path.endswith(".md") or not path:
            page = (DOCS / path).read_text("utf-8") if path else PAGE
            headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
            assert not anchor or anchor in anchors, f"{path}#{anchor}"
        else:
            assert (DOCS / path).is_file(), path


def test_the_picture_is_well_formed_and_says_what_it_shows() -> None:
    picture = ET.parse(DOCS / "routing.svg").getroot()  # noqa: S314 - our own file
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert picture.get("role") == "img"
    assert picture.get("aria-label")
