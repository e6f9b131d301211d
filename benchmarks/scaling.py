"""How the cost of a request grows with the size of what it consists of."""

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.load import Result
from benchmarks.measurement import Bench, WrongAnswerError
from benchmarks.questions import SAME, TO_ANTHROPIC, Pair, Question, question
from benchmarks.results import Curve, Point, Results
from benchmarks.servers import Server

PROMPTS = (1, 2, 4, 8, 16, 32, 64)
MESSAGES = (1, 3, 10, 30, 100, 300, 1000)
CHUNKS = (1, 4, 16, 64, 256, 1024, 4096)
CONNECTIONS = (1, 3, 10, 30, 100, 300, 1000)
USUAL_CONNECTIONS, STREAMS = 32, 8
MESSAGE = 60
"""Bytes of text in a message."""

VARIABLES = {
    "prompt": "KB of prompt",
    "messages": "messages",
    "chunks": "pieces of a stream",
    "connections": "connections",
}


class Case(NamedTuple):
    """One point to be measured."""

    size: float
    asked: Question
    connections: int


def cases(variable: str, pair: Pair) -> Iterator[Case]:
    """The points of a curve."""
    match variable:
        case "prompt":
            for kilobytes in PROMPTS:
                asked = question(pair, stream=False, size=kilobytes * 1000)
                yield Case(kilobytes, asked, USUAL_CONNECTIONS)
        case "messages":
            for count in MESSAGES:
                asked = question(pair, stream=False, messages=count, size=count * MESSAGE)
                yield Case(count, asked, USUAL_CONNECTIONS)
        case "chunks":
            for count in CHUNKS:
                yield Case(count, question(pair, stream=True, pieces=count, model=pair.brisk), STREAMS)
        case _:
            for count in CONNECTIONS:
                yield Case(count, question(pair, stream=False), count)


def scaling(bench: Bench, server: Server, results: Results) -> None:
    """All curves, for what is passed through and what is translated."""
    for variable in VARIABLES:
        for pair in (SAME, TO_ANTHROPIC):
            curve = Curve(variable, pair.name, [])
            results.curves.append(curve)
            points = list(cases(variable, pair))
            for case in points[:: 3 if bench.quick else 1]:
                try:
                    curve.points.append(Point(case.size, _cost(bench, server, pair, case)))
                except WrongAnswerError as error:
                    curve.error = f"at {case.size:g}: {error}"
                    break


def _cost(bench: Bench, server: Server, pair: Pair, case: Case) -> float:
    """The lesser of two rounds. What is asked before them warms up, and tells how quick the answers are."""
    seconds = 0.3 if bench.quick else 0.8
    usual: Result | None = None
    if not case.asked.stream:
        usual = bench.driven(server, pair, case.asked, "closed", connections=case.connections, seconds=0.2)
    rounds = 1 if bench.quick else 2
    return min(
        bench.reading(server, pair, case.asked, case.connections, seconds=seconds, usual=usual).cpu_us
        for _ in range(rounds)
    )
