"""The gateway under test: which routes it has, and how much time and how many tries it gives them."""

from collections.abc import Sequence

from tests.chaos.upstream import Unreachable
from tests.chaos.verdict import ATTEMPTS, Backing
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY
from tests.live.client import MODELS

DIALECTS = tuple(MODELS)
PLACES = ("first", *Unreachable.PLACES)
"""Where the first target of a route may be."""

CONNECT = 1.0
SILENCE = 1.5
TOTAL = 8.0
"""Seconds that hasty routes give to a connection, to the first event and each further one, and to all."""

PATIENT = 25.0
"""Seconds that all other routes give: no test waits so long."""

HEAD = f"""
[server]
port = 0
watch = false
[auth]
keys = ["{CLIENT_KEY}"]
[log]
format = "json"
[timeouts]
connect = {PATIENT}
first_event = {PATIENT}
between_events = {PATIENT}
total = {PATIENT}
keep_alive = <keep_alive>
[retries]
attempts = 3
backoff = 0.02
max_backoff = 1.5
"""

UNGUARDED = """
[health]
min_failures = 1000000
"""
"""Health is out of it: each request is to meet its mishap."""

GUARDED = """
[health]
cooldown = 0.5
max_cooldown = 1.0
[queue]
size = 20
timeout = 1.0
"""
"""Targets are given a rest, requests wait in queues, and others race: all that may spare an upstream."""

HASTY = f"""
[routes."{{name}}".timeouts]
connect = {CONNECT}
first_event = {SILENCE}
between_events = {SILENCE}
total = {TOTAL}
"""


def neighbour(dialect: str) -> str:
    """The dialect of the second target: always another than that of the first."""
    return DIALECTS[(DIALECTS.index(dialect) + 1) % len(DIALECTS)]


def route_name(place: str, dialect: str, backing: Backing, *, hasty: bool) -> str:
    """The model that clients name for this."""
    return f"{place}-{dialect}-{backing}{'-hasty' if hasty else ''}"


def provider(place: str, dialect: str, port: str | None = None, *, guarded: bool = False) -> str:
    """An upstream that speaks a dialect, at the place's port, which is filled in when it is known."""
    version = "/v1" if dialect.startswith("openai_") else ""
    return (
        f"[providers.{place}_{dialect}]\n"
        f'dialect = "{dialect}"\n'
        f'base_url = "http://127.0.0.1:<{port or "upstream"}>/{place}/{dialect}{version}"\n'
        f'api_key = "{UPSTREAM_KEY}"\n'
        f"max_concurrent = {6 if guarded else 1000}\n"
    )


def targets_of(place: str, dialect: str, backing: Backing) -> list[str]:
    """What stands behind a route."""
    targets = [f"{place}_{dialect}/{MODELS[dialect]}"]
    if backing in {Backing.BACKED, Backing.DOOMED}:
        other = neighbour(dialect)
        targets.append(f"second_{other}/{MODELS[other]}")
    return targets


def configuration(
    lanes: Sequence[tuple[str, Backing]] = (), *, guarded: bool = False, keep_alive: float = 15
) -> str:
    """A route for every place, dialect, backing and haste, and the lanes. `<upstream>`, `<closed>` and so on
    stand for ports.
    """
    parts = [HEAD.replace("<keep_alive>", str(keep_alive)), GUARDED if guarded else UNGUARDED]
    parts += [provider("second", dialect, guarded=guarded) for dialect in DIALECTS]
    for place in PLACES:
        for dialect in DIALECTS:
            parts.append(provider(place, dialect, None if place == "first" else place, guarded=guarded))
            for backing in Backing:
                for hasty in (False, True):
                    name = route_name(place, dialect, backing, hasty=hasty)
                    targets = targets_of(place, dialect, backing)
                    parts.append(f'[routes."{name}"]\ntargets = {targets}\nattempts = {ATTEMPTS[backing]}\n')
                    if guarded and backing in {Backing.BACKED, Backing.DOOMED}:
                        parts.append("hedge_after = 0.3\nhedge_share = 1.0\n")
                    parts += [HASTY.format(name=name)] if hasty else []
    parts += [lane(number, *asked) for number, asked in enumerate(lanes)]
    return "".join(parts)


def lane_name(number: int) -> str:
    """The model that clients name for a lane."""
    return f"lane-{number}"


def lane(number: int, dialect: str, backing: Backing) -> str:
    """A route with a provider of its own, which may be given a rest without any harm to others."""
    here = provider("first", dialect).replace(f"first_{dialect}]", f"lane_{number}]", 1)
    targets = [f"lane_{number}/{MODELS[dialect]}", *targets_of("first", dialect, backing)[1:]]
    return f'{here}[routes."{lane_name(number)}"]\ntargets = {targets}\nattempts = {ATTEMPTS[backing]}\n'
