"""Everything that can be configured is explained, in the code and to users."""

import ast
import inspect
import itertools
import re
import tomllib
from pathlib import Path
from typing import cast

import msgspec
import pytest

from dragoman.config.allowance import BudgetSettings, LimitSettings, TeamSettings
from dragoman.config.bookkeeping import Ledger, Store
from dragoman.config.file import load_settings
from dragoman.config.price_settings import LongPromptPrices, TokenPrices
from dragoman.config.section import Section
from dragoman.config.settings import (
    Auth,
    Conditions,
    Coordination,
    Document,
    HealthSettings,
    KeySettings,
    Log,
    Media,
    Memory,
    Metrics,
    PriceSettings,
    ProviderSettings,
    Queue,
    Retries,
    RouteSettings,
    RouteTimeouts,
    Server,
    TargetSettings,
    Timeouts,
)
from dragoman.config.source import ConfigError
from dragoman.models.overrides import build_profiles
from dragoman.providers.environment import build_providers
from dragoman.providers.table import places

PAGE_PATH = Path(__file__).parents[2] / "docs" / "configuration.md"
PAGE = PAGE_PATH.read_text("utf-8")
HEADINGS: dict[str, type[msgspec.Struct]] = {
    "server": Server,
    "auth": Auth,
    "keys.NAME": KeySettings,
    "teams.NAME": TeamSettings,
    "providers.NAME": ProviderSettings,
    "routes.NAME": RouteSettings,
    "prices.PATTERN": PriceSettings,
    "timeouts": Timeouts,
    "retries": Retries,
    "health": HealthSettings,
    "queue": Queue,
    "metrics": Metrics,
    "media": Media,
    "memory": Memory,
    "coordination": Coordination,
    "store": Store,
    "ledger": Ledger,
    "log": Log,
}
PARTS: dict[str, type[msgspec.Struct]] = {
    "Targets as tables": TargetSettings,
    "Conditions": Conditions,
    "`[routes.NAME.timeouts]`": RouteTimeouts,
    "Limits": LimitSettings,
    "Budgets": BudgetSettings,
    "Long prompts": LongPromptPrices,
}
"""The tables inside of others, by their headings."""
NOT_REPEATED = {"Long prompts": TokenPrices}
"""Tables that the page explains elsewhere, and those that begin like them."""

STRUCTS: dict[str, type[msgspec.Struct]] = {**HEADINGS, **PARTS}
WITH_DEFAULTS = [
    name
    for name, struct in HEADINGS.items()
    if not any(field.required or field.default is None for field in msgspec.structs.fields(struct))
    if "." not in name
]


def _fields(struct: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(struct)]


def _own_fields(heading: str) -> list[str]:
    """The fields that the page explains under a heading."""
    elsewhere = _fields(NOT_REPEATED[heading]) if heading in NOT_REPEATED else []
    return [name for name in _fields(STRUCTS[heading]) if name not in elsewhere]


def _section(heading: str) -> str:
    return PAGE.partition(f"\n## `[{heading}]`\n")[2].partition("\n## ")[0]


