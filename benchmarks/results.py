"""What was measured, as it is written to `results.json`. Times of CPU are in microseconds, delays in
milliseconds, memory in MB (10^6 bytes) where a name does not say otherwise.
"""

import statistics
from collections.abc import Callable

import msgspec


class Reading(msgspec.Struct, frozen=True):
    """One round of one scenario, at full load."""

    cpu_us: float
    """User and system time of all processes of the gateway for each request."""
    rate: float
    """Requests answered in a second."""
    p50_ms: float
    p99_ms: float


class Row(msgspec.Struct):
    """A gateway in a scenario: its rounds, or why there are none."""

    server: str
    pair: str
    readings: list[Reading] = []
    error: str = ""

    def median(self, figure: Callable[[Reading], float]) -> float:
        """The median of a figure over the rounds."""
        return statistics.median(figure(reading) for reading in self.readings)

    @property
    def cpu_us(self) -> float:
        """Its CPU time for each request."""
        return self.median(lambda reading: reading.cpu_us)


class Delay(msgspec.Struct):
    """How long answers take at a given rate, as medians over the rounds."""

    server: str
    pair: str
    load: str
    rate: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    error: str = ""


class Memory(msgspec.Struct):
    """Resident memory: before anything was asked but one question, after the first load, at the end."""

    server: str
    at_rest: float
    after_load: float = 0.0
    at_end: float = 0.0


class OpenStreams(msgspec.Struct):
    """Many streams at once through one worker."""

    streams: int
    pieces: int
    gap_ms: float
    kb_each: float = 0.0
    complete: int = 0
    slowest: float = 0.0
    """How much longer the slowest stream took than the upstream means to take: 0.01 is 1 %."""
    p99_slow: float = 0.0
    direct_p99_slow: float = 0.0
    """The same without a gateway: the upstream and the load are late as well."""
    cpu_share: float = 0.0
    """Of one core, while all were open."""
    error: str = ""


class Large(msgspec.Struct):
    """A large request."""

    server: str
    megabytes: float
    cpu_ms: float = 0.0
    error: str = ""


class Start(msgspec.Struct):
    """Seconds, as medians."""

    what: str
    seconds: float


class Point(msgspec.Struct, frozen=True):
    """What a request of a size costs."""

    size: float
    cpu_us: float


class Curve(msgspec.Struct):
    """How the cost grows with something."""

    variable: str
    pair: str
    points: list[Point] = []
    error: str = ""


class Machine(msgspec.Struct, frozen=True):
    """What it was measured on, and with."""

    processor: str
    cores: int
    memory_gb: float
    system: str
    python: str
    versions: dict[str, str]


class Run(msgspec.Struct, frozen=True):
    """How a part of the results came to be."""

    command: str
    date: str
    revision: str
    seconds: float
    rounds: int
    error: str = ""


class Results(msgspec.Struct):
    """Everything."""

    machine: Machine | None = None
    runs: dict[str, Run] = {}
    absent: dict[str, str] = {}
    """Peers that were not measured, and why."""
    unary: list[Row] = []
    streams: list[Row] = []
    delays: list[Delay] = []
    memory: list[Memory] = []
    open_streams: OpenStreams | None = None
    large: list[Large] = []
    starts: list[Start] = []
    curves: list[Curve] = []
    flames: list[str] = []
    """Files of flame graphs."""


def find_row(rows: list[Row], server: str, pair: str) -> Row | None:
    """A gateway's row, if it has readings."""
    return next((row for row in rows if row.server == server and row.pair == pair and row.readings), None)
