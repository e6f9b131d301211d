"""Rows for a ledger of many millions: the traffic of a month, the same for the same seed.

Two hundred keys of twenty teams use a handful of routes, some a hundred times as much as others. Most columns
are those of one of some thousands of requests that are drawn once: that is quick to make, and as varied as it
has to be. Among the common rows are some of a kind that is found nowhere else.
"""

import itertools
import math
import random
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from dragoman.store.entry import AttemptEntry, CostRow, Entry, UsageCounts

SEED = 5
DAYS = 30
BEGINS = 1_790_812_800
"""The first of October 2026, 00:00 UTC."""
ENDS = BEGINS + DAYS * 86_400
KEYS, TEAMS = 200, 20

_SHAPES = 8_000
_ROUTES = {
    "gpt-4o": ("openai/gpt-4o", "azure/gpt-4o"),
    "gpt-4o-mini": ("openai/gpt-4o-mini", "azure/gpt-4o-mini"),
    "sonnet": ("anthropic/claude-sonnet-4-5", "bedrock/claude-sonnet-4-5"),
    "haiku": ("anthropic/claude-haiku-4-5",),
    "flash": ("gemini/gemini-2.5-flash",),
    "pro": ("gemini/gemini-2.5-pro",),
    "local": ("ollama/llama3.3",),
}
_PRICES = {
    "gpt-4o": 2.5,
    "gpt-4o-mini": 0.15,
    "sonnet": 3.0,
    "haiku": 1.0,
    "flash": 0.3,
    "pro": 1.25,
    "local": 0.0,
}
_DIALECTS = ("openai_chat", "anthropic", "openai_responses", "gemini")
_FAILURES = (
    *((429, "rate_limit"), (503, "overloaded"), (502, "bad_gateway"), (400, "invalid_request")),
    *((504, "timeout"), (404, "model_not_found"), (402, "quota")),
)
_WEIGHTS = (40, 20, 10, 15, 8, 5, 2)
_BY_HOUR = tuple(1.2 + math.sin((hour - 8) / 24 * 2 * math.pi) for hour in range(24))


class Oddity(NamedTuple):
    """Rows that are unlike all others: how many, within which part of the time, and in what they differ."""

    rows: int
    first: float
    last: float
    change: dict[str, object]


ODDITIES = {
    "a key with one row": Oddity(1, 0.4, 0.4, {"key_id": "key_once", "key_name": "once"}),
    "a key of long ago": Oddity(20_000, 0.0, 0.1, {"key_id": "key_old", "key_name": "old"}),
    "a rare target": Oddity(100, 0.0, 1.0, {"target": "rare/model"}),
    "a target of long ago": Oddity(50_000, 0.0, 0.1, {"target": "retired/model"}),
    "a rare route": Oddity(30, 0.0, 1.0, {"route": "rare"}),
    "a model asked for once": Oddity(
        1, 0.3, 0.3, {"model": "gpt-99", "status": 404, "failure": "model_not_found"}
    ),
    "a rare status": Oddity(1, 0.2, 0.2, {"status": 418, "failure": "server"}),
    "a rare dialect": Oddity(1, 0.1, 0.1, {"dialect": "bedrock"}),
    "a rare owner": Oddity(3, 0.0, 1.0, {"owner": "zoe"}),
    "costly": Oddity(40, 0.0, 1.0, {"cost": 60 * 10**9}),
    "costly, long ago": Oddity(30_000, 0.0, 0.1, {"cost": 7 * 10**9}),
    "unpriced": Oddity(200, 0.0, 1.0, {"unpriced": True, "cost": None}),
}


class Request(NamedTuple):
    """One request of the traffic: its id, when it began, and which of the shapes it has."""

    request_id: str
    began: float
    shape: int


def traffic(rows: int, shapes: int, odd: dict[str, range], seed: int = SEED) -> Iterator[list[Request]]:
    """So many requests, day by day, each day in the order in which they began. The first `shapes` shapes are
    the common ones, `odd` are those of the oddities.
    """
    draw = random.Random(seed + 1)  # noqa: S311 - the same each time
    hours = [BEGINS + 3600 * hour for hour in range(24 * DAYS)]
    shares = [_BY_HOUR[hour % 24] for hour in range(24 * DAYS)]
    ends = [round(rows * share / sum(shares)) for share in itertools.accumulate(shares)]
    places = dict(_places(rows, odd, draw))
    number, day = 0, list[Request]()
    for hour, end in zip(hours, ends, strict=True):
        moments = sorted(hour + 3600 * draw.random() for _ in range(end - number))
        for moment in moments:
            shape = places.get(number)
            if shape is None:
                shape = int(draw.random() * shapes)
            # as the gateway makes them: the time, and then something that nobody knows
            request_id = f"req_{int(moment * 1000):012x}{draw.getrandbits(48):012x}"
            day.append(Request(request_id, moment, shape))
            number += 1
        if (hour - BEGINS) % 86_400 == 82_800:
            yield day
            day = []


