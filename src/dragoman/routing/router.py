"""Routes: what a model name means here.

A name is looked up in this order: a route of the configuration, `provider/model`, and a bare model
name that one provider's patterns know (`gpt-*`). The first that fits decides.
"""

import functools
from collections.abc import Callable, Mapping

import msgspec

from dragoman.config.settings import (
    Conditions,
    Retries,
    RouteSettings,
    RouteTimeouts,
    TargetSettings,
    Timeouts,
)
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.dialects.dialect import ModelCard, Target
from dragoman.models.profile import Profiles, families
from dragoman.providers.provider import Provider
from dragoman.routing.route import Hedge, Route, RouteTarget

LONGEST_NAME = 512
"""Characters of a model's name; the longest in use are resource names of cloud vendors."""


PriceList = Callable[[str, str], float | None]
"""What a provider's model costs, as `RouteTarget.price` has it; None where that is not known."""

_ANY = Conditions()


def _unpriced(_provider: str, _model: str) -> float | None:
    return None


class Router:
    """Resolves model names. Built once from the configuration; holds no state of requests."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        routes: Mapping[str, RouteSettings],
        profiles: Profiles | None = None,
        *,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        price: PriceList = _unpriced,
    ) -> None:
        """Take the providers and the settings of the routes, both by name; what is known of models and of
        what they cost; and what holds for routes that say nothing else.
        """
        self._providers = providers
        self._profiles = profiles or Profiles()
        self._price = price
        self._timeouts = timeouts or Timeouts()
        self._retries = retries or Retries()
        self._routes = {name: self._route(name, route) for name, route in routes.items()}
        self._resolve = functools.lru_cache(maxsize=1024)(self._look_up)

    def resolve(self, model: str) -> Route:
        """The route for a model name. Raises `FailureError` (model not found) if nothing fits."""
        # what was looked up is kept for the next time: only names that can be meant as such
        route = self._routes.get(model) or (self._resolve(model) if len(model) <= LONGEST_NAME else None)
        if route is None:
            raise FailureError(Failure(FailureKind.MODEL_NOT_FOUND, self._advice(model), param="model"))
        return route

    def cards(self) -> list[ModelCard]:
        """The models worth listing: the routes, else the well-known models of the providers here."""
        cards = [_card(name, route.targets[0]) for name, route in self._routes.items()]
        for provider in self._providers.values():
            names = provider.models or _well_known(provider)
            if provider.models or not self._routes:
                cards.extend(
                    _card(name, self._places(TargetSettings(f"{provider.name}/{name}"))[0]) for name in names
                )
        return list({card.id: card for card in cards}.values())

    def card(self, model: str) -> ModelCard:
        """One model as the models endpoints show it. Raises `FailureError` (model not found)."""
        return _card(model, self.resolve(model).targets[0])

    def _route(self, name: str, route: RouteSettings) -> Route:
        described = [
            TargetSettings(target) if isinstance(target, str) else target for target in route.targets
        ]
        targets = tuple(place for target in described for place in self._places(target))
        return Route(
            name,
            targets,
            strategy=route.strategy,
            affinity=route.affinity,
            hedge=None if route.hedge_after is None else Hedge(route.hedge_after, route.hedge_share),
            attempts=route.attempts or self._retries.attempts,
            timeouts=_merged(self._timeouts, route.timeouts),
            on_loss="reject" if route.strict else route.on_loss,
            show_reasoning=route.reasoning == "show",
            cache=route.cache,
        )

    def _look_up(self, model: str) -> Route | None:
        name, slash, rest = model.partition("/")
        target: TargetSettings | None = None
        if slash and rest and name in self._providers:
            target = TargetSettings(model)
        else:
            found = next((one.name for one in self._providers.values() if one.serves(model)), None)
            target = None if found is None else TargetSettings(f"{found}/{model}")
        if target is None:
            return None
        return Route(
            model,
            tuple(self._places(target)),
            attempts=self._retries.attempts,
            timeouts=self._timeouts,
            configured=False,
        )

    def _places(self, settings: TargetSettings) -> list[RouteTarget]:
        """A target at a provider, once for each of the provider's keys."""
        provider_name, model = settings.target.split("/", 1)
        provider = self._providers[provider_name]
        profile = self._profiles.of(model)
        target = Target(
            provider=provider_name,
            model=model,
            origin=f"{provider_name}/{profile.family}",
            profile=profile,
            host=provider.host,
        )
        when = None if settings.when == _ANY else settings.when
        price = self._price(provider_name, model)
        keyed = provider.keyed()
        return [
            RouteTarget(
                one,
                target,
                settings.target,
                provider_name if len(keyed) == 1 else f"{provider_name}#{number}",
                settings.weight,
                settings.max_concurrent,
                when,
                price,
            )
            for number, one in enumerate(keyed, 1)
        ]

    def _advice(self, model: str) -> str:
        known = [*self._routes, *(f"{name}/<model>" for name in self._providers)]
        if len(model) > LONGEST_NAME:
            model = model[:LONGEST_NAME] + "..."
        return f"The model '{model}' is not known here. Known: {', '.join(known[:12])}."


def _merged(timeouts: Timeouts, own: RouteTimeouts) -> Timeouts:
    """The limits of a route: its own, and for the rest those of all."""
    said = {field: value for field in own.__struct_fields__ if (value := getattr(own, field)) is not None}
    return msgspec.structs.replace(timeouts, **said) if said else timeouts


def _well_known(provider: Provider) -> list[str]:
    """The models of a provider that a user without routes may want: those that it is known for."""
    exact = [pattern for pattern in provider.model_patterns if not set(pattern) & set("*?[")]
    listed = [model for family in families() for model in family.models if provider.serves(model)]
    return list(dict.fromkeys([*exact, *listed]))


def _card(name: str, target: RouteTarget) -> ModelCard:
    return ModelCard(
        id=name,
        created=0,
        owner=target.provider.name,
        max_output_tokens=target.target.profile.max_output_tokens,
    )
