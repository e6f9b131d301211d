"""The prices of the providers that the gateway runs with."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from dragoman.config.settings import PriceSettings, Settings
from dragoman.models.price import Price
from dragoman.models.prices import Prices
from dragoman.providers.provider import Provider


def build_prices(settings: Settings, providers: Mapping[str, Provider]) -> Prices:
    """What the models of these providers cost: by the configuration, else by the list of the known place
    that a provider is, under whatever name.
    """
    overrides = {pattern: _price(price) for pattern, price in settings.prices.items()}
    return Prices(overrides, {name: provider.place for name, provider in providers.items()})


def _price(settings: PriceSettings) -> Price:
    said = {kind: _dollars(value) for kind, value in msgspec.structs.asdict(settings).items()}
    return msgspec.convert({**said, "source": "the configuration"}, Price)


def _dollars(value: float | None) -> Decimal | None:
    """The number as it was written, not as it is stored."""
    return None if value is None else Decimal(repr(value))
