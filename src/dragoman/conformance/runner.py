"""The matrix, played: one lane for each upstream format, whose cells run one after another.

Each lane has a fake vendor on a port of its own, so that what one cell sends never mixes with another's.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable

import msgspec

from dragoman.conformance.catalogue import FEATURES
from dragoman.conformance.cell import Cell, Verdict
from dragoman.conformance.feature import Feature
from dragoman.conformance.gateway_client import Answered, GatewayClient
from dragoman.conformance.question import UnsayableError
from dragoman.conformance.stage import BrokenError, ElsewhereError, Finding, Stage
from dragoman.conformance.subject import UPSTREAM_KEY, VENDOR_MODELS, Subject
from dragoman.conformance.wire import WIRES
from dragoman.testing.provider import FakeProvider
from dragoman.testing.server import FakeServer
from dragoman.testing.vendors import route_of

REFUSAL = "what cannot be done is an error in the client's envelope that names it"
_LONGEST_CELL = 60.0
"""Seconds."""


class Pattern(msgspec.Struct, frozen=True):
    """Some cells: of a feature (or of a group of them, in lower case), of a client format, of an upstream
    format; an empty text stands for any.
    """

    feature: str = ""
    client: str = ""
    upstream: str = ""

    def takes(self, feature: Feature, client: str, upstream: str) -> bool:
        """Whether the cell is among them."""
        named = self.feature in {"", feature.name, feature.group.lower()}
        return named and self.client in {"", client} and self.upstream in {"", upstream}


EVERYTHING = (Pattern(),)


def ports(first: int) -> dict[str, int]:
    """The port of each fake vendor: four in a row from the first one; 0 takes free ones."""
    return {name: first + number if first else 0 for number, name in enumerate(WIRES)}


@contextlib.asynccontextmanager
async def vendors(host: str, first_port: int) -> AsyncGenerator[dict[str, FakeServer]]:
    """The fake vendors by format, listening."""
    async with contextlib.AsyncExitStack() as stack:
        servers: dict[str, FakeServer] = {}
        for name, port in ports(first_port).items():
            server = FakeServer(_vendor(name), host=host, port=port)
            servers[name] = await stack.enter_async_context(server)
        yield servers


def _vendor(name: str) -> FakeProvider:
    """A vendor that knows one key and the models of the suite."""
    models = [model for target, model in VENDOR_MODELS.items() if target.partition(".")[0] == name]
    return FakeProvider(keys=frozenset({UPSTREAM_KEY}), models=tuple(dict.fromkeys(models)))


async def run(
    subject: Subject,
    fakes: dict[str, FakeServer],
    patterns: tuple[Pattern, ...] = EVERYTHING,
    progress: Callable[[Cell], None] = lambda cell: None,
) -> list[Cell]:
    """Play every cell that one of the patterns takes; the cells in the order of the catalogue."""
    async with GatewayClient() as http:
        lanes = (_lane(subject, http, fakes[name], name, patterns, progress) for name in WIRES)
        played = await asyncio.gather(*lanes)
    order = [(feature.name, mode) for feature in FEATURES for mode in feature.modes]
    names = list(WIRES)

    def place(cell: Cell) -> tuple[int, ...]:
        pair = (names.index(cell.client), names.index(cell.upstream))
        return (order.index((cell.feature, cell.mode)), *pair)

    return sorted((cell for lane in played for cell in lane), key=place)


async def _lane(
    subject: Subject,
    http: GatewayClient,
    fake: FakeServer,
    upstream: str,
    patterns: tuple[Pattern, ...],
    progress: Callable[[Cell], None],
) -> list[Cell]:
    cells: list[Cell] = []
    for client in WIRES:
        chosen = [
            feature
            for feature in FEATURES
            if feature.meets(client, upstream)
            and any(pattern.takes(feature, client, upstream) for pattern in patterns)
        ]
        offered = bool(chosen) and await _is_offered(subject, http, fake, client, upstream)
        for feature in chosen:
            for mode in feature.modes:
                stage = _stage(subject, http, fake, client, upstream, feature, mode)
                cell = await _play(stage, feature, mode, offered=offered)
                if cell is not None:
                    cells.append(cell)
                    progress(cell)
    return cells


def _stage(
    subject: Subject,
    http: GatewayClient,
    fake: FakeServer,
    client: str,
    upstream: str,
    feature: Feature,
    mode: str,
) -> Stage:
    return Stage(
        subject,
        http,
        fake,
        WIRES[client],
        WIRES[upstream],
        streamed=mode == "streamed",
        variant=feature.variant,
        rule=feature.rule,
    )


async def _is_offered(
    subject: Subject, http: GatewayClient, fake: FakeServer, client: str, upstream: str
) -> bool:
    """Whether the gateway serves this client for this upstream at all, in the upstream's own format."""
    plain = next(feature for feature in FEATURES if feature.name == "text")
    stage = _stage(subject, http, fake, client, upstream, plain, "whole")
    stage.lay_out(plain.answer(stage))
    await stage.send(plain.question(stage))
    return any(route_of(one.incoming).dialect == upstream for one in stage.generations())