def _table(heading: str) -> str:
    """The part of the page with the fields of a section or of a table inside a route."""
    if heading in PARTS:
        return PAGE.partition(f"\n### {heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    return _section(heading).partition("\n### ")[0]


def _row(heading: str, field: str) -> list[str]:
    row = next(line for line in _table(heading).splitlines() if line.startswith(f"| `{field}` |"))
    return [cell.strip() for cell in row.split("|")[1:-1]]


def test_the_page_has_a_heading_for_every_section() -> None:
    assert set(_fields(Document)) == {heading.partition(".")[0] for heading in (*HEADINGS, "models.PATTERN")}


@pytest.mark.parametrize("heading", STRUCTS)
def test_the_page_explains_every_field_of_the_section_and_no_other(heading: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", _table(heading), re.MULTILINE)
    assert rows == _own_fields(heading)


@pytest.mark.parametrize("heading", WITH_DEFAULTS)
def test_the_page_has_the_defaults_right(heading: str) -> None:
    for field, default in msgspec.structs.asdict(HEADINGS[heading]()).items():
        written = re.findall(r"`([^`]*)`", _row(heading, field)[2])[0]
        given: object = tomllib.loads(f"x = {written}")["x"]
        assert (tuple(cast("list[object]", given)) if isinstance(given, list) else given) == default, field


@pytest.mark.parametrize("heading", STRUCTS)
def test_the_page_says_what_has_to_be_given(heading: str) -> None:
    for field in msgspec.structs.fields(STRUCTS[heading]):
        if field.name in _own_fields(heading):
            assert (_row(heading, field.name)[2] == "must be given") == field.required, field.name


@pytest.mark.parametrize("heading", ["routes.NAME", *PARTS, "keys.NAME", "teams.NAME", "auth", "ledger"])
def test_the_page_has_plain_defaults_of_other_tables_right(heading: str) -> None:
    for field in msgspec.structs.fields(STRUCTS[heading]):
        if isinstance(field.default, str | int | float):
            written = re.findall(r"`([^`]*)`", _row(heading, field.name)[2])[0]
            assert tomllib.loads(f"x = {written}")["x"] == field.default, field.name


EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_the_page_is_taken(tmp_path: Path, example: str) -> None:
    path = tmp_path / "dragoman.toml"
    path.write_text(example, "utf-8")
    variables = re.findall(r'"\$(\w+)"', example)
    load_settings(path, {name: f"sk-{name}" for name in variables})


def test_both_ways_to_write_targets_mean_the_same(tmp_path: Path) -> None:
    inline, tables = (example for example in EXAMPLES if "azure-eu" in example and "weight" in example)
    path = tmp_path / "dragoman.toml"
    path.write_text(inline, "utf-8")
    routes = load_settings(path, {}).routes
    path.write_text(tables, "utf-8")
    assert load_settings(path, {}).routes == routes


def test_the_error_of_the_page_is_the_real_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [message] = re.findall(r"^dragoman\.toml:7: .*$", PAGE, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    path = Path("dragoman.toml")
    path.write_text("\n" * 5 + '[providers.openai]\napi_kee = "sk-up"\n', "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {})
    assert str(caught.value) == message


def test_the_links_of_the_page_lead_somewhere() -> None:
    for path, anchor in re.findall(r"\]\(([\w.]*)#([\w-]+)\)", PAGE):
        page = (PAGE_PATH.parent / path).read_text("utf-8") if path else PAGE
        headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        assert anchor in anchors, f"{path}#{anchor}"


def test_the_section_of_models_leads_to_the_page_that_explains_its_fields(tmp_path: Path) -> None:
    section = _section("models.PATTERN")
    assert "(models.md#fields)" in section
    assert "\n## Fields\n" in (PAGE_PATH.parent / "models.md").read_text("utf-8")
    example = re.search(r"```toml\n(.*?)```", section, re.DOTALL)
    assert example is not None
    path = tmp_path / "dragoman.toml"
    path.write_text(example[1], "utf-8")
    profile = build_profiles(load_settings(path, {})).of("my-tuned-7b")
    assert (profile.max_output_tokens, profile.sampling) == (8192, "one")


@pytest.mark.parametrize("struct", STRUCTS.values(), ids=STRUCTS)
def test_every_field_has_a_docstring_in_the_code(struct: type[msgspec.Struct]) -> None:
    documented: set[str] = set()
    for kind in struct.__mro__:
        if issubclass(kind, Section):
            documented |= set(_documented(kind))
    assert documented == set(_fields(struct))


def _documented(struct: type[msgspec.Struct]) -> list[str]:
    """The fields of a class of its own that have a docstring."""
    [node] = ast.parse(inspect.getsource(struct)).body
    assert isinstance(node, ast.ClassDef)
    return [
        field.target.id
        for field, text in itertools.pairwise(node.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    ]


def test_the_example_of_the_page_works(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(\[server\].*?)```", PAGE, re.DOTALL)
    assert example is not None
    path = tmp_path / "dragoman.toml"
    path.write_text(example[1], "utf-8")
    loaded = load_settings(path, {})
    assert list(build_providers(loaded, {})) == ["openai", "anthropic", "gemini", "local"]
    assert list(loaded.routes) == ["gpt-4o", "sonnet", "flash"]


def test_the_page_has_every_known_provider_with_its_facts() -> None:
    table = _section("providers.NAME").partition("### Known providers\n")[2]
    rows = {cells[1].strip(" `"): cells for line in table.splitlines() if len(cells := line.split("|")) == 6}
    for name, place in places().items():
        _, _, variables, dialects, models, _ = rows[name]
        assert re.findall(r"`([^`]+)`", variables) == list(place.key_variables)
        assert re.findall(r"`([^`]+)`", models) == list(place.models)
        if not place.embedded:
            assert re.findall(r"`([^`]+)`", dialects) == list(place.urls)
    assert set(rows) - {"name", "---"} == set(places())
