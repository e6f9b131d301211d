"""What counts as having become slower."""

from pathlib import Path

from benchmarks.guard import Cost, changes, read, write

BEFORE = {"one answer": Cost(300, 200, 60.0), "a piece": Cost(30, 20)}


def test_what_is_as_recorded_is_no_change() -> None:
    assert changes(BEFORE, BEFORE) == []


def test_a_few_calls_may_come_and_go() -> None:
    assert changes(BEFORE, {"one answer": Cost(305, 198, 60.0), "a piece": Cost(32, 20)}) == []


def test_more_calls_are_worse_and_fewer_are_better() -> None:
    worse, better = changes(BEFORE, {"one answer": Cost(330, 100, 60.0)})
    assert (worse.figure, worse.worse, worse.better) == ("calls of Python", True, False)
    assert worse.words == "one answer, calls of Python: 300 -> 330 (+10.0 %)"
    assert (better.figure, better.worse, better.better) == ("other calls", False, True)


def test_time_is_allowed_more_than_calls_are() -> None:
    assert changes(BEFORE, {"one answer": Cost(300, 200, 68.0)}) == []
    assert [change.figure for change in changes(BEFORE, {"one answer": Cost(300, 200, 75.0)})] == ["CPU time"]


def test_time_that_was_not_measured_is_not_compared() -> None:
    assert changes(BEFORE, {"one answer": Cost(300, 200)}) == []


def test_the_worst_change_comes_first() -> None:
    found = changes(BEFORE, {"one answer": Cost(330, 200, 60.0), "a piece": Cost(60, 20)})
    assert [change.scenario for change in found] == ["a piece", "one answer"]


def test_a_scenario_that_is_new_is_not_compared() -> None:
    assert changes(BEFORE, {"another": Cost(1, 1)}) == []


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "recorded.json"
    assert read(path) == {}
    write({"3.11": BEFORE}, path)
    assert read(path) == {"3.11": BEFORE}
