"""What the models of a gateway's providers cost."""

from decimal import Decimal
from pathlib import Path

import pytest

from dragoman.config.file import load_settings
from dragoman.models.prices import Prices
from dragoman.providers.environment import build_providers
from dragoman.providers.price_list import build_prices, is_local


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
        image_input = 4
        image_output = 40.5
        searches = 12.5
        [[prices."azure-eu/gpt-4.1*".above]]
        tokens = 200_000
        input = 4.4
        output = 12
        [[prices."azure-eu/gpt-4.1*".above]]
        tokens = 100_000
        input = 3.3
        output = 10
        [prices."*/gpt-4.1*"]
        input = 1
        output = 0
        [providers.ollama]
        [providers.far]
        base_url = "https://models.example/v1"
        dialect = "openai_chat"
        [providers.demo]
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


def test_a_configured_price_knows_pictures_searches_and_long_prompts(prices: Prices) -> None:
    price = prices.of("azure-eu", "gpt-4.1")
    assert price is not None
    assert (price.image_input, price.image_output) == (4, Decimal("40.5"))
    assert price.searches == Decimal("12.5")
    assert [(tokens, longer.input) for tokens, longer in price.above] == [
        (100_000, Decimal("3.3")),
        (200_000, Decimal("4.4")),
    ]


def test_models_on_ones_own_machine_are_free_and_not_unpriced(prices: Prices) -> None:
    price = prices.of("ollama", "llama3")
    assert price is not None
    assert (price.input, price.output, price.source) == (0, 0, "one's own machine")


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "deepseek-v3.1:671B-Cloud", "kimi-k2:cloud"])
def test_models_that_are_only_passed_on_from_there_are_not_free(prices: Prices, model: str) -> None:
    assert prices.of("ollama", model) is None


def test_the_demo_model_has_a_price_to_try_budgets_with(prices: Prices) -> None:
    price = prices.of("demo", "demo")
    assert price is not None
    assert price.output > price.input > 0


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:11434/v1", True),
        ("http://127.0.0.1:1/v1", True),
        ("http://[::1]:1", True),
        ("http://10.2.3.4/v1", True),
        ("http://gpu-box:11434", True),
        ("http://gpu.lan", True),
        ("https://ollama.com/v1", False),
        ("https://8.8.8.8", False),
        ("", False),
    ],
)
def test_what_is_ones_own_is_told_by_its_address(url: str, local: bool) -> None:
    assert is_local(url) == local


def test_a_place_at_a_public_address_is_not_free(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.toml"
    path.write_text('[providers.ollama]\nbase_url = "https://ollama.com/v1"\n', "utf-8")
    settings = load_settings(path, {})
    assert build_prices(settings, build_providers(settings, {})).of("ollama", "llama3") is None
