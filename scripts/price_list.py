#!/usr/bin/env python3
"""Writes the price list of `dragoman.models.prices` from the package genai-prices.

    price_list.py prices.json

The package needs libraries that a gateway has no use for, so what it knows about the known places is
written down once, one model on each line.
"""

import datetime as dt
import importlib.metadata
import sys
from decimal import Decimal
from pathlib import Path

import msgspec
from genai_prices import types
from genai_prices.data import providers

from dragoman.models.price import Price, blended
from dragoman.models.prices import Entry, Match

PLACES = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "google",
    "deepseek": "deepseek",
    "mistral": "mistral",
    "groq": "groq",
    "xai": "x-ai",
    "openrouter": "openrouter",
    "together": "together",
    "fireworks": "fireworks",
    "cerebras": "cerebras",
    "moonshot": "moonshotai",
    "zai": "zai",
}
"""The package's name of each known place that it has prices for."""

# kinds of tokens that usage does not tell apart (videos, cached sound) and other units (hours, pages) are
# left out
KINDS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "audio_input": "input_audio_mtok",
    "audio_output": "output_audio_mtok",
    "image_input": "input_image_mtok",
    "image_output": "output_image_mtok",
    "searches": "web_searches_kcount",
}


def price_list(day: dt.date) -> str:
    """The text of the file, with the prices of a day."""
    by_id = {provider.id: provider for provider in providers}
    head = {"source": f"genai-prices {importlib.metadata.version('genai-prices')}", "checked": day}
    places = ",\n".join(
        f'"{place}":[\n' + ",\n".join(_written(_entry(model, day)) for model in by_id[name].models) + "\n]"
        for place, name in PLACES.items()
    )
    return _written(head).removesuffix("}") + f',"places":{{\n{places}\n}}}}\n'


def _written(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _entry(model: types.ModelInfo, day: dt.date) -> Entry:
    match = parse_match(model.match)
    name = model.id.lower()
    return Entry(name, None if match == Match(equals=(name,)) else match, parse_price(model, day))


def parse_price(model: types.ModelInfo, day: dt.date) -> Price | None:
    """A model's price on a day; the dearest where it depends on the hour. None where tokens have none."""
    hours: list[types.ModelPrice] = []
    if isinstance(model.prices, types.ModelPrice):
        whole_day = model.prices
    else:
        whole_day = model.prices[0].prices
        for conditional in model.prices:
            if isinstance(conditional.constraint, types.TimeOfDateConstraint):
                hours.append(conditional.prices)
            elif conditional.constraint is None or conditional.constraint.start_date <= day:
                whole_day = conditional.prices
    price = _price(whole_day)
    if price is None and model.id.endswith(":free"):
        return Price(input=Decimal(0), output=Decimal(0))
    return max((one for one in (price, *map(_price, hours)) if one is not None), key=blended, default=None)


def _price(prices: types.ModelPrice) -> Price | None:
    found: dict[str, Decimal | types.TieredPrices] = {
        kind: value for kind, key in KINDS.items() if (value := getattr(prices, key, None)) is not None
    }
    if "input" not in found:
        return None
    tiers = [value for value in found.values() if isinstance(value, types.TieredPrices)]
    starts = sorted({tier.start for value in tiers for tier in value.tiers})
    dearer = tuple((start, _at(found, start + 1)) for start in starts)
    return msgspec.structs.replace(_at(found, 0), above=dearer)


def _at(found: dict[str, Decimal | types.TieredPrices], tokens: int) -> Price:
    """The prices of a request whose prompt has so many tokens."""
    plain = {kind: _tier(value, tokens) for kind, value in found.items()}
    return Price(
        input=plain["input"],
        output=plain.get("output", Decimal(0)),
        cache_read=plain.get("cache_read"),
        cache_write=plain.get("cache_write"),
        cache_write_1h=plain.get("cache_write_1h"),
        audio_input=plain.get("audio_input"),
        audio_output=plain.get("audio_output"),
        image_input=plain.get("image_input"),
        image_output=plain.get("image_output"),
        searches=plain.get("searches"),
    )


def _tier(value: Decimal | types.TieredPrices, tokens: int) -> Decimal:
    if isinstance(value, Decimal):
        return value
    return next((tier.price for tier in reversed(value.tiers) if tokens > tier.start), value.base)


def parse_match(clause: object) -> Match:
    """The package's rule of matching a name, with alternatives of one kind put together."""
    match clause:
        case types.ClauseEquals():
            return Match(equals=(clause.equals.lower(),))
        case types.ClauseStartsWith():
            return Match(starts_with=(clause.starts_with.lower(),))
        case types.ClauseEndsWith():
            return Match(ends_with=(clause.ends_with.lower(),))
        case types.ClauseContains():
            return Match(contains=(clause.contains.lower(),))
        case types.ClauseRegex():
            return Match(regex=(clause.regex,))
        case types.ClauseAnd():
            return Match(all_of=(tuple(parse_match(one) for one in clause.and_),))
        case types.ClauseOr():
            parts = [parse_match(one) for one in clause.or_]
            return Match(*(sum(same, ()) for same in zip(*map(msgspec.structs.astuple, parts), strict=True)))
        case _:
            raise TypeError(f"the package has a new kind of rule: {clause!r}")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(price_list(dt.datetime.now(dt.UTC).date()), "utf-8")
