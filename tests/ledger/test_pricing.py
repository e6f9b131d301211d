"""What requests cost, and what becomes of models without a price."""

from decimal import Decimal

import pytest
import structlog

from dragoman.config.bookkeeping import Ledger
from dragoman.config.price_settings import PriceSettings
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.usage import Usage
from dragoman.ledger.pricing import Cost, Pricing
from dragoman.models.money import to_nanos
from dragoman.models.price import Price, cost_of
from dragoman.models.prices import Prices
from dragoman.store.entry import CostRow

USED = Usage(input=1000, output=100)
KNOWN = Price(input=Decimal(3), output=Decimal(15), source="a list")
FREE = Price(input=Decimal(0), output=Decimal(0))


def pricing(settings: Ledger | None = None) -> Pricing:
    return Pricing(Prices({"a/known": KNOWN, "a/free": FREE}), settings or Ledger())


def test_a_cost_has_its_lines_and_its_source() -> None:
    prices = pricing()
    cost = prices.cost(prices.quote("a", "known"), USED)
    assert cost == Cost(
        4_500_000, (CostRow("input", 1000, "3"), CostRow("output", 100, "15")), source="a list"
    )


def test_what_the_built_in_list_says_is_what_is_paid() -> None:
    prices = Pricing(Prices(), Ledger())
    price = Prices().of("anthropic", "claude-sonnet-4-5")
    assert price is not None
    cost = prices.cost(prices.quote("anthropic", "claude-sonnet-4-5"), USED)
    assert cost.nanos == to_nanos(cost_of(USED, price) or Decimal(0)) > 0
    assert cost.source == price.origin


@pytest.mark.parametrize("usage", [None, Usage(), Usage(reasoning=3)])
def test_of_unknown_usage_the_cost_is_not_known(usage: Usage | None) -> None:
    prices = pricing()
    assert prices.cost(prices.quote("a", "known"), usage) == Cost(None)
    assert prices.cost(prices.quote("a", "new"), usage) == Cost(None)


def test_what_is_free_costs_nothing_and_is_priced() -> None:
    prices = pricing()
    cost = prices.cost(prices.quote("a", "free"), USED)
    assert (cost.nanos, cost.unpriced) == (0, False)


def test_usage_without_a_price_is_never_free() -> None:
    prices = pricing()
    quote = prices.quote("a", "new")
    assert quote.unpriced
    assert prices.cost(quote, USED) == Cost(None, unpriced=True)


def test_searches_without_a_price_are_told_to_be_missing() -> None:
    prices = pricing()
    cost = prices.cost(prices.quote("a", "known"), Usage(input=1000, output=100, searches=1))
    assert (cost.nanos, cost.unpriced) == (4_500_000, True)


def test_a_model_without_a_price_is_warned_about_once() -> None:
    prices = pricing()
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            prices.cost(prices.quote("a", 'new"\n'), USED)
        prices.cost(prices.quote("a", "newer"), USED)
    assert [entry["model"] for entry in logs] == ['a/new"\n', "a/newer"]
    assert '[prices."a/new\\u0022\\u000a"]' in logs[0]["remedy"]


def test_by_default_models_without_a_price_are_served() -> None:
    prices = pricing()
    assert prices.refusal(prices.quote("a", "new")) is None


@pytest.mark.parametrize(("policy", "bounded"), [("block", False), ("block", True), ("warn", True)])
def test_a_refusal_names_the_model_and_the_remedy(policy: str, bounded: bool) -> None:
    prices = pricing(Ledger(unpriced="block" if policy == "block" else "warn"))
    refusal = prices.refusal(prices.quote("a", "new"), bounded=bounded)
    assert refusal is not None
    assert refusal.kind is FailureKind.PERMISSION
    assert "a/new" in refusal.message
    assert '[prices."a/new"]' in refusal.message
    assert ("budget" in refusal.message) == bounded
    assert prices.refusal(prices.quote("a", "known"), bounded=bounded) is None
    assert prices.refusal(prices.quote("a", "free"), bounded=bounded) is None


def test_an_assumed_price_is_marked() -> None:
    prices = pricing(Ledger(unpriced="assume", assumed_price=PriceSettings(input=5.0, output=20.5)))
    quote = prices.quote("a", "new")
    assert quote.assumed
    assert prices.refusal(quote, bounded=True) is None
    cost = prices.cost(quote, USED)
    assert (cost.nanos, cost.unpriced, cost.source) == (7_050_000, False, "assumed")
    assert cost.rows[1] == CostRow("output", 100, "20.5")
    assert not prices.quote("a", "known").assumed


def test_the_worst_case_is_for_all_copies() -> None:
    prices = pricing()
    quote = prices.quote("a", "known")
    assert prices.worst(quote, 1000, 100) == 4_500_000
    assert prices.worst(quote, 1000, 100, 3) == 13_500_000


def test_nothing_can_be_set_aside_for_what_has_no_price() -> None:
    prices = pricing()
    with pytest.raises(FailureError, match="a/new"):
        prices.worst(prices.quote("a", "new"), 1, 1)
