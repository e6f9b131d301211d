"""Upstreams that say no: they are asked again when they want to be, others at once, and none in vain."""

import itertools
from collections.abc import Iterator

import pytest
from tests.chaos.audit import Audit
from tests.chaos.configuration import configuration, neighbour
from tests.chaos.refusals import AT_FAULT, HERE_NEVER, LONG, PASSING, Refusal, Wait, refused, waits_of
from tests.chaos.speech import WORDS, reader, speech
from tests.chaos.stage import Case, Played, Stage
from tests.chaos.upstream import End, Play
from tests.chaos.verdict import Backing, Heard, read
from tests.live.client import MODELS

Row = tuple[Refusal, Wait | None, str, str, bool]
"""A refusal, when it wants to be asked again, the dialects of client and upstream, whether streamed."""


def rows(refusals: list[Refusal], *, waiting: bool) -> list[Row]:
    """Each refusal in each way, from each upstream, for a client of its own dialect and one of another."""
    found: list[Row] = []
    for refusal, dialect in itertools.product(refusals, MODELS):
        for wait in waits_of(refusal, dialect) if waiting else (None,):
            for client, stream in itertools.product((dialect, neighbour(dialect)), (False, True)):
                found.append((refusal, wait, client, dialect, stream))
    return found


ROWS = [*rows(PASSING, waiting=True), *rows(AT_FAULT, waiting=False), *rows(HERE_NEVER, waiting=False)]


@pytest.fixture(scope="module")
def lanes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Audit]]:
    """A gateway with a provider for each row alone, and one for each with another target behind it: who
    has refused is given a rest, and no row is to suffer from another.
    """
    stage = Stage(tmp_path_factory.mktemp("lanes"))
    wanted = [(row[3], backing) for backing in (Backing.ALONE, Backing.BACKED) for row in ROWS]
    with stage.open(configuration(wanted)):
        audit = Audit(stage)
        yield stage, audit
        audit.close()


@pytest.fixture
def stage(lanes: tuple[Stage, Audit]) -> Iterator[Stage]:
    """The gateway and its upstreams. Nothing that was played is left behind."""
    stage, audit = lanes
    yield stage
    audit.check()


def lane_of(row: Row, backing: Backing) -> int:
    return ROWS.index(row) + (len(ROWS) if backing is Backing.BACKED else 0)


def case_of(row: Row, backing: Backing) -> Case:
    refusal, wait, client, upstream, stream = row
    name = refusal.name if wait is None else f"{refusal.name}, {wait.name}"
    return Case(client, upstream, stream, None, name, backing, lane=lane_of(row, backing))


def plays(row: Row) -> list[Play]:
    """It is refused at first, and would be answered after that."""
    refusal, wait, _, upstream, stream = row
    good = speech("first", upstream, stream=stream).wire
    refusing = refused(refusal, upstream) if wait is None else refused(refusal, upstream, wait)
    return [refusing, (good, End.KEEP)]


def outcomes(stage: Stage, wanted: list[Row], backing: Backing) -> list[tuple[Row, Played, Heard]]:
    """What came of each row."""
    played = stage.play_all([(case_of(row, backing), {"first": plays(row)}) for row in wanted])
    found: list[tuple[Row, Played, Heard]] = []
    for row, one in zip(wanted, played, strict=True):
        own = one.asked[-1].dialect == one.case.client
        found.append((row, one, read(reader(one.case.client), one.reply, stream=one.case.stream, own=own)))
    return found


def rows_of(refusal: Refusal) -> list[Row]:
    return [row for row in ROWS if row[0] is refusal]


def named(refusals: list[Refusal]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("refusal", refusals, ids=[one.name for one in refusals])


@named(PASSING)
def test_it_is_asked_again_when_it_wants_to_be_and_not_before(refusal: Refusal, stage: Stage) -> None:
    wanted = [row for row in rows_of(refusal) if row[1] is not None and row[1].seconds < LONG]
    for row, played, heard in outcomes(stage, wanted, Backing.ALONE):
        wait = row[1]
        assert wait is not None
        assert heard.words == WORDS["first"], f"{played.case.title}: {heard}"
        first, second = (one.arrived for one in played.asked)
        # timers may fire a hair early
        assert second - first > wait.seconds - 0.01, f"{played.case.title}: {second - first}"


@named(PASSING)
def test_what_wants_to_be_left_alone_for_long_is_not_asked_again(refusal: Refusal, stage: Stage) -> None:
    wanted = [row for row in rows_of(refusal) if row[1] is not None and row[1].seconds == LONG]
    for _, played, heard in outcomes(stage, wanted, Backing.ALONE):
        assert heard.error is not None, f"{played.case.title}: {heard}"
        assert len(played.asked) == 1, played
        assert int(played.reply.headers["retry-after"]) in {59, 60}, f"{played.case.title}: {played.reply}"


@named([*PASSING, *HERE_NEVER])
def test_another_target_is_asked_at_once(refusal: Refusal, stage: Stage) -> None:
    for _, played, heard in outcomes(stage, rows_of(refusal), Backing.BACKED):
        assert heard.words == WORDS["second"], f"{played.case.title}: {heard}"
        assert [one.place for one in played.asked] == ["first", "second"], played


@named([*AT_FAULT, *HERE_NEVER])
def test_what_would_be_refused_again_is_asked_once(refusal: Refusal, stage: Stage) -> None:
    for _, played, heard in outcomes(stage, rows_of(refusal), Backing.ALONE):
        assert heard.error is not None, f"{played.case.title}: {heard}"
        assert len(played.asked) == 1, played


@named(AT_FAULT)
def test_a_request_at_fault_is_not_tried_elsewhere(refusal: Refusal, stage: Stage) -> None:
    for _, played, heard in outcomes(stage, rows_of(refusal), Backing.BACKED):
        assert heard.error is not None, f"{played.case.title}: {heard}"
        assert len(played.asked) == 1, played
