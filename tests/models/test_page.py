"""`docs/models.md` says what the data says."""

import ast
import inspect
import itertools
import re
import tomllib
from pathlib import Path

import msgspec

from dragoman.config.file import load_settings
from dragoman.models import profile as module
from dragoman.models.overrides import build_profiles
from dragoman.models.profile import Family, Profile, families

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
FIELDS = msgspec.structs.fields(Profile)


def rows(heading: str) -> list[list[str]]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in cells] for cells in found]


def docstrings() -> dict[str, str]:
    tree = ast.parse(inspect.getsource(module))
    [body] = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Profile"]
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if isinstance(text.value.value, str)
    }


def test_the_page_explains_every_field_as_the_code_does() -> None:
    assert {name.strip("`"): meaning for name, _, _, meaning in rows("Fields")} == docstrings()
    assert [name.strip("`") for name, *_ in rows("Fields")] == [field.name for field in FIELDS]


def test_the_page_has_the_defaults_right() -> None:
    defaults = {field.name: field.default for field in FIELDS if field.name != "family"}
    written = {
        name.strip("`"): tomllib.loads(f"x = {default.strip('`')}")["x"] if default else None
        for name, _, default, _ in rows("Fields")
        if name != "`family`"
    }
    assert written == msgspec.json.decode(msgspec.json.encode(defaults))


def facts(family: Family) -> list[str]:
    """The cells of a family's row."""
    said = {
        field.name: getattr(family.profile, field.name)
        for field in FIELDS
        if field.name != "family" and getattr(family.profile, field.name) != field.default
    }
    return [
        ", ".join(f"`{pattern}`" for pattern in family.match),
        f"`{family.profile.family}`",
        ", ".join(f"`{name} = {msgspec.json.encode(value).decode()}`" for name, value in said.items()),
        str(family.checked),
    ]


def test_the_page_has_every_family_with_its_facts_and_no_other() -> None:
    assert rows("Families") == [facts(family) for family in families()]


def test_the_example_of_the_page_works(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    path = tmp_path / "dragoman.toml"
    path.write_text(example[1], "utf-8")
    assert build_profiles(load_settings(path, {})).of("acme/my-tuned-7b").efforts == ("low", "medium", "high")
