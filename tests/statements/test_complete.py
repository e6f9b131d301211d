"""Every conformance statement has tests that name it, and the page says where they are.

The statements are numbered 1 to 100 in docs/conformance/statements.md; a test of statement 42 is called
`test_statement_042_...`, in whichever file of this folder it stands.
"""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parents[1] / "docs" / "conformance" / "statements.md"
NUMBERS = range(1, 101)


def files_of_tests() -> dict[int, list[str]]:
    """The files with tests of each statement, in the order of their names."""
    found: dict[int, list[str]] = {}
    for file in sorted(TESTS.glob("test_*.py")):
        for number in set(re.findall(r"def test_statement_(\d{3})_", file.read_text("utf-8"))):
            found.setdefault(int(number), []).append(file.name)
    return found


def links(number: int, files: list[str]) -> str:
    """What the page's last column has to hold for a statement."""
    return ", ".join(
        f"[`{file}::test_statement_{number:03}_`](../../tests/statements/{file})" for file in files
    )


def test_every_statement_has_a_test_of_its_own() -> None:
    assert sorted(files_of_tests()) == [*NUMBERS]


def test_the_page_lists_every_statement_once_and_its_tests_where_they_are() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == [*NUMBERS]
    files = files_of_tests()
    wanted = {int(number): links(int(number), files.get(int(number), [])) for number, _, _ in rows}
    stale = [
        f"| {number} | {statement} | {wanted[int(number)]} |"
        for number, statement, told in rows
        if told != wanted[int(number)]
    ]
    assert not stale, "\n".join([f"{PAGE.name} should have these rows instead:", *stale])