def _places(rows: int, odd: dict[str, range], draw: random.Random) -> Iterator[tuple[int, int]]:
    for oddity, (count, first, last, _) in ODDITIES.items():
        if first == last:
            yield int(first * rows), odd[oddity][0]
            continue
        for place in draw.sample(range(int(first * rows), int(last * rows)), min(count, rows // 50)):
            yield place, draw.choice(odd[oddity])


def all_shapes(seed: int = SEED) -> tuple[list[Entry], dict[str, range]]:
    """The common shapes, followed by those of oddities, and where these are."""
    found = usual_shapes(seed)
    odd: dict[str, range] = {}
    usual = [one for one in found[:200] if one.status == 200 and not one.cached]
    for oddity, (count, _, _, change) in ODDITIES.items():
        odd[oddity] = range(len(found), len(found) + min(count, len(usual)))
        found += [msgspec.structs.replace(one, **change) for one in usual[: len(odd[oddity])]]
    return found, odd


def usual_shapes(seed: int = SEED) -> list[Entry]:
    """Requests of every kind, the more of a kind the more common it is."""
    draw = random.Random(seed)  # noqa: S311 - the same each time
    names = list(_ROUTES)
    favourites = [draw.sample(names, draw.randint(1, 4)) for _ in range(KEYS)]
    weights = [1 / (rank + 1) ** 0.9 for rank in range(KEYS)]
    keys = draw.choices(range(KEYS), weights, k=_SHAPES)
    return [_shape(draw, key, draw.choice(favourites[key])) for key in keys]


def _shape(draw: random.Random, key: int, route: str) -> Entry:
    first, *others = _ROUTES[route]
    target = others[0] if others and draw.random() < 0.1 else first
    status, failure = 200, ""
    if draw.random() < 0.035:
        status, failure = draw.choices(_FAILURES, _WEIGHTS)[0]
    left, cached = not failure and draw.random() < 0.015, not failure and draw.random() < 0.03
    prompt, answer = int(draw.lognormvariate(6.5, 1.4)), int(draw.lognormvariate(5.3, 1.0))
    usage = (
        UsageCounts() if failure or cached else UsageCounts(prompt, answer, draw.choice((None, prompt // 2)))
    )
    price = _PRICES[route]
    cost = None if usage.input is None else int(prompt * price * 1000 + answer * price * 4000)
    dialect = draw.choices(_DIALECTS, (55, 30, 10, 5))[0]
    first_token, total = draw.lognormvariate(-0.7, 0.5), draw.lognormvariate(1.2, 0.8)
    lines = (
        CostRow("input", prompt, f"{price:g}"),
        CostRow("output", answer, f"{4 * price:g}"),
    )
    attempt = AttemptEntry(
        *(target, "1", "openai_chat", "translate", "failed" if failure else "answered", 0.0),
        *(False, 0, 0.0, 0.02, first_token, first_token, total),
        failure=failure,
        error="The upstream answered with an error." if failure else "",
        upstream_status=status if failure else None,
        usage=usage,
        estimated=left,
        cost=cost,
        cost_rows=() if cost is None else lines,
        price_source="genai-prices 0.2.3, 2026-11-22",
    )
    return Entry(
        *("", 0.0, f"key_{key:04}", f"service {key}", dialect, route, 499 if left else status),
        owner=f"person {key % 60}" if key % 3 else "",
        team_id=f"team_{key % TEAMS:02}",
        team_name=f"Team {key % TEAMS}",
        tags=("prod",) if key % 2 else (),
        route=route,
        target=target,
        upstream_dialect="openai_chat",
        plan="translate",
        stream=draw.random() < 0.6,
        cached=cached,
        queue=0.0,
        first_token=None if failure else first_token,
        total=total,
        stop="" if failure else "end",
        failure=failure,
        error="The upstream answered with an error." if failure else "",
        usage=usage,
        estimated=left,
        cost=0 if cached else cost,
        node="node-1",
        attempts=() if cached else (attempt, attempt) if draw.random() < 0.03 else (attempt,),
    )
