"""Routes: what a model name means here.

A name is looked up in this order: a route of the configuration, `provider/model`, and a bare model
name that one provider's patterns know (`gpt-*`). The first that fits decides.
"""

import functools
from collections.abc import Mapping
from typing import Literal

import msgspec

from dragoman.config.settings import RouteSettings
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.dialects.dialect import ModelCard, Target
from dragoman.models.profile import Profiles, families
from dragoman.providers.provider import Provider

LONGEST_NAME = 512
"""Characters of a model's name; the longest in use are resource names of cloud vendors."""


class RouteTarget(msgspec.Struct, frozen=True):
    """One place that a route may go to: a provider, and the target as wire formats see it."""

    provider: Provider
    target: Target


class Route(msgspec.Struct, frozen=True):
    """A public model name and the targets behind it, in the order in which they are tried."""

    name: str
    targets: tuple[RouteTarget, ...]
    on_loss: Literal["report", "drop", "reject"] = "report"
    """What becomes of a request that a target gets with something left out or approximated."""
    show_reasoning: bool = True
    """Whether clients of another format than the target's get to read its reasoning."""


class Router:
    """Resolves model names. Built once from the configuration; holds no state of requests."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        routes: Mapping[str, RouteSettings],
        profiles: Profiles | None = None,
    ) -> None:
        """Take the providers and the settings of the routes, both by name, and what is known of models."""
        self._providers = providers
        self._profiles = profiles or Profiles()
        self._routes = {
            name: Route(
                name,
                tuple(self._target(*text.split("/", 1)) for text in route.targets),
                "reject" if route.strict else route.on_loss,
                route.reasoning == "show",
            )
            for name, route in routes.items()
        }
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
                cards.extend(_card(name, self._target(provider.name, name)) for name in names)
        return list({card.id: card for card in cards}.values())

    def card(self, model: str) -> ModelCard:
        """One model as the models endpoints show it. Raises `FailureError` (model not found)."""
        return _card(model, self.resolve(model).targets[0])

    def _look_up(self, model: str) -> Route | None:
        name, slash, rest = model.partition("/")
        if slash and rest and name in self._providers:
            return Route(model, (self._target(name, rest),))
        for provider in self._providers.values():
            if provider.serves(model):
                return Route(model, (self._target(provider.name, model),))
        return None

    def _target(self, provider_name: str, model: str) -> RouteTarget:
        provider = self._providers[provider_name]
        profile = self._profiles.of(model)
        return RouteTarget(
            provider,
            Target(
                provider=provider_name,
                model=model,
                origin=f"{provider_name}/{profile.family}",
                profile=profile,
                host=provider.host,
            ),
        )

    def _advice(self, model: str) -> str:
        known = [*self._routes, *(f"{name}/<model>" for name in self._providers)]
        if len(model) > LONGEST_NAME:
            model = model[:LONGEST_NAME] + "..."
        return f"The model '{model}' is not known here. Known: {', '.join(known[:12])}."


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
