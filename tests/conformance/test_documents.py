"""The page on conformance, its configuration files and its results say what is so."""

import json
import re
from pathlib import Path

import pytest

from dragoman.cli.main import main
from dragoman.config.file import load_settings
from dragoman.conformance.catalogue import FEATURES
from dragoman.conformance.runner import ports
from dragoman.conformance.subject import UPSTREAM_KEY, VENDOR_MODELS, default_name
from dragoman.conformance.wire import WIRES
from dragoman.testing.grammar.shape import children, whole
from dragoman.testing.json_value import decode_object

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "conformance.md").read_text()
GATEWAYS = ("dragoman", "litellm", "portkey")


def test_the_configuration_leads_every_model_to_its_vendor() -> None:
    settings = load_settings(DOCS / "conformance" / "dragoman.toml", {}, None, None)
    urls = {name: provider.base_url or "" for name, provider in settings.providers.items()}
    routes: dict[str, str] = {}
    for target, model in VENDOR_MODELS.items():
        upstream = target.partition(".")[0]
        place = settings.routes[default_name(target)].targets[0]
        assert isinstance(place, str)
        provider, _, name = place.partition("/")
        assert name == model
        assert settings.providers[provider].dialect == upstream
        assert f":{ports(9110)[upstream]}" in urls[provider]
        routes[default_name(target)] = provider
    assert settings.routes.keys() == routes.keys()
    keys = {provider.api_key.reveal() for provider in settings.providers.values() if provider.api_key}
    assert keys == {UPSTREAM_KEY}


def test_every_statement_that_is_cited_is_in_the_list() -> None:
    listed = re.findall(r"^\| (\d+) \| ", (DOCS / "conformance" / "statements.md").read_text(), re.MULTILINE)
    assert listed == [str(number) for number in range(1, 101)]
    for feature in FEATURES:
        for found in re.findall(r"statements? ([\d, to and]+)", feature.rule):
            assert set(re.findall(r"\d+", found)) <= set(listed), feature.rule


def test_the_page_names_every_model_and_option() -> None:
    for target, model in VENDOR_MODELS.items():
        assert f"| `{default_name(target)}` | {model} |" in PAGE
    for option in main.commands["conformance"].params:
        assert all(f"`{name}" in PAGE for name in option.opts), option.name


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_tables_show_the_results(gateway: str) -> None:
    told = decode_object((DOCS / "conformance" / f"{gateway}.json").read_bytes())
    passed, counted = whole(told, "passed"), whole(told, "counted")
    assert f"{passed} of {counted} cells pass" in PAGE
    assert f": {100 * passed / counted:.1f} %\n" in PAGE
    readme = (DOCS.parent / "README.md").read_text()
    assert f"| {passed} of {counted} | {whole(told, 'pairs_served')} of 16 |" in readme
    cells = children(told, "cells")
    assert sum(cell["verdict"] == "pass" for cell in cells) == passed
    for client, wire in WIRES.items():
        shares: list[str] = []
        for upstream in WIRES:
            found = [
                cell["verdict"] == "pass"
                for cell in cells
                if (cell["client"], cell["upstream"]) == (client, upstream)
                and cell["verdict"] in {"pass", "fail"}
            ]
            shares.append(f"{100 * sum(found) / len(found):.1f}" if found else "-")
        assert f"| {wire.title} | {' | '.join(shares)} |" in PAGE


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_results_are_of_the_features_that_there_are(gateway: str) -> None:
    told = json.loads((DOCS / "conformance" / f"{gateway}.json").read_bytes())
    names = {feature.name for feature in FEATURES}
    assert {one["name"] for one in told["features"]} <= names
    if told["pairs_served"] == len(WIRES) ** 2:
        assert {one["name"] for one in told["features"]} == names


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_reports_are_small_and_need_nothing(gateway: str) -> None:
    for ending in ("json", "html"):
        path = DOCS / "conformance" / f"{gateway}.{ending}"
        assert path.stat().st_size < 1_000_000
    page = (DOCS / "conformance" / f"{gateway}.html").read_text()
    assert not re.search(r"""<(link|img|iframe)|<script[^>]+src|@import""", page)
