"""What a route does, in a few lines for people."""

import itertools
from collections.abc import Iterator
from typing import assert_never

from dragoman.cli.key_words import rules_in_words
from dragoman.config.settings import Conditions, Settings
from dragoman.routing.condition import unmet
from dragoman.routing.needs import Needs
from dragoman.routing.route import Route, RouteTarget

_FACTS = {
    "tools": ("with tools", "without tools"),
    "images": ("with pictures", "without pictures"),
    "json_schema": ("with a JSON Schema for the answer", "without a JSON Schema for the answer"),
    "stream": ("streamed", "not streamed"),
}
"""Yes-or-no conditions, in words."""

Place = tuple[RouteTarget, int]
"""A target, and how many keys there are for it."""


def describe_route(route: Route, settings: Settings) -> list[str]:
    """The line of a route, and one below it for each thing that is not as it is everywhere."""
    places = _places(route)
    lines = [f"{target.name}: {rules}" for target, keys in places if (rules := _rules(target, keys))]
    if route.hedge is not None:
        after = route.hedge.after
        slow = (
            f"when {after[1:]} % would have begun to answer"
            if isinstance(after, str)
            else f"after {after:g} s"
        )
        lines.append(
            f"a second target is asked {slow}, for at most {100 * route.hedge.share:.3g} % of all requests"
        )
    if route.attempts != settings.retries.attempts:
        lines.append(f"attempts: at most {route.attempts}")
    if rules := "; ".join(rules_in_words(settings.routes[route.name])):
        lines.append(f"held to: {rules}")
    if limits := ", ".join(_limits(route, settings)):
        lines.append(f"time limits: {limits}")
    lines += [f"note: {note}" for note in _notes(places, settings)]
    return [f"route {route.name}: {_order(route, places)}", *(f"  {line}" for line in lines)]


def _places(route: Route) -> list[Place]:
    """The targets of a route, those with several keys once."""
    found = itertools.groupby(route.targets, lambda one: (one.name, one.when))
    return [(group[0], len(group)) for _, each in found if (group := list(each))]


def _order(route: Route, places: list[Place]) -> str:
    names = [target.name for target, _ in places]
    if len(names) == 1:
        return names[0]
    match route.strategy:
        case "ordered":
            return ", then ".join(names)
        case "weighted":
            whole = sum(target.weight for target, _ in places)
            return "weighted: " + ", ".join(
                f"{one.name} ({100 * one.weight / whole:.3g} %)" for one, _ in places
            )
        case "least_busy":
            return "the least busy of " + ", ".join(names)
        case "fastest":
            return "the fastest of " + ", ".join(names)
        case "cheapest":
            priced = [target for target, _ in places if target.price is not None]
            priced.sort(key=lambda target: target.price or 0.0)
            others = [f"{target.name} (no price)" for target, _ in places if target.price is None]
            return "the cheapest of " + ", ".join(
                [f"{one.name} (${one.price:.4g})" for one in priced] + others
            )
        case _:
            assert_never(route.strategy)


def _rules(target: RouteTarget, keys: int) -> str:
    """What holds for a target that does not for others; empty if nothing does."""
    rules: list[str] = []
    if target.when is not None:
        rules.append("only requests " + ", ".join(_conditions(target.when)))
    if keys > 1:
        rules.append(f"{keys} keys")
    if target.max_concurrent is not None:
        rules.append(f"at most {target.max_concurrent} requests at once")
    return "; ".join(rules)


def _conditions(when: Conditions) -> Iterator[str]:
    for name, (yes, no) in _FACTS.items():
        wanted: bool | None = getattr(when, name)
        if wanted is not None:
            yield yes if wanted else no
    if when.min_input_tokens is not None:
        yield f"of at least {when.min_input_tokens} tokens"
    if when.max_input_tokens is not None:
        yield f"of at most {when.max_input_tokens} tokens"
    if when.tags:
        yield f"from keys with the tag {' or '.join(when.tags)}"


def _limits(route: Route, settings: Settings) -> Iterator[str]:
    for name in route.timeouts.__struct_fields__:
        own: float = getattr(route.timeouts, name)
        if own != getattr(settings.timeouts, name):
            yield f"{name} {own:g} s"


def _notes(places: list[Place], settings: Settings) -> Iterator[str]:
    conditions = [target.when for target, _ in places if target.when is not None]
    known = {tag for key in settings.keys.values() for tag in key.tags}
    for tag in dict.fromkeys(tag for when in conditions for tag in when.tags):
        if tag not in known:
            yield f"no key has the tag {tag}"
    if len(conditions) == len(places) and (lost := _unserved(conditions, settings)) is not None:
        yield f"some requests have nowhere to go, such as one {lost}"


def _unserved(conditions: list[Conditions], settings: Settings) -> str | None:
    """A request that meets none of the conditions, in words; None if there is no such request."""
    asked = [name for name in _FACTS if any(getattr(when, name) is not None for when in conditions)]
    lengths = {0}
    for when in conditions:
        if when.min_input_tokens:
            lengths |= {when.min_input_tokens - 1, when.min_input_tokens}
        if when.max_input_tokens is not None:
            lengths |= {when.max_input_tokens, when.max_input_tokens + 1}
    holders = [key.tags for key in settings.keys.values()]
    if settings.auth.keys or not holders:
        holders.append(())
    for facts in itertools.product((False, True), repeat=len(asked)):
        given = dict(zip(asked, facts, strict=True))
        for length, tags in itertools.product(sorted(lengths), holders):
            needs = Needs(**given, input_tokens=length, tags=frozenset(tags))
            if all(unmet(when, needs) for when in conditions):
                words = [_FACTS[name][0 if fact else 1] for name, fact in given.items()]
                if len(lengths) > 1:
                    words.append(f"of {length} tokens")
                if any(when.tags for when in conditions):
                    words.append(
                        f"from a key with the tags {', '.join(tags)}" if tags else "from a key without tags"
                    )
                return ", ".join(words)
    return None
