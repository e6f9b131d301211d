"""Every conformance statement has a test that names it.

The statements are numbered 1 to 100 in docs/conformance.md; a test of statement 42 is called
`test_statement_042_...`, wherever it stands.
"""

import re
from pathlib import Path

TESTS = Path(__file__).parent


def test_every_statement_has_a_test_of_its_own() -> None:
    named = {
        int(number)
        for file in TESTS.glob("test_*.py")
        for number in re.findall(r"def test_statement_(\d{3})_", file.read_text("utf-8"))
    }
    assert sorted(set(range(1, 101)) - named) == []
    assert max(named) == 100