async def _play(stage: Stage, feature: Feature, mode: str, *, offered: bool) -> Cell | None:
    """The cell; None where a client of this format has no way to ask for it."""
    started = time.monotonic()
    impossible = feature.impossible.get(stage.upstream.name, "")
    same = stage.client.name == stage.upstream.name
    try:
        stage.body(feature.question(stage))  # shows whether it can be said
        if not offered:
            verdict = Verdict.UNOFFERED
        elif impossible and not same:
            verdict = await _refused(stage, feature)
        else:
            verdict = await _passed(stage, feature)
    except UnsayableError:
        return None
    return Cell(
        feature.name,
        stage.client.name,
        stage.upstream.name,
        mode,
        verdict,
        feature.rule,
        tuple(stage.findings[:5]),
        impossible or feature.emulated.get(stage.upstream.name, ""),
        round(time.monotonic() - started, 3),
    )


async def _passed(stage: Stage, feature: Feature) -> Verdict:
    try:
        async with asyncio.timeout(_LONGEST_CELL):
            if feature.play is not None:
                await feature.play(stage)
            else:
                got = await stage.ask(feature.question(stage), feature.answer(stage))
                feature.check(stage, got)
    except BrokenError as broken:
        if feature.emulated.get(stage.upstream.name) and await _says_so(stage, feature):
            return Verdict.REFUSED
        stage.findings.append(broken.finding)
    except TimeoutError:
        stage.findings.append(Finding(f"nothing came for {_LONGEST_CELL:.0f} s", feature.rule))
    except UnsayableError:
        raise
    except ElsewhereError:
        return Verdict.UNOFFERED
    except Exception as error:  # noqa: BLE001 - whatever a gateway sends must not stop the run
        stage.findings.append(Finding(f"the answer could not be read: {error!r}", feature.rule))
    return Verdict.FAIL if stage.findings else Verdict.PASS


async def _says_so(stage: Stage, feature: Feature) -> bool:
    """Whether the gateway refuses the question as it should, without asking the upstream."""
    stage.lay_out(feature.answer(stage))
    answered = await stage.send(feature.question(stage))
    return not _wrongs(stage, feature, answered) and not stage.generations()


async def _refused(stage: Stage, feature: Feature) -> Verdict:
    stage.lay_out(feature.answer(stage))
    answered = await stage.send(feature.question(stage))
    for reason in _wrongs(stage, feature, answered):
        stage.expect(False, reason, REFUSAL)
    return Verdict.MISLED if stage.findings else Verdict.REFUSED


def _wrongs(stage: Stage, feature: Feature, answered: Answered) -> list[str]:
    """What is wrong with a refusal."""
    if not 400 <= answered.status < 500:
        return [f"HTTP {answered.status} where a refusal (400) is due"]
    told = stage.told(answered)
    if told is None:
        return [f"not in the client's envelope: {answered.body[:160].decode('utf-8', 'replace')}"]
    if not any(word in told.message.lower() for word in feature.words):
        return [f"the refusal does not name the thing: {told.message[:200]}"]
    return []
