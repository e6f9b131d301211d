"""The prices of the providers that the gateway runs with."""

import ipaddress
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import urlsplit

import msgspec

from dragoman.config.price_settings import PriceSettings, TokenPrices
from dragoman.config.settings import Settings
from dragoman.models.price import Price
from dragoman.models.prices import Prices
from dragoman.providers.provider import Provider
from dragoman.providers.table import Place, places

CONFIGURED = "the configuration"
"""The source of prices that the configuration has."""

_LOCAL_NAMES = (".local", ".internal", ".lan", ".localhost", ".home.arpa")


def build_prices(settings: Settings, providers: Mapping[str, Provider]) -> Prices:
    """What the models of these providers cost: by the configuration, else by the list of the known place
    that a provider is, under whatever name, else what that place says of all its models.
    """
    overrides = {pattern: price_of(price, CONFIGURED) for pattern, price in settings.prices.items()}
    return Prices(
        overrides,
        {name: provider.place for name, provider in providers.items()},
        {
            name: flat
            for name, provider in providers.items()
            if (flat := _flat(provider, places().get(provider.place)))
        },
    )


def price_of(settings: PriceSettings, source: str) -> Price:
    """A price of the configuration."""
    longer = [
        (long.tokens, _prices(long, source)) for long in sorted(settings.above, key=lambda long: long.tokens)
    ]
    return msgspec.structs.replace(
        _prices(settings, source), searches=_dollars(settings.searches), above=tuple(longer)
    )


def _prices(settings: TokenPrices, source: str) -> Price:
    said = {kind: _dollars(getattr(settings, kind)) for kind in TokenPrices.__struct_fields__}
    return msgspec.convert({**said, "source": source}, Price)


def _dollars(value: float | None) -> Decimal | None:
    """The number as it was written, not as it is stored."""
    return None if value is None else Decimal(repr(value))


def _flat(provider: Provider, place: Place | None) -> tuple[Price, tuple[str, ...]] | None:
    """What all models cost there, and those of which that is not true."""
    if place is None or place.price is None:
        return None
    if not (provider.embedded or is_local(provider.base_url)):
        return None  # whoever runs it elsewhere may want money for it
    return place.price, place.sold_elsewhere


def is_local(url: str) -> bool:
    """Whether an address is this machine, or one of a private network."""
    host = (urlsplit(url).hostname or "").lower()
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return bool(host) and ("." not in host or host.endswith(_LOCAL_NAMES))
