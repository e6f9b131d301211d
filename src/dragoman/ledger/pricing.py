"""What upstream requests cost: before they are sent, at most, and when they are done, line by line.

A model without a price never counts as free: its requests are refused, or served with a cost that is marked
as unknown, or served at an assumed price, as the configuration says (`ledger.unpriced`).
"""

import functools
from typing import NamedTuple

import structlog

from dragoman.config.bookkeeping import Ledger
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.conversation.usage import Usage
from dragoman.models.price import counted, tariff_of
from dragoman.models.prices import Prices
from dragoman.models.tariff import Tariff
from dragoman.providers.price_list import price_of
from dragoman.store.entry import CostRow

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.ledger")

_MOST_QUOTES = 4096
_MOST_WARNINGS = 1000
"""Models that are warned about, each once: clients may name as many as they like."""

ASSUMED = "assumed"
"""What stands before the source of a price that is not known but assumed."""


class Quote(NamedTuple):
    """What one provider's model costs. Without a tariff, that is not known."""

    provider: str
    model: str
    tariff: Tariff | None = None
    source: str = ""
    """Where the price is from, and of when: `genai-prices 0.2.3, 2026-11-22`."""
    assumed: bool = False

    @property
    def unpriced(self) -> bool:
        """Whether there is no price."""
        return self.tariff is None


class Cost(NamedTuple):
    """What was used, in money. `nanos` are nano-dollars, of the `rows` together; None where nothing is known
    of what was used, or there is no price. `unpriced` says that something was used that has no price and is
    missing here.
    """

    nanos: int | None
    rows: tuple[CostRow, ...] = ()
    unpriced: bool = False
    source: str = ""


_NOTHING = Cost(None)
_UNPRICED = Cost(None, unpriced=True)


class Pricing:
    """The prices of one gateway, and what becomes of models that have none."""

    def __init__(self, prices: Prices, settings: Ledger) -> None:
        """Take the prices and `[ledger]`."""
        self._prices = prices
        self._policy = settings.unpriced
        self._assumed: Tariff | None = None
        if settings.unpriced == "assume" and settings.assumed_price is not None:
            self._assumed = tariff_of(price_of(settings.assumed_price, ASSUMED))
        self._warned: set[tuple[str, str]] = set()
        self.quote = functools.lru_cache(maxsize=_MOST_QUOTES)(self._quote)
        """What a provider's model costs, by its upstream name."""

    def refusal(self, quote: Quote, *, bounded: bool = False) -> Failure | None:
        """Why a model cannot be asked as long as it has no price; None if it can. `bounded` are requests
        whose cost is limited, by a budget or a limit of cost: they need a price whatever the policy.
        """
        if quote.tariff is not None or not (bounded or self._policy == "block"):
            return None
        return _no_price(quote, bounded=bounded)

    def worst(
        self,
        quote: Quote,
        prompt_tokens: int,
        output_tokens: int,
        copies: int = 1,
        *,
        media: bool = False,
        searches: int = 0,
    ) -> int:
        """The most that so many copies of a request may cost, in nano-dollars, each with a prompt and an
        answer of at most so many tokens: whatever the vendor's cache does, and however long prompts are
        priced. With `media`, also where all of it is sound or pictures.

        Raises `FailureError` where there is no price, see `refusal`.
        """
        if quote.tariff is None:
            raise FailureError(_no_price(quote, bounded=True))
        return copies * quote.tariff.worst_nanos(prompt_tokens, output_tokens, media=media, searches=searches)

    def cost(self, quote: Quote, usage: Usage | None) -> Cost:
        """What was used costs."""
        if usage is None or not counted(usage):
            return _NOTHING
        tariff = quote.tariff
        if tariff is None:
            self._warn(quote)
            return _UNPRICED
        lines = tariff.lines(usage)
        rows = tuple([CostRow(rate.kind, count, rate.price) for rate, count in lines])
        return Cost(tariff.nanos(lines), rows, not tariff.prices_all(usage), quote.source)

    def _quote(self, provider: str, model: str) -> Quote:
        price = self._prices.of(provider, model)
        if price is not None:
            return Quote(provider, model, tariff_of(price), price.origin)
        if self._assumed is not None:
            return Quote(provider, model, self._assumed, ASSUMED, assumed=True)
        return Quote(provider, model)

    def _warn(self, quote: Quote) -> None:
        name = (quote.provider, quote.model)
        if name in self._warned or len(self._warned) >= _MOST_WARNINGS:
            return
        self._warned.add(name)
        label = "/".join(name)
        _log.warning(
            "A model has no price: the cost of its requests is marked as unknown.",
            model=label,
            remedy=f"give it a price under [prices.{_quoted(label)}], or set ledger.unpriced",
        )


def _no_price(quote: Quote, *, bounded: bool) -> Failure:
    name = f"{quote.provider}/{quote.model}"
    why = (
        "and a budget or a limit of cost that holds for this key can only be kept where prices are known"
        if bounded
        else "and the gateway serves only models whose price is known"
    )
    return Failure(
        FailureKind.PERMISSION,
        f"The price of {name} is not known, {why}. Ask whoever runs the gateway to give it a price: "
        f"[prices.{_quoted(name)}] in its configuration.",
        param="model",
        code="model_without_price",
    )


def _quoted(name: str) -> str:
    """A name as a key of the configuration file."""
    escaped = "".join(
        one if one.isprintable() and one not in '"\\' else f"\\u{ord(one):04x}" for one in name[:200]
    )
    return f'"{escaped}"'
