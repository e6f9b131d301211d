"""`dragoman explain`: what would become of a request, and why. Sends nothing."""

import sys
from pathlib import Path

import click
import msgspec

from dragoman.cli.loading import fail, load
from dragoman.conversation.failure import FailureError
from dragoman.dialects.registry import DIALECTS
from dragoman.gateway.explanation import Candidate, Explanation, explain
from dragoman.providers.price_list import build_prices
from dragoman.routing.traffic import Traffic
from dragoman.server.service import build_router


class Orders(msgspec.Struct, frozen=True):
    """What the command line says."""

    config: Path | None
    model: str | None
    dialect: str
    tags: tuple[str, ...]
    stream: bool
    as_json: bool


def run(orders: Orders) -> None:
    """Print what would become of the request on standard input or, where there is none, of the model.

    Ends with status 2 for what cannot be explained.
    """
    settings, providers = load(orders.config)
    body = b"" if sys.stdin.isatty() else sys.stdin.buffer.read()
    try:
        explanation = explain(
            build_router(settings, providers, build_prices(settings, providers)),
            Traffic(settings.health, settings.queue),
            DIALECTS,
            dialect=DIALECTS[orders.dialect],
            model=orders.model,
            body=body if body.strip() else None,
            tags=orders.tags,
            stream=orders.stream,
        )
    except FailureError as error:
        param = f" ({error.failure.param})" if error.failure.param else ""
        fail(f"{error.failure.message}{param}")
    if orders.as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(explanation), indent=2).decode())
        return
    for line in lines(explanation):
        click.echo(line)


def lines(told: Explanation) -> list[str]:
    """An explanation for people."""
    limits = ", ".join(f"{name} {seconds:g} s" for name, seconds in told.timeouts.items())
    out = [
        f"model: {told.model}" + ("" if told.route else " (no route: the name leads to a provider)"),
        f"strategy: {told.strategy}",
        f"attempts: at most {told.attempts} upstream requests",
        f"time limits: {limits}",
    ]
    if told.affinity:
        out.append(f"affinity: a conversation stays where it was served for {told.affinity:g} s")
    if told.hedge is not None:
        after = told.hedge.after if isinstance(told.hedge.after, str) else f"{told.hedge.after:g} s"
        out.append(
            f"hedge: a second target after {after}, for at most {told.hedge.share:.0%} of the requests"
        )
    if told.needs is not None:
        out.append(f"the request: {_needs(told)}")
    out.append("asked, in this order:" if told.candidates else "asked: nobody")
    for number, candidate in enumerate(told.candidates, 1):
        out += [f"  {number}. {candidate.target}", *(f"     {line}" for line in _about(candidate))]
    if told.excluded:
        out.append("not asked:")
        out += [f"  {one.target}: {one.reason}" for one in told.excluded]
    return out


def _needs(told: Explanation) -> str:
    needs = told.needs
    if needs is None:
        return ""
    wanted = {
        "tools": needs.tools,
        "pictures": needs.images,
        "a JSON Schema": needs.json_schema,
        "a stream": needs.stream,
    }
    words = [name for name, wants in wanted.items() if wants]
    words.append(f"about {needs.input_tokens} input tokens")
    return ", ".join(words)


def _about(candidate: Candidate) -> list[str]:
    out: list[str] = []
    if candidate.unservable:
        out.append(f"cannot be sent this request: {candidate.unservable}")
    elif candidate.plan:
        out.append(f"{candidate.plan}, in {candidate.upstream_dialect}")
    else:
        out.append(f"speaks {candidate.upstream_dialect}")
    out += [f"loss: {loss}" for loss in candidate.losses]
    if candidate.emulated:
        out.append(f"done to the answer by the gateway: {', '.join(candidate.emulated)}")
    if candidate.conditions is not None:
        said = msgspec.to_builtins(candidate.conditions)
        known = {name: value for name, value in said.items() if value not in (None, (), [])}
        out.append("only where " + ", ".join(f"{name} = {_toml(value)}" for name, value in known.items()))
    if candidate.weight != 1.0:
        out.append(f"weight {candidate.weight:g}")
    if candidate.price is not None:
        out.append(f"{candidate.price:g} USD for 1M input and 250k output tokens")
    places = {"of this route": candidate.limits.route, "with this key": candidate.limits.provider}
    out += [f"at most {most} requests {whose} at once" for whose, most in places.items() if most is not None]
    if candidate.state != "healthy":
        out.append(f"at the moment: {candidate.state}")
    return out


def _toml(value: object) -> str:
    return msgspec.json.encode(value).decode()
