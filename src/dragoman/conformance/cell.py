"""One cell of the matrix, scored."""

import enum

import msgspec

from dragoman.conformance.stage import Finding


class Verdict(enum.StrEnum):
    """How a cell came out."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    REFUSED = "refused"
    """Cannot be done at this upstream, and the client was told so."""
    MISLED = "misled"
    """Cannot be done at this upstream, and the client was not told."""
    UNOFFERED = "unoffered"
    """The gateway does not serve the client's format, or asks this upstream in another one."""


class Cell(msgspec.Struct, frozen=True):
    """What came of one feature, client format and upstream format, streamed or whole.

    `impossible` is the rule that makes the feature impossible at the upstream. `seconds` is how long
    the cell took.
    """

    feature: str
    client: str
    upstream: str
    mode: str
    verdict: Verdict
    rule: str
    findings: tuple[Finding, ...] = ()
    impossible: str = ""
    seconds: float = 0.0

    @property
    def counted(self) -> bool:
        """Whether the cell is part of the percentage."""
        return self.verdict in {Verdict.PASS, Verdict.FAIL}


class Score(msgspec.Struct, frozen=True):
    """So many cells of so many."""

    passed: int
    counted: int

    @property
    def percent(self) -> float | None:
        """The share in percent; None where nothing is counted."""
        return 100.0 * self.passed / self.counted if self.counted else None

    @property
    def text(self) -> str:
        """`97.5`, or a dash where nothing is counted."""
        return "-" if self.percent is None else f"{self.percent:.1f}"


def score(cells: list[Cell]) -> Score:
    """The score of cells, the impossible and the unoffered ones left out."""
    counted = [cell for cell in cells if cell.counted]
    return Score(sum(cell.verdict is Verdict.PASS for cell in counted), len(counted))


def refusals(cells: list[Cell]) -> Score:
    """How many of the impossible cells were refused as they should be."""
    impossible = [cell for cell in cells if cell.verdict in {Verdict.REFUSED, Verdict.MISLED}]
    return Score(sum(cell.verdict is Verdict.REFUSED for cell in impossible), len(impossible))
