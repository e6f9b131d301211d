"""A bounded mapping forgets what was not used for longest, and nothing that is in use."""

from dragoman.routing.recent import Recent


def test_what_was_not_used_for_longest_goes_first() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.use("a") == 1
    recent.put("c", 3)
    assert list(recent) == [1, 3]


def test_a_look_does_not_count_as_use() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.peek("a") == 1
    recent.put("c", 3)
    assert list(recent) == [2, 3]


def test_an_entry_that_is_put_again_takes_no_second_place() -> None:
    recent: Recent[str, int] = Recent(2)
    for value in range(10):
        recent.put("a", value)
    recent.put("b", 1)
    assert (list(recent), len(recent)) == ([9, 1], 2)


def test_what_is_busy_stays() -> None:
    recent: Recent[str, list[str]] = Recent(1, bool)
    recent.put("busy", ["at work"])
    recent.put("idle", [])
    recent.put("busy too", ["at work"])
    assert list(recent) == [["at work"], ["at work"]]


def test_an_entry_can_be_taken_out() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    assert (recent.take("a"), recent.take("a"), recent.use("a"), len(recent)) == (1, None, None, 0)
