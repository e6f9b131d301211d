"""The prices of the known places' models: `prices.json`, which `scripts/prices` writes.

A price is that of the provider where the request goes. What is not in the list has no price: no other
provider's is taken for it.
"""

import datetime as dt
import fnmatch
import functools
import importlib.resources
import re
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from dragoman.models.price import Price, blended

_COMPACT_DATE = re.compile(r"-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=[-:]|$)")


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which model names an entry is for, in lower case: those of which anything said here holds."""

    equals: tuple[str, ...] = ()
    starts_with: tuple[str, ...] = ()
    ends_with: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    """Regular expressions that are searched for anywhere in the name."""
    all_of: tuple[Annotated[tuple["Match", ...], Meta(min_length=1)], ...] = ()
    """Groups of which everything has to hold."""

    def holds(self, name: str) -> bool:
        """Whether a name in lower case is meant."""
        return (
            name in self.equals
            or name.startswith(self.starts_with)
            or name.endswith(self.ends_with)
            or any(part in name for part in self.contains)
            or any(re.search(pattern, name) for pattern in self.regex)
            or any(all(match.holds(name) for match in group) for group in self.all_of)
        )


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of the file: a model of one provider. The first entry that fits a name decides."""

    model: str
    match: Match | None = None
    """Which names are meant; None for `model` alone."""
    price: Price | None = None
    """None where it is not for tokens, or not known."""

    def fits(self, name: str) -> bool:
        """Whether a model name in lower case is meant."""
        return name == self.model if self.match is None else self.match.holds(name)


class PriceList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file. The entries of a place, by its name in `providers/table.toml`, are left as they are until
    they are asked for.
    """

    source: str
    """The package and version that the prices were taken from."""
    checked: dt.date
    """When that was: prices that change at a date are those of this day."""
    places: dict[str, msgspec.Raw]


class Prices:
    """The prices of one gateway: the built-in ones, and what its configuration says instead."""

    def __init__(
        self,
        overrides: Mapping[str, Price] | None = None,
        places: Mapping[str, str] | None = None,
        flat: Mapping[str, tuple[Price, tuple[str, ...]]] | None = None,
    ) -> None:
        """Take prices by shell-style patterns of `provider/model`, of which the first that matches
        decides, the known places that providers under names of their own stand for, and what all models of a
        provider cost that are in no list, but for those whose names match a pattern.
        """
        self._overrides = {pattern.lower(): price for pattern, price in (overrides or {}).items()}
        self._places = dict(places or {})
        self._flat = dict(flat or {})
        self._of = functools.lru_cache(maxsize=1024)(self._look_up)

    def of(self, provider: str, model: str) -> Price | None:
        """What a provider's model costs, by its upstream name; None where that is not known."""
        return self._of(provider, model)

    def blended(self, provider: str, model: str) -> float | None:
        """The same as one number to compare, see `dragoman.models.price.blended`."""
        price = self.of(provider, model)
        return None if price is None else blended(price)

    def _look_up(self, provider: str, model: str) -> Price | None:
        name = f"{provider}/{model}".lower()
        for pattern, price in self._overrides.items():
            if fnmatch.fnmatchcase(name, pattern):
                return price
        listed = listed_price(self._places.get(provider, provider), model)
        if listed is not None or provider not in self._flat:
            return listed
        price, others = self._flat[provider]
        return None if any(fnmatch.fnmatchcase(model.lower(), other) for other in others) else price


def listed_price(place: str, model: str) -> Price | None:
    """What a known place's model costs according to the file; None where that is not known."""
    # Google's resource names
    name = model.lower().removeprefix("models/")
    found = _entry(place, name)
    if found is None and (dashed := _COMPACT_DATE.sub(r"-\1-\2-\3", name)) != name:
        found = _entry(place, dashed)
    if found is None or found.price is None:
        return None
    known = price_list()
    return msgspec.structs.replace(found.price, source=known.source, checked=known.checked)


@functools.cache
def price_list() -> PriceList:
    """The whole file, with its entries unread."""
    data = importlib.resources.files("dragoman.models").joinpath("prices.json").read_bytes()
    return msgspec.json.decode(data, type=PriceList)


def _entry(place: str, name: str) -> Entry | None:
    return next((entry for entry in _entries(place) if entry.fits(name)), None)


@functools.cache
def _entries(place: str) -> tuple[Entry, ...]:
    raw = price_list().places.get(place)
    return () if raw is None else msgspec.json.decode(raw, type=tuple[Entry, ...])
