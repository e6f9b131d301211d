"""`docs/ledger.md` tells of every column, and of no other."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Table

from dragoman.store.tables import ATTEMPTS, BODIES, REQUESTS, ROLLUPS

PAGE = Path(__file__).parents[2].joinpath("docs", "ledger.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("title", "table"),
    [("Requests", REQUESTS), ("Attempts", ATTEMPTS), ("Bodies", BODIES), ("Sums", ROLLUPS)],
)
def test_the_page_has_a_row_for_every_column_in_the_order_of_the_table(title: str, table: Table) -> None:
    section = PAGE.split(f"\n### {title}\n")[1].split("\n#")[0]
    cells = re.findall(r"^\| (`.*?) \| (.+) \|$", section, re.MULTILINE)
    told = [name for first, _meaning in cells for name in re.findall(r"`(\w+)`", first)]
    assert told == [column.name for column in table.columns]


def test_what_the_page_links_to_is_there() -> None:
    folder = Path(__file__).parents[2] / "docs"
    links = set(re.findall(r"\]\(([\w.-]+)", PAGE))
    assert links
    assert [link for link in links if not (folder / link).exists()] == []
