"""What cannot be meant about one route."""

import re

from dragoman.config.allowance_checks import check_rules
from dragoman.config.settings import Conditions, RouteSettings, Settings, TargetSettings
from dragoman.config.source import KeyPath, Source

_TARGET = re.compile(r"(?P<provider>[^/\s]+)/(?P<model>\S+)")


def check_route(name: str, settings: Settings) -> None:
    """Raise `ConfigError` for the first setting of a route that cannot be meant so."""
    source = settings.source
    route = settings.routes[name]
    path: KeyPath = ("routes", name)
    if not name:
        raise source.error(path, "a route needs a name", 'write it as [routes."name"]')
    targets = [TargetSettings(one) if isinstance(one, str) else one for one in route.targets]
    seen: list[tuple[str, Conditions]] = []
    for index, target in enumerate(targets):
        place: KeyPath = (*path, "targets", index)
        _check_name(place if isinstance(route.targets[index], str) else (*place, "target"), target, source)
        _check_conditions((*place, "when"), target.when, source)
        if (target.target, target.when) in seen:
            under = "" if target.when == Conditions() else " under the same conditions"
            raise source.error(place, f"'{target.target}' is listed twice{under}", "remove one of the two")
        seen.append((target.target, target.when))
        if route.strategy != "weighted" and (*place, "weight") in source.lines:
            raise source.error(
                (*place, "weight"),
                f'a weight does nothing under strategy = "{route.strategy}"',
                f'write strategy = "weighted" for routes.{name}, or remove the weight',
            )
    _check_hedging(path, route, targets, settings)
    check_rules(route, path, source.error)


def _check_name(path: KeyPath, target: TargetSettings, source: Source) -> None:
    if not _TARGET.fullmatch(target.target):
        raise source.error(
            path,
            f"'{target.target}' does not say provider and model",
            'write it as "provider/model", such as "openai/gpt-4o"',
        )


def _check_conditions(path: KeyPath, when: Conditions, source: Source) -> None:
    least, most = when.min_input_tokens, when.max_input_tokens
    if least is not None and most is not None and least > most:
        raise source.error(
            (*path, "min_input_tokens"),
            f"no prompt has at least {least} tokens and at most {most}",
            "write a min_input_tokens that is not greater than max_input_tokens",
        )


def _check_hedging(
    path: KeyPath, route: RouteSettings, targets: list[TargetSettings], settings: Settings
) -> None:
    source = settings.source
    if route.hedge_after is None:
        if (*path, "hedge_share") in source.lines:
            raise source.error(
                (*path, "hedge_share"),
                "without hedge_after, no second target is asked",
                'write hedge_after = "p95" as well, or remove hedge_share',
            )
        return
    if sum(_keys_of(target, settings) for target in targets) < 2:
        raise source.error(
            (*path, "hedge_after"),
            "there is no second target to ask, and no second key for the one",
            "add a target, give its provider api_keys, or remove hedge_after",
        )
    if (route.attempts or settings.retries.attempts) < 2:
        where: KeyPath = ("retries", "attempts") if route.attempts is None else (*path, "attempts")
        raise source.error(
            where,
            "a second target for slow answers (hedge_after) is a second attempt, and only one is allowed",
            "write attempts = 2 or more, or remove hedge_after",
        )


def _keys_of(target: TargetSettings, settings: Settings) -> int:
    """How many keys there are for a target, at least one."""
    provider = settings.providers.get(target.target.partition("/")[0])
    return 1 if provider is None else max(1, len(provider.api_keys))
