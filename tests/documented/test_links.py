"""The documentation is one whole: every page is reached from the README, every link leads somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.joinpath("docs").rglob("*.md"))]
OUTSIDE = ("http://", "https://", "mailto:")

_LINK = re.compile(r"\]\(\s*([^)\s]+)\s*\)")
_CODE = re.compile(r"^```[\s\S]*?^```|^    .*$|`[^`\n]+`", re.MULTILINE)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FENCED = re.compile(r"^```[\s\S]*?^```", re.MULTILINE)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The files that a page links to, and the places in them."""
    for link in _LINK.findall(_CODE.sub("", page.read_text("utf-8"))):
        if not link.startswith(OUTSIDE):
            file, _, place = link.partition("#")
            yield (page.parent / file).resolve() if file else page, place


def anchors(page: Path) -> set[str]:
    """The places of a page, as GitHub names them after its headings."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCED.sub("", page.read_text("utf-8"))):
        words = re.sub(r"\]\([^)]*\)", "", heading).lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        number = 0
        while (unique := f"{name}-{number}" if number else name) in found:
            number += 1
        found.add(unique)
    return found


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_to_files_and_headings_that_there_are(page: Path) -> None:
    for file, place in links(page):
        assert file.exists(), f"{named(page)} links to {file}"
        if place:
            assert place in anchors(file), f"{named(page)} links to {file.name}#{place}"


def test_every_page_and_picture_is_reached_from_the_readme() -> None:
    reached = {ROOT / "README.md"}
    ahead = [ROOT / "README.md"]
    while ahead:
        for file, _ in links(ahead.pop()):
            if file not in reached:
                reached.add(file)
                if file.suffix == ".md":
                    ahead.append(file)
    pages = {file for file in ROOT.joinpath("docs").glob("*") if file.suffix in {".md", ".svg"}}
    assert sorted(map(named, pages - reached)) == []
