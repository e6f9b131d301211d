"""Everything that can be configured is explained, in the code and to users."""

import ast
import inspect
import itertools
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from dragoman.config import settings
from dragoman.config.file import load_settings
from dragoman.config.settings import (
    Auth,
    Coordination,
    Document,
    Log,
    Media,
    Memory,
    ProviderSettings,
    RouteSettings,
    Server,
    Timeouts,
)
from dragoman.models.overrides import build_profiles
from dragoman.providers.environment import build_providers
from dragoman.providers.table import places

PAGE_PATH = Path(__file__).parents[2] / "docs" / "configuration.md"
PAGE = PAGE_PATH.read_text("utf-8")
HEADINGS: dict[str, type[msgspec.Struct]] = {
    "server": Server,
    "auth": Auth,
    "providers.NAME": ProviderSettings,
    "routes.NAME": RouteSettings,
    "timeouts": Timeouts,
    "media": Media,
    "memory": Memory,
    "coordination": Coordination,
    "log": Log,
}


def _fields(struct: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(struct)]


def _section(heading: str) -> str:
    return PAGE.partition(f"\n## `[{heading}]`\n")[2].partition("\n## ")[0]


def test_the_page_has_a_heading_for_every_section() -> None:
    assert set(_fields(Document)) == {heading.partition(".")[0] for heading in (*HEADINGS, "models.PATTERN")}


@pytest.mark.parametrize("heading", HEADINGS)
def test_the_page_explains_every_field_of_the_section_and_no_other(heading: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", _section(heading).partition("\n### ")[0], re.MULTILINE)
    assert rows == _fields(HEADINGS[heading])


@pytest.mark.parametrize("heading", ["server", "auth", "timeouts", "media", "memory", "log"])
def test_the_page_has_the_defaults_right(heading: str) -> None:
    section = msgspec.json.decode(msgspec.json.encode(HEADINGS[heading]()), type=dict[str, object])
    for field, default in section.items():
        row = next(line for line in _section(heading).splitlines() if line.startswith(f"| `{field}` |"))
        written = re.findall(r"`([^`]*)`", row.split("|")[3])[0]
        assert tomllib.loads(f"x = {written}")["x"] == default, field


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


@pytest.mark.parametrize("struct", HEADINGS.values(), ids=HEADINGS)
def test_every_field_has_a_docstring_in_the_code(struct: type[msgspec.Struct]) -> None:
    tree = ast.parse(inspect.getsource(settings))
    body = next(
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == struct.__name__
    ).body
    documented = [
        field.target.id
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    ]
    assert documented == _fields(struct)


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
