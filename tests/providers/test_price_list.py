"""What the models of a gateway's providers cost."""

from decimal import Decimal
from pathlib import Path

import pytest

from dragoman.config.file import load_settings
from dragoman.models.prices import Prices
from dragoman.providers.environment import build_providers
from dragoman.providers.price_list import build_prices


@pytest.fixture
def prices(tmp_path: Path) -> Prices:
    path = tmp_path / "dragoman.toml"
    path.write_text(
        """
        [providers.openai]
        base_url = "http://127.0.0.1:9110/v1"
        [providers.research]
        base_url = "https://api.groq.com/openai/v1"
        [providers.azure-eu]
        dialect = "openai_chat"
        base_url = "https://eu.example/v1"
        [prices."azure-eu/gpt-4.1*"]
        input = 2.2
        output = 8.8
        cache_read = 0.55
        cache_write = 0.1
        cache_write_1h = 3
        audio_input = 0.30000001
        [prices."*/gpt-4.1*"]
        input = 1
        output = 0
        """,
        "utf-8",
    )
    settings = load_settings(path, {})
    return build_prices(settings, build_providers(settings, {}))


def test_a_configured_price_is_the_one_that_was_written_to_the_last_digit(prices: Prices) -> None:
    price = prices.of("azure-eu", "gpt-4.1-mini")
    assert price is not None
    assert (price.input, price.output) == (Decimal("2.2"), Decimal("8.8"))
    assert (price.cache_read, price.cache_write) == (Decimal("0.55"), Decimal("0.1"))
    assert (price.cache_write_1h, price.audio_input) == (Decimal(3), Decimal("0.30000001"))
    assert price.audio_output is None
    assert (price.source, price.checked) == ("the configuration", None)


def test_the_first_configured_pattern_decides(prices: Prices) -> None:
    price = prices.of("openai", "gpt-4.1")
    assert price is not None
    assert (price.input, price.output) == (1, 0)


def test_other_models_of_a_known_name_have_the_built_in_price(prices: Prices) -> None:
    assert prices.of("openai", "gpt-4o") == Prices().of("openai", "gpt-4o") is not None


def test_a_provider_at_a_known_address_has_the_prices_of_that_place(prices: Prices) -> None:
    model = "llama-3.3-70b-versatile"
    assert prices.of("research", model) == Prices().of("groq", model) is not None


def test_a_place_that_is_not_known_has_no_prices_but_its_own(prices: Prices) -> None:
    assert prices.of("azure-eu", "gpt-4o") is None


def test_prices_are_compared_by_one_number(prices: Prices) -> None:
    assert prices.blended("azure-eu", "gpt-4.1") == 4.4
    assert prices.blended("azure-eu", "gpt-4o") is None
